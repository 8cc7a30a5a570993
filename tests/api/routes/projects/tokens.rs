//! Writes with a token that has the scope `write`.

use portcullis::store::users::Role;

use super::*;

#[apply(on_both_databases)]
async fn token_with_default_scopes_may_create_a_project(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "deploy script" })).await;
    let script = server.anonymous.with_token(created["token"].as_str().unwrap());
    script.post(Projects::PATH, Projects::body("x")).await.expect(201);
}

#[apply(on_both_databases)]
async fn demoted_admins_token_may_still_create_a_project(backend: Backend) {
    let server = backend.start().await;
    server.sign_up_admin("admin").await;
    let ada = server.sign_up_admin("ada").await;
    let script = ada.token(&["read", "write", "admin"]).await;
    server.set_role(&ada, Role::User).await;
    script.post(&reactivation(&ada.id), json!({})).await.assert_problem(403, "admin_required");
    script.post(Projects::PATH, Projects::body("x")).await.expect(201);
}
