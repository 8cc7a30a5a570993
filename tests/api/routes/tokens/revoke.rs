//! DELETE /api/tokens/{id} and DELETE /api/tokens/current

use portcullis::time::days;

use super::*;

const CURRENT: &str = "/api/tokens/current";

#[apply(on_both_databases)]
async fn revoke_token_without_credentials_is_unauthorized(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let made = ada.create_token(json!({ "name": "hers" })).await;
    server.anonymous.delete(&place(&made)).await.assert_problem(401, "UNAUTHORIZED");
    server.anonymous.delete(CURRENT).await.assert_problem(401, "UNAUTHORIZED");
    holder(&server, &made).get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn revoke_token_with_another_token_is_forbidden(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let sister = admin.create_token(json!({ "name": "sister" })).await;
    for scopes in [&["read"] as &[_], &["write"], &["read", "write", "admin"]] {
        let script = admin.token(scopes).await;
        script.delete(&place(&sister)).await.assert_problem(403, "cookie_required");
    }
    holder(&server, &sister).get("/api/me").await.expect(200);
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
    let sister = ada.create_token(json!({ "name": "sister" })).await;
    ada.browser.delete(&place(&revoked)).await.expect(204);
    server.advance(days(1));
    for (dead, code) in [(&revoked, "token_invalid"), (&expired, "token_expired")] {
        let script = holder(&server, dead);
        script.delete(CURRENT).await.assert_problem(401, code);
        script.delete(&place(&sister)).await.assert_problem(401, code);
    }
    holder(&server, &sister).get("/api/me").await.expect(200);
    let shown = ada.browser.get(&place(&expired)).await.expect(200);
    assert_eq!(shown["state"], "expired");
}

#[apply(on_both_databases)]
async fn revoked_token_is_unauthorized_and_other_tokens_still_work(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let made = ada.create_token(json!({ "name": "gone" })).await;
    let sister = ada.create_token(json!({ "name": "sister" })).await;
    let script = holder(&server, &made);
    script.get("/api/me").await.expect(200);
    ada.browser.delete(&place(&made)).await.expect(204);
    script.get("/api/me").await.assert_problem(401, "token_invalid");
    let shown = ada.browser.get(&place(&made)).await.expect(200);
    assert_eq!(shown["state"], "revoked");
    assert_eq!(shown["revokedAt"], server.now().to_string());
    holder(&server, &sister).get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn revoke_token_is_idempotent_and_keeps_the_first_date(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let made = ada.create_token(json!({ "name": "gone" })).await;
    let first = server.now().to_string();
    ada.browser.delete(&place(&made)).await.expect(204);
    // By a session that is not fresh any more: to revoke needs no password.
    server.advance(days(2));
    ada.browser.delete(&place(&made)).await.expect(204);
    assert_eq!(ada.browser.get(&place(&made)).await.expect(200)["revokedAt"], first);
}

#[apply(on_both_databases)]
async fn revoke_current_token_works_with_any_scope(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let sister = admin.token(&["read"]).await;
    for scopes in [&["read"] as &[_], &["write"], &["admin"], &["read", "write", "admin"]] {
        let made = admin.create_token(json!({ "name": "gone", "scopes": scopes })).await;
        let script = holder(&server, &made);
        script.delete(CURRENT).await.expect(204);
        script.delete(CURRENT).await.assert_problem(401, "token_invalid");
        script.get("/api/me").await.assert_problem(401, "token_invalid");
        let shown = admin.browser.get(&place(&made)).await.expect(200);
        assert_eq!(shown["state"], "revoked");
    }
    sister.get("/api/me").await.expect(200);
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
