//! A test to copy. Its name states the operation, the condition and the outcome.

use portcullis::time::days;

use crate::support::*;

#[apply(on_both_databases)]
async fn revoke_token_after_a_day_makes_its_requests_unauthorized(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let token = ada.create_token(json!({ "name": "deploy", "scopes": ["write"] })).await;
    let script = server.anonymous.with_token(token["token"].as_str().unwrap());

    let project = script.post("/api/projects", json!({ "name": "Engine" })).await.expect(201);
    script.get("/api/projects").await.assert_problem(403, "insufficient_scope");

    server.advance(days(1));
    let path = format!("/api/tokens/{}", token["id"].as_str().unwrap());
    ada.browser.delete(&path).await.expect(204);
    script.post("/api/projects", json!({})).await.assert_problem(401, "token_invalid");
    let list = ada.browser.get("/api/projects").await.expect(200);
    assert_eq!(list["items"], json!([project]));
}
