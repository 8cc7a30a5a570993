//! GET /api/projects/{id}

use super::*;

#[apply(on_both_databases)]
async fn nobody_sees_a_project(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let place = make(&ada.browser, "hers").await;
    server.anonymous.get(&place).await.assert_problem(401, "UNAUTHORIZED");
}

#[apply(on_both_databases)]
async fn a_strangers_project_is_not_there(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let admin = server.sign_up_admin("admin").await;
    let place = make(&ada.browser, "hers").await;
    let stranger = grace.token(&["read"]).await;
    for caller in [&grace.browser, &stranger, &admin.browser] {
        caller.get(&place).await.assert_problem(404, "not_found");
    }
}

#[apply(on_both_databases)]
async fn an_id_that_is_none_is_not_there(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for place in unknown_projects() {
        ada.browser.get(&place).await.assert_problem(404, "not_found");
    }
}

#[apply(on_both_databases)]
async fn its_owner_sees_it_with_either_key(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let place = make(&ada.browser, "hers").await;
    for caller in [&ada.browser, &ada.token(&["read"]).await] {
        assert_eq!(caller.get(&place).await.expect(200)["name"], "hers");
    }
}
