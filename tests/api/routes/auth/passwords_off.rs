//! `PORTCULLIS_PASSWORDS=off`.

use super::*;

const DISABLED: &str = "EMAIL_PASSWORD_DISABLED";

/// Signs up with a mailed link.
async fn sign_up_by_link(server: &Server, email: &str) -> Caller {
    let body = json!({ "email": email });
    server.anonymous.post("/api/auth/sign-in/magic-link", body).await.expect(200);
    let body = json!({ "token": server.last_mail_to(email).await.secret() });
    let reply = server.anonymous.post("/api/auth/magic-link/verify", body).await;
    server.anonymous.with_cookie(&reply.cookie().unwrap())
}

#[apply(on_both_databases)]
async fn passwords_are_rejected_where_they_are_off(backend: Backend) {
    let server = backend.start_with(&["--passwords", "off"]).await;
    let anonymous = &server.anonymous;
    let credentials = json!({ "name": "Ada", "email": "ada@example.com", "password": PASSWORD });
    anonymous.post(SIGN_UP, credentials.clone()).await.assert_problem(400, DISABLED);
    anonymous.post(SIGN_IN, credentials).await.assert_problem(400, DISABLED);
    let body = json!({ "email": "ada@example.com" });
    anonymous.post(REQUEST_RESET, body).await.assert_problem(400, DISABLED);
    reset_password(&server, "x", NEW_PASSWORD).await.assert_problem(400, DISABLED);
    let ada = sign_up_by_link(&server, "ada@example.com").await;
    let body = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
    ada.post(CHANGE_PASSWORD, body).await.assert_problem(400, DISABLED);
    let hashes = "SELECT id AS value FROM accounts";
    assert!(select(&server, hashes).await.is_empty());
}

#[tokio::test]
async fn pages_have_no_password_fields_where_passwords_are_off() {
    for (setting, shown) in [("on", true), ("off", false)] {
        let server = Backend::Sqlite.start_with(&["--passwords", setting]).await;
        for page in ["/login", "/signup"] {
            let text = server.anonymous.navigate(page).await.text;
            assert_eq!(text.contains("type=\"password\""), shown, "{page} {setting}");
            assert!(text.contains("/magic-link") || shown, "{page} {setting}");
        }
        let ada = sign_up_by_link(&server, "ada@example.com").await;
        let text = ada.navigate("/settings").await.text;
        assert_eq!(text.contains("id=\"new-password\""), shown);
    }
}

#[apply(on_both_databases)]
async fn invitation_sets_no_password_where_passwords_are_off(backend: Backend) {
    let server = backend.start_with(&["--passwords", "off"]).await;
    let admin = sign_up_by_link(&server, "admin@example.com").await;
    execute(&server, "UPDATE users SET role = 'admin'").await;
    let admin_id = select(&server, "SELECT id AS value FROM users").await;
    assert_eq!(admin_id.len(), 1);
    let body = json!({ "name": "Ada", "email": "ada@example.com" });
    admin.post("/api/admin/users", body).await.expect(201);
    let mail = server.last_mail_to("ada@example.com").await;
    assert_eq!(mail.subject, "Your account at Portcullis");
    assert!(!mail.text.contains("token="), "{}", mail.text);
    sign_up_by_link(&server, "ada@example.com").await.get(ME).await.expect(200);
}
