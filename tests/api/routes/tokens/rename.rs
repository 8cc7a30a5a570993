//! `PATCH /api/tokens/{id}`

use super::*;

#[apply(on_both_databases)]
async fn rename_token_with_token_is_forbidden(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let all = json!({ "name": "all", "scopes": ["read", "write", "admin"] });
    let created = admin.create_token(all).await;
    let other_token = admin.create_token(json!({ "name": "other" })).await;
    let script = token_caller(&server, &created);
    for token in [&created, &other_token] {
        let reply = script.patch(&token_path(token), json!({ "name": "x" })).await;
        reply.assert_problem(403, "cookie_required");
        assert_eq!(admin.browser.get(&token_path(token)).await.expect(200)["name"], token["name"]);
    }
}

#[apply(on_both_databases)]
async fn rename_token_changes_the_name_and_the_token_still_works(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "before" })).await;
    let mut expected = public_token(&created);
    expected["name"] = json!("after");
    let renamed =
        ada.browser.patch(&token_path(&created), json!({ "name": "after" })).await.expect(200);
    assert_eq!(renamed, expected);
    assert_eq!(ada.browser.get(&token_path(&created)).await.expect(200), expected);
    token_caller(&server, &created).get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn rename_without_a_name_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "script" })).await;
    ada.browser
        .patch(&token_path(&created), json!({}))
        .await
        .assert_problem(422, "validation_failed");
    assert_eq!(ada.browser.get(&token_path(&created)).await.expect(200), public_token(&created));
}
