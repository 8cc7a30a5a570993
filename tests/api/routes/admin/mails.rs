//! POST /api/admin/users/{id}/mails

use portcullis::time::{days, seconds};

use super::*;

fn mails(id: &str) -> String {
    format!("{USERS}/{id}/mails")
}

fn about(what: &str) -> Value {
    json!({ "about": what })
}

async fn choose_password(server: &Server, secret: &str) -> Reply {
    let body = json!({ "newPassword": PASSWORD, "token": secret });
    server.anonymous.post("/api/auth/reset-password", body).await
}

#[apply(on_both_databases)]
async fn send_email_to_user_requires_admin_with_fresh_session_or_write_token(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let (path, reset) = (mails(&ada.id), about("reset-password"));
    let reader = admin.token(&["read", "admin"]).await;
    let writer = admin.token(&["write", "admin"]).await;
    server.wait_for_jobs().await;
    server.clear_outbox().await;
    server.anonymous.post(&path, reset.clone()).await.assert_problem(401, "UNAUTHORIZED");
    ada.browser.post(&path, reset.clone()).await.assert_problem(403, "admin_required");
    reader.post(&path, reset.clone()).await.assert_problem(403, "insufficient_scope");
    for id in unknown_ids() {
        admin.browser.post(&mails(&id), reset.clone()).await.assert_problem(404, "not_found");
    }
    for body in [json!({}), about("change-email"), json!({ "about": "invitation", "to": "x" })] {
        admin.browser.post(&path, body).await.assert_problem(422, "validation_failed");
    }
    server.advance(days(1));
    admin.browser.post(&path, reset.clone()).await.assert_problem(403, "SESSION_NOT_FRESH");
    assert_eq!(server.outbox().await.len(), 0);
    writer.post(&path, reset).await.expect(204);
    assert_eq!(server.mail_to(&ada.email).await.len(), 1);
}

#[apply(on_both_databases)]
async fn send_email_to_user_is_conflict_unless_its_kind_applies(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let email = "grace@example.com";
    let created = create_user(&admin.browser, "Grace", email).await;
    let path = mails(created["id"].as_str().unwrap());
    let missed = server.last_mail_to(email).await.secret();
    let send = async |what: &str| admin.browser.post(&path, about(what)).await;

    for what in ["reset-password", "verify-email"] {
        send(what).await.assert_problem(409, "conflict");
    }
    send("invitation").await.expect(204);
    let invited = server.last_mail_to(email).await.secret();
    assert_ne!(invited, missed);
    choose_password(&server, &missed).await.assert_problem(400, "INVALID_TOKEN");
    server.advance(days(2));
    choose_password(&server, &invited).await.expect(200);
    let server_admin = admin.browser.with_password_entered().await;
    let send = async |path: &str, what: &str| server_admin.post(path, about(what)).await;
    // She has verified her email, and has a password.
    let log = events(&server_admin).await;
    for what in ["invitation", "verify-email"] {
        let problem = send(&path, what).await.assert_problem(409, "conflict");
        assert!(problem["detail"].as_str().unwrap().contains("already"), "{problem}");
    }
    assert_eq!(events(&server_admin).await, log, "a mail that is not sent leaves no event");
    send(&path, "reset-password").await.expect(204);
    let event = events(&server_admin).await.remove(0);
    assert_eq!(event["action"], "mail-sent");
    assert_eq!(event["actorId"], admin.id.as_str());
    assert_eq!(event["subjectId"], created["id"]);
    assert_eq!(event["detail"], about("reset-password"));
    let reset = server.last_mail_to(email).await.secret();
    choose_password(&server, &reset).await.expect(200);

    let ada = server.sign_up("ada").await;
    send(&mails(&ada.id), "verify-email").await.expect(204);
    let link = server.last_mail_to(&ada.email).await.secret();
    let confirmed = server.anonymous.post("/api/auth/verify-email", json!({ "token": link })).await;
    confirmed.expect(200);

    server.clear_outbox().await;
    server_admin.post(&format!("{}/deactivate", user_path(&ada)), json!({})).await.expect(200);
    for what in ["invitation", "verify-email", "reset-password"] {
        send(&mails(&ada.id), what).await.assert_problem(409, "conflict");
    }
    assert_eq!(server.outbox().await.len(), 0);
}

#[apply(on_both_databases)]
async fn send_email_over_mailbox_rate_limit_is_too_many_requests(backend: Backend) {
    let server = backend.start_with(&["--limit-mailbox", "2/1h"]).await;
    let admin = server.sign_up_admin("admin").await;
    let created = create_user(&admin.browser, "Grace", "grace@example.com").await;
    let path = mails(created["id"].as_str().unwrap());
    for _ in 0..2 {
        admin.browser.post(&path, about("invitation")).await.expect(204);
    }
    let log = events(&admin.browser).await;
    let reply = admin.browser.post(&path, about("invitation")).await;
    assert!(reply.header("retry-after").is_some());
    reply.assert_problem(429, "too_many_requests");
    assert_eq!(events(&admin.browser).await, log);
    assert_eq!(
        server.mail_to("grace@example.com").await.len(),
        3,
        "including the first invitation"
    );
    server.advance(seconds(30 * 60));
    admin.browser.post(&path, about("invitation")).await.expect(204);
}
