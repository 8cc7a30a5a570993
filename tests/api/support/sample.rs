//! A test to copy. Its name states the operation, the condition and the outcome.

use portcullis::time::days;

use crate::support::*;

#[apply(on_both_databases)]
async fn revoke_token_after_a_day_makes_its_requests_unauthorized(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let token = ada.create_token(json!({ "name": "deploy", "scopes": ["read"] })).await;
    let script = server.anonymous.with_token(token["token"].as_str().unwrap());

    let list = script.get(TOKENS).await.expect(200);
    assert_eq!(each(list["items"].as_array().unwrap(), "name"), ["deploy"]);
    script.post(&reactivation(&ada.id), json!({})).await.assert_problem(403, "insufficient_scope");

    server.advance(days(1));
    let path = format!("{TOKENS}/{}", token["id"].as_str().unwrap());
    ada.browser.delete(&path).await.expect(204);
    script.get(TOKENS).await.assert_problem(401, "token_invalid");
    let revoked = ada.browser.get(&path).await.expect(200);
    assert_eq!(revoked["revokedAt"], server.now().to_string());
}
