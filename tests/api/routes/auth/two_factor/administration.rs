//! Admins and the operator remove the second factor of a user who has lost it.

use tempfile::TempDir;

use super::{VERIFY, challenged};
use crate::support::*;

fn path(user: &TestUser) -> String {
    format!("/api/admin/users/{}/two-factor", user.id)
}

#[apply(on_both_databases)]
async fn reset_by_another_user_or_of_an_unknown_one_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("root").await;
    let (mut ada, bob) = (server.sign_up("ada").await, server.sign_up("bob").await);
    ada.enable_two_factor(&server).await;
    bob.browser.delete(&path(&ada)).await.assert_problem(403, "admin_required");
    ada.browser.delete(&path(&ada)).await.assert_problem(403, "admin_required");
    let unknown = "/api/admin/users/019ab2c4-7d10-7a4e-9c3b-2f6e8d0a1b5c/two-factor";
    admin.browser.delete(unknown).await.assert_problem(404, "not_found");
    // Idempotent, and a user without one loses nothing.
    admin.browser.delete(&path(&bob)).await.expect(204);
    bob.browser.get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn reset_ends_sessions_and_challenges_and_sends_an_email(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("root").await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let waiting = challenged(&server, &ada).await;
    let shown = admin.browser.get(&format!("/api/admin/users/{}", ada.id)).await.expect(200);
    assert_eq!(shown["twoFactorEnabled"], true);
    admin.browser.delete(&path(&ada)).await.expect(204);
    ada.browser.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
    let body = json!({ "code": app.code(server.now()) });
    waiting.post(VERIFY, body).await.assert_problem(401, "INVALID_TWO_FACTOR_COOKIE");
    let mail = server.last_mail_to(&ada.email).await;
    assert!(mail.subject.contains("was reset"), "{}", mail.subject);
    ada.browser = server.sign_in(&ada).await;
    ada.enable_two_factor(&server).await;
}

#[apply(on_both_databases)]
async fn reset_ends_the_wait_after_wrong_codes(backend: Backend) {
    let server = backend.start_with(&["--max-failed-logins", "1"]).await;
    let admin = server.sign_up_admin("root").await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let wrong = json!({ "code": app.wrong_code(server.now()) });
    let waiting = challenged(&server, &ada).await;
    waiting.post(VERIFY, wrong.clone()).await.assert_problem(401, "INVALID_CODE");
    waiting.post(VERIFY, wrong).await.assert_problem(429, "ACCOUNT_TEMPORARILY_LOCKED");
    admin.browser.delete(&path(&ada)).await.expect(204);
    ada.browser = server.sign_in(&ada).await;
    ada.enable_two_factor(&server).await;
    challenged(&server, &ada).await;
}

#[apply(on_both_databases)]
async fn operator_resets_it_at_the_command_line(backend: Backend) {
    let folder = TempDir::new().unwrap();
    let url = backend.database(folder.path()).await;
    let server = Server::on(&url, TempDir::new().unwrap(), &[]).await;
    let mut ada = server.sign_up("ada").await;
    ada.enable_two_factor(&server).await;
    let settings = [("DATABASE_URL", url.as_str())];
    let command = ["user", "reset-two-factor", ada.email.as_str()];
    let said = succeeds(run(folder.path(), &settings, &command, ""));
    assert!(said.contains("ada@example.com has no second factor any more"), "{said}");
    ada.browser.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
    server.sign_in(&ada).await;
}
