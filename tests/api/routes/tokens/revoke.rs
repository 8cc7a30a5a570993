//! `DELETE /api/tokens/{id}` and `DELETE /api/tokens/current`

use portcullis::time::days;

use super::*;

const CURRENT: &str = "/api/tokens/current";

#[apply(on_both_databases)]
async fn revoke_token_without_credentials_is_unauthorized(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "script" })).await;
    server.anonymous.delete(&token_path(&created)).await.assert_problem(401, "UNAUTHORIZED");
    server.anonymous.delete(CURRENT).await.assert_problem(401, "UNAUTHORIZED");
    token_caller(&server, &created).get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn revoke_token_with_another_token_is_forbidden(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let other_token = admin.create_token(json!({ "name": "other" })).await;
    for scopes in [&["read"] as &[_], &["write"], &["read", "write", "admin"]] {
        let script = admin.token(scopes).await;
        script.delete(&token_path(&other_token)).await.assert_problem(403, "cookie_required");
    }
    token_caller(&server, &other_token).get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn revoke_current_token_with_cookie_is_forbidden(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let script = ada.token(&["read"]).await;
    ada.browser.delete(CURRENT).await.assert_problem(403, "token_required");
    script.get("/api/me").await.expect(200);
    ada.browser.get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn revoke_token_with_expired_or_revoked_token_is_unauthorized(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let revoked = ada.create_token(json!({ "name": "revoked" })).await;
    let expired = ada.create_token(json!({ "name": "expired", "expiresInDays": 1 })).await;
    let other_token = ada.create_token(json!({ "name": "other" })).await;
    ada.browser.delete(&token_path(&revoked)).await.expect(204);
    server.advance(days(1));
    for (token, code) in [(&revoked, "token_invalid"), (&expired, "token_expired")] {
        let script = token_caller(&server, token);
        script.delete(CURRENT).await.assert_problem(401, code);
        script.delete(&token_path(&other_token)).await.assert_problem(401, code);
    }
    token_caller(&server, &other_token).get("/api/me").await.expect(200);
    let shown = ada.browser.get(&token_path(&expired)).await.expect(200);
    assert_eq!(shown["state"], "expired");
}

#[apply(on_both_databases)]
async fn revoked_token_is_unauthorized_and_other_tokens_still_work(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "script" })).await;
    let other_token = ada.create_token(json!({ "name": "other" })).await;
    let script = token_caller(&server, &created);
    script.get("/api/me").await.expect(200);
    ada.browser.delete(&token_path(&created)).await.expect(204);
    script.get("/api/me").await.assert_problem(401, "token_invalid");
    let shown = ada.browser.get(&token_path(&created)).await.expect(200);
    assert_eq!(shown["state"], "revoked");
    assert_eq!(shown["revokedAt"], server.now().to_string());
    token_caller(&server, &other_token).get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn revoke_token_is_idempotent_and_keeps_the_first_date(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "script" })).await;
    let first = server.now().to_string();
    ada.browser.delete(&token_path(&created)).await.expect(204);
    // Revoking a token does not require a fresh session.
    server.advance(days(2));
    ada.browser.delete(&token_path(&created)).await.expect(204);
    assert_eq!(ada.browser.get(&token_path(&created)).await.expect(200)["revokedAt"], first);
}

#[apply(on_both_databases)]
async fn revoke_current_token_works_with_any_scope(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let other_token = admin.token(&["read"]).await;
    for scopes in [&["read"] as &[_], &["write"], &["admin"], &["read", "write", "admin"]] {
        let created = admin.create_token(json!({ "name": "script", "scopes": scopes })).await;
        let script = token_caller(&server, &created);
        script.delete(CURRENT).await.expect(204);
        script.delete(CURRENT).await.assert_problem(401, "token_invalid");
        script.get("/api/me").await.assert_problem(401, "token_invalid");
        let shown = admin.browser.get(&token_path(&created)).await.expect(200);
        assert_eq!(shown["state"], "revoked");
    }
    other_token.get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn revoke_current_token_with_cookie_and_token_revokes_the_token(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let script = ada.token(&["read"]).await;
    let cookie = grace.browser.cookie.as_ref().unwrap();
    let both = server.anonymous.with_both(cookie, script.token.as_ref().unwrap());
    both.delete(CURRENT).await.expect(204);
    script.get("/api/me").await.assert_problem(401, "token_invalid");
    grace.browser.get("/api/me").await.expect(200);
}
