//! `PORTCULLIS_PASSWORDS=off`.

use tempfile::TempDir;

use super::*;
use crate::security::headers::PAGES;

const DISABLED: &str = "EMAIL_PASSWORD_DISABLED";
const MAGIC_LINK: &str = "/api/auth/sign-in/magic-link";
const RESTORE: &str = "/api/auth/restore-access";

/// Starts a server without passwords, on which a provider is a sign-in method.
async fn start(backend: Backend) -> Server {
    backend.start_with_providers_and(&["--passwords", "off"]).await
}

/// Requests a link to sign in, and returns the email that arrives.
async fn magic_link(server: &Server, email: &str) -> Email {
    server.anonymous.post(MAGIC_LINK, json!({ "email": email })).await.expect(200);
    server.last_mail_to(email).await
}

/// Returns the fields of an operation's body that are passwords.
fn password_fields<'a>(document: &'a Value, operation: &Operation<'a>) -> Vec<&'a str> {
    let schema = &operation.value["requestBody"]["content"]["application/json"]["schema"];
    let fields = resolve(document, schema)["properties"].as_object();
    let names = fields.into_iter().flatten().map(|(name, _)| name.as_str());
    names.filter(|name| name.to_lowercase().contains("password")).collect()
}

#[apply(on_both_databases)]
async fn every_operation_with_a_password_in_its_body_rejects_it_where_passwords_are_off(
    backend: Backend,
) {
    let server = start(backend).await;
    let ada = server.sign_up_by_link("ada").await;
    let document = server.anonymous.get("/openapi.json").await.expect(200);
    let mut rejected = 0;
    for operation in Operation::all(&document) {
        let fields = password_fields(&document, &operation);
        if fields.is_empty() {
            continue;
        }
        let mut body = operation.example().unwrap().clone();
        for field in fields {
            body[field] = json!(NEW_PASSWORD);
        }
        let request = ada.browser.request(operation.method.clone(), operation.path).json(&body);
        let reply = Reply::of(request).await;
        assert_eq!(reply.header("set-cookie"), None, "{}", operation.id);
        reply.assert_problem(400, DISABLED);
        rejected += 1;
    }
    assert_eq!(rejected, 11);
    let reset = json!({ "email": ada.email });
    server.anonymous.post(REQUEST_RESET, reset).await.assert_problem(400, DISABLED);
    assert!(select(&server, "SELECT id AS value FROM accounts").await.is_empty());
    ada.browser.get(ME).await.expect(200);
}

#[apply(on_both_databases)]
async fn first_admin_is_created_without_a_password_where_passwords_are_off(backend: Backend) {
    let server = start(backend).await;
    let mut body = json!({ "token": "x", "name": "Grace", "email": "grace@example.com" });
    let reply = server.anonymous.post("/api/setup", body.clone()).await;
    reply.assert_problem(400, "INVALID_TOKEN");
    body["token"] = json!(server.issue_setup_link().await);
    let reply = server.anonymous.post("/api/setup", body).await;
    let grace = server.anonymous.with_cookie(&reply.cookie().unwrap());
    assert_eq!(reply.expect(201)["user"]["role"], "admin");
    grace.get("/api/admin/users").await.expect(200);
    assert!(select(&server, "SELECT id AS value FROM accounts").await.is_empty());
    let grace = server.sign_in_by_link("grace@example.com").await;
    assert_eq!(current_user(&grace).await["role"], "admin");
}

#[tokio::test]
async fn commands_read_no_password_where_passwords_are_off() {
    let home = TempDir::new().unwrap();
    let settings = [("PORTCULLIS_PASSWORDS", "off")];
    let run = |arguments: &[&str]| run(home.path(), &settings, arguments, "");
    let create = ["user", "create", "--email", "root@example.com", "--name", "Root", "--admin"];
    let created = succeeds(run(&create));
    assert!(created.contains("Created root@example.com (admin)"), "{created}");
    let refusal = fails(run(&["user", "password", "root@example.com"]));
    assert_eq!(refusal.trim(), "portcullis: PORTCULLIS_PASSWORDS is off: users have no password");
}

#[tokio::test]
async fn server_without_any_sign_in_method_does_not_start() {
    let home = TempDir::new().unwrap();
    let (providers, mail) = (file_with_providers(home.path()).await, "smtp://mail.example.com");
    let off = ("PORTCULLIS_PASSWORDS", "off");
    let refusal = fails(run(home.path(), &[off], &["serve"], ""));
    assert!(refusal.contains("PORTCULLIS_PASSWORDS=off needs PORTCULLIS_SMTP_URL"), "{refusal}");
    assert_eq!(refusal.lines().count(), 1);
    for other in [("PORTCULLIS_PROVIDERS_FILE", providers.as_str()), ("PORTCULLIS_SMTP_URL", mail)]
    {
        drop(ServerProcess::start(home.path(), &[off, other]));
    }
}

#[tokio::test]
async fn pages_offer_no_password_where_passwords_are_off() {
    for (setting, shown) in [("on", true), ("off", false)] {
        let server = Backend::Sqlite.start_with_providers_and(&["--passwords", setting]).await;
        let anonymous = &server.anonymous;
        for page in ["/login", "/signup", "/setup"] {
            let text = anonymous.navigate(page).await.text;
            assert_eq!(text.contains("type=\"password\""), shown, "{page} {setting}");
            assert!(text.contains("/magic-link") || shown || page == "/setup", "{page} {setting}");
        }
        let ada = server.sign_up_by_link("ada").await;
        execute(&server, "UPDATE users SET role = 'admin'").await;
        // A password from before they were turned off.
        let sql = "INSERT INTO accounts (id, user_id, provider_id, account_id, password_hash, created_at, updated_at)
                   SELECT id, id, 'credential', id, 'x', created_at, updated_at FROM users";
        execute(&server, sql).await;
        let user = format!("/admin/users/{}", ada.id);
        let mut offers = Vec::new();
        for page in PAGES.into_iter().chain([user.as_str()]) {
            for caller in [anonymous, &ada.browser] {
                let text = caller.navigate(page).await.text;
                let offered = ["type=\"password\"", "#password", "-password\"", ">Password<"];
                if offered.iter().any(|offer| text.contains(offer)) {
                    offers.push(page);
                }
            }
        }
        assert_eq!(offers.is_empty(), !shown, "{setting}: {offers:?}");
    }
}

#[tokio::test]
async fn user_without_a_password_deletes_the_account_by_a_mailed_link_on_the_page() {
    let server = Backend::Sqlite.start().await;
    for (user, asks) in
        [(server.sign_up("ada").await, true), (server.sign_up_by_link("grace").await, false)]
    {
        let text = user.browser.navigate("/settings").await.text;
        assert_eq!(text.contains("id=\"leave-password\""), asks);
        assert_eq!(text.contains("id=\"current-password\""), asks);
    }
}

#[apply(on_both_databases)]
async fn invitation_sets_no_password_where_passwords_are_off(backend: Backend) {
    let server = start(backend).await;
    let admin = server.sign_up_by_link("admin").await;
    execute(&server, "UPDATE users SET role = 'admin'").await;
    let body = json!({ "name": "Ada", "email": "ada@example.com" });
    let created = admin.browser.post("/api/admin/users", body).await.expect(201);
    let mail = server.last_mail_to("ada@example.com").await;
    assert_eq!(mail.subject, "Your account at Portcullis");
    assert!(!mail.text.contains("token="), "{}", mail.text);
    let mails = format!("/api/admin/users/{}/mails", created["id"].as_str().unwrap());
    let reply = admin.browser.post(&mails, json!({ "about": "reset-password" })).await;
    reply.assert_problem(409, "conflict");
    for about in ["invitation", "verify-email"] {
        admin.browser.post(&mails, json!({ "about": about })).await.expect(204);
    }
    server.sign_in_by_link("ada@example.com").await.get(ME).await.expect(200);
}

/// Suspends a user's access, and returns the link that restores it.
async fn suspended(server: &Server, user: &TestUser) -> String {
    server.suspend(user).await;
    let mail = server.last_mail_to(&user.email).await;
    assert_eq!(mail.subject, "Restore access to Portcullis");
    let link = mail.link();
    assert_eq!((link.path(), link.query()), ("/restore-access", None));
    mail.secret()
}

async fn restore(server: &Server, secret: &str) -> Reply {
    server.anonymous.post(RESTORE, json!({ "token": secret })).await
}

#[apply(on_both_databases)]
async fn suspended_user_restores_access_by_a_new_link_where_passwords_are_off(backend: Backend) {
    let server = start(backend).await;
    let mut ada = server.sign_up_by_link("ada").await;
    let mut passkey = ada.add(server.passkey()).await;
    let script = ada.token(&["read", "write"]).await;
    let sql = "INSERT INTO accounts (id, user_id, provider_id, account_id, password_hash, created_at, updated_at)
               SELECT id, id, 'credential', id, 'x', created_at, updated_at FROM users";
    execute(&server, sql).await;
    let first = suspended(&server, &ada).await;

    // Opening the page changes nothing, and the operation accepts no GET.
    let reply = server.anonymous.navigate(&format!("/restore-access?token={first}")).await;
    assert_eq!((reply.status.as_u16(), reply.cookie()), (200, None));
    let reply = server.anonymous.get(&format!("{RESTORE}?token={first}")).await;
    assert_eq!(reply.status, 405);
    ada.browser.get(ME).await.assert_problem(401, "access_suspended");

    // A link to sign in is of no use meanwhile: another one that restores access takes its place.
    let mail = magic_link(&server, &ada.email).await;
    assert_eq!(mail.subject, "Restore access to Portcullis");
    restore(&server, &first).await.assert_problem(401, "INVALID_TOKEN");
    let body = json!({ "token": mail.secret() });
    let reply = server.anonymous.post("/api/auth/magic-link/verify", body).await;
    reply.assert_problem(401, "INVALID_TOKEN");
    let reply = restore(&server, &mail.secret()).await;
    let browser = server.anonymous.with_cookie(&reply.cookie().unwrap());
    assert_eq!(reply.expect(200)["user"]["id"], ada.id);
    browser.get(ME).await.expect(200);

    for caller in [&ada.browser, &script] {
        assert_eq!(caller.get(ME).await.status, 401, "what was valid before is revoked");
    }
    let reply = server.anonymous.use_passkey(&mut passkey).await;
    reply.assert_problem(401, "PASSKEY_NOT_FOUND");
    assert!(select(&server, "SELECT id AS value FROM accounts").await.is_empty());
    restore(&server, &mail.secret()).await.assert_problem(401, "INVALID_TOKEN");
    let actions = select(&server, "SELECT action AS value FROM activity ORDER BY id").await;
    assert_eq!(actions[actions.len() - 3..], ["access-suspended", "access-restored", "signed-in"]);
    assert_eq!(magic_link(&server, &ada.email).await.subject, "Sign in to Portcullis");
    ada.browser = server.sign_in_by_link(&ada.email).await;
    ada.token(&["read"]).await.get(ME).await.expect(200);
}

#[apply(on_both_databases)]
async fn second_factor_stays_due_after_access_is_restored_by_a_link(backend: Backend) {
    let server = start(backend).await;
    let mut ada = server.sign_up_by_link("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let reply = restore(&server, &suspended(&server, &ada).await).await;
    assert_eq!(reply.cookie(), None);
    let challenge = reply.cookie_named(CHALLENGE).unwrap();
    assert_eq!(reply.expect(200)["twoFactorRedirect"], true);
    server.advance(seconds(30));
    let body = json!({ "code": app.code(server.now()) });
    let browser = server.anonymous.with_cookie(&challenge);
    let reply = browser.post("/api/auth/two-factor/verify-totp", body).await;
    assert!(reply.cookie().is_some());
}

#[apply(on_both_databases)]
async fn thief_who_has_changed_the_email_cannot_restore_access_where_passwords_are_off(
    backend: Backend,
) {
    let server = start(backend).await;
    let ada = server.sign_up_by_link("ada").await;
    let secret = change_email_link(&server, &ada.browser, "thief@example.com").await;
    confirm_email(&ada.browser, &secret).await.expect(200);
    server.suspend(&ada).await;
    server.wait_for_jobs().await;
    let subjects: Vec<String> =
        server.mail_to("thief@example.com").await.into_iter().map(|mail| mail.subject).collect();
    assert!(!subjects.contains(&"Restore access to Portcullis".to_owned()), "{subjects:?}");
    let mail = magic_link(&server, "thief@example.com").await;
    restore(&server, &mail.secret()).await.assert_problem(403, "USER_SUSPENDED");
    ada.browser.get(ME).await.assert_problem(401, "access_suspended");
}

#[apply(on_both_databases)]
async fn link_that_restores_access_expires_and_ends_with_an_admins_help(backend: Backend) {
    let server = start(backend).await;
    let ada = server.sign_up_by_link("ada").await;
    let secret = suspended(&server, &ada).await;
    server.advance(seconds(60 * 60));
    restore(&server, &secret).await.assert_problem(401, "TOKEN_EXPIRED");
    for unknown in ["", "x", "x\0"] {
        restore(&server, unknown).await.assert_problem(401, "INVALID_TOKEN");
    }
    let secret = magic_link(&server, &ada.email).await.secret();
    let grace = server.sign_up_by_link("grace").await;
    execute(&server, &format!("UPDATE users SET role = 'admin' WHERE id = '{}'", grace.id)).await;
    reactivate(&grace, &ada).await;
    restore(&server, &secret).await.assert_problem(401, "INVALID_TOKEN");
    ada.browser.get(ME).await.expect(200);
}

#[apply(on_both_databases)]
async fn restore_access_rejects_token_and_csrf_requests(backend: Backend) {
    let server = start(backend).await;
    for origin in ["http://evil.example", "null"] {
        let request = server.anonymous.bare(Method::POST, RESTORE).header("Origin", origin);
        assert_eq!(Reply::of(request.json(&json!({ "token": "x" }))).await.status, 403);
    }
    let ada = server.sign_up_by_link("ada").await;
    let reply = ada.token(&["read", "write"]).await.post(RESTORE, json!({ "token": "x" })).await;
    reply.assert_problem(403, "cookie_required");
}
