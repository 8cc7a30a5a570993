//! PATCH /api/tokens/{id}

use super::*;

#[apply(on_both_databases)]
async fn rename_token_with_token_is_forbidden(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let all = json!({ "name": "all", "scopes": ["read", "write", "admin"] });
    let made = admin.create_token(all).await;
    let sister = admin.create_token(json!({ "name": "sister" })).await;
    let script = holder(&server, &made);
    for token in [&made, &sister] {
        let reply = script.patch(&place(token), json!({ "name": "x" })).await;
        reply.assert_problem(403, "cookie_required");
        assert_eq!(admin.browser.get(&place(token)).await.expect(200)["name"], token["name"]);
    }
}

#[apply(on_both_databases)]
async fn rename_token_changes_the_name_and_the_token_still_works(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let made = ada.create_token(json!({ "name": "before" })).await;
    let mut expected = view(&made);
    expected["name"] = json!("after");
    let renamed = ada.browser.patch(&place(&made), json!({ "name": "after" })).await.expect(200);
    assert_eq!(renamed, expected);
    assert_eq!(ada.browser.get(&place(&made)).await.expect(200), expected);
    holder(&server, &made).get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn rename_without_a_name_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let made = ada.create_token(json!({ "name": "hers" })).await;
    ada.browser.patch(&place(&made), json!({})).await.assert_problem(422, "validation_failed");
    assert_eq!(ada.browser.get(&place(&made)).await.expect(200), view(&made));
}
