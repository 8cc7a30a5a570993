//! GET /api/tokens/{id}

use super::*;

#[apply(on_both_databases)]
async fn nobody_sees_a_token(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let made = ada.create_token(json!({ "name": "hers" })).await;
    server.anonymous.get(&place(&made)).await.assert_problem(401, "UNAUTHORIZED");
}

#[apply(on_both_databases)]
async fn a_strangers_token_is_not_there(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let admin = server.sign_up_admin("admin").await;
    let made = ada.create_token(json!({ "name": "hers" })).await;
    let stranger = grace.token(&["read"]).await;
    for caller in [&grace.browser, &stranger, &admin.browser] {
        caller.get(&place(&made)).await.assert_problem(404, "not_found");
    }
}

#[apply(on_both_databases)]
async fn an_id_that_is_none_is_not_there(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for place in unknown_tokens() {
        ada.browser.get(&place).await.assert_problem(404, "not_found");
    }
}

#[apply(on_both_databases)]
async fn its_owner_sees_all_of_it_but_the_token(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let made = ada.create_token(json!({ "name": "hers" })).await;
    for caller in [&ada.browser, &holder(&server, &made)] {
        assert_eq!(caller.get(&place(&made)).await.expect(200), view(&made));
    }
}
