//! Mailed links that sign in, and those that create an account.

use super::*;

const REQUEST: &str = "/api/auth/sign-in/magic-link";
const USE: &str = "/api/auth/magic-link/verify";

async fn request(server: &Server, email: &str) -> Reply {
    server.anonymous.post(REQUEST, json!({ "email": email })).await
}

async fn use_link(caller: &Caller, secret: &str) -> Reply {
    caller.post(USE, json!({ "token": secret })).await
}

/// Mails a link, and returns its secret.
async fn link(server: &Server, email: &str) -> String {
    request(server, email).await.expect(200);
    server.last_mail_to(&email.to_lowercase()).await.secret()
}

/// Calls the protocol's GET as a script does.
async fn fetch(server: &Server, query: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = server.anonymous.bare(Method::GET, &format!("{USE}?{query}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Reply::of(request).await
}

const SCRIPT: [(&str, &str); 2] = [("sec-fetch-mode", "cors"), ("sec-fetch-site", "same-origin")];

async fn users(server: &Server) -> Vec<String> {
    select(server, "SELECT email AS value FROM users ORDER BY email").await
}

/// Returns how the user has authenticated in each session.
async fn methods(server: &Server, user_id: &str) -> Vec<String> {
    let sql =
        format!("SELECT methods AS value FROM sessions WHERE user_id = '{user_id}' ORDER BY id");
    select(server, &sql).await
}

async fn confirm_email_of(server: &Server, user: &TestUser) {
    let sql = format!("UPDATE users SET email_verified = TRUE WHERE id = '{}'", user.id);
    execute(server, &sql).await;
}

struct SignInLink;

impl MailedLink for SignInLink {
    const LIFETIME: Span = seconds(5 * 60);
    const INVALID: Rejection = (401, "INVALID_TOKEN");
    const EXPIRED: Rejection = (401, "TOKEN_EXPIRED");

    async fn issue(server: &Server, _: &TestUser, name: &str) -> (TestUser, String) {
        let user = server.sign_up(name).await;
        confirm_email_of(server, &user).await;
        let secret = Self::issue_newer(server, &user).await;
        (user, secret)
    }

    async fn issue_newer(server: &Server, user: &TestUser) -> String {
        link(server, &user.email).await
    }

    async fn redeem(server: &Server, _: &TestUser, secret: &str) -> Reply {
        use_link(&server.anonymous, secret).await
    }

    async fn took_effect(server: &Server, _: &TestUser, user: &TestUser) -> bool {
        methods(server, &user.id).await.contains(&"magic-link".to_owned())
    }
}

mailed_link!(SignInLink);

#[apply(on_both_databases)]
async fn sign_in_link_starts_a_session_and_records_the_method(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    confirm_email_of(&server, &ada).await;
    let secret = link(&server, "ADA@example.com").await;
    let reply = use_link(&server.anonymous, &secret).await;
    let browser = server.anonymous.with_cookie(&reply.cookie().unwrap());
    assert_secret_not_disclosed(&reply, browser.cookie.as_ref().unwrap());
    let answer = reply.expect(200);
    assert_eq!(answer["token"], answer["session"]["id"]);
    assert_eq!(answer["session"]["amr"], json!(["otp"]));
    assert_eq!(answer["user"]["id"], ada.id);
    assert_eq!(answer.get("url"), None);
    browser.get(ME).await.expect(200);
    ada.browser.get(ME).await.expect(200);
    assert_eq!(methods(&server, &ada.id).await, ["password", "magic-link"]);
    let sql = "SELECT detail AS value FROM activity WHERE action = 'signed-in' ORDER BY id DESC";
    let detail: Value = serde_json::from_str(&select(&server, sql).await[0]).unwrap();
    assert_eq!(detail["methods"], json!(["magic-link"]));
}

#[apply(on_both_databases)]
async fn magic_link_to_an_unknown_email_creates_a_verified_user_when_it_is_used(backend: Backend) {
    let server = backend.start().await;
    let body = json!({ "email": "Eve@Example.com", "name": "Eve", "newUserCallbackURL": "/welcome", "callbackURL": "/" });
    server.anonymous.post(REQUEST, body).await.expect(200);
    let message = server.last_mail_to("eve@example.com").await;
    assert_eq!(message.subject, "Your account at Portcullis");
    let url = message.link();
    assert_eq!(url.path(), "/magic-link");
    assert_eq!(url.query(), Some("callbackURL=%2F&newUserCallbackURL=%2Fwelcome"));
    assert!(users(&server).await.is_empty(), "nothing is created before the link is used");
    let secret = message.secret();
    let body = json!({ "token": secret, "callbackURL": "/", "newUserCallbackURL": "/welcome" });
    let answer = server.anonymous.post(USE, body).await.expect(200);
    assert_eq!(answer["url"], "/welcome");
    assert_eq!(answer["user"]["emailVerified"], true);
    assert_eq!(answer["user"]["name"], "Eve");
    use_link(&server.anonymous, &secret).await.assert_problem(401, "INVALID_TOKEN");
    let again = link(&server, "eve@example.com").await;
    let body = json!({ "token": again, "callbackURL": "/", "newUserCallbackURL": "/welcome" });
    assert_eq!(server.anonymous.post(USE, body).await.expect(200)["url"], "/");
    assert_eq!(users(&server).await, ["eve@example.com"]);
}

#[apply(on_both_databases)]
async fn sign_up_link_expires_after_five_minutes_and_is_superseded_by_a_newer_one(
    backend: Backend,
) {
    let server = backend.start().await;
    let older = link(&server, "eve@example.com").await;
    let newer = link(&server, "eve@example.com").await;
    use_link(&server.anonymous, &older).await.assert_problem(401, "INVALID_TOKEN");
    server.advance(seconds(5 * 60));
    use_link(&server.anonymous, &newer).await.assert_problem(401, "INVALID_TOKEN");
    assert!(users(&server).await.is_empty());
    let third = link(&server, "eve@example.com").await;
    advance_to_just_before(&server, seconds(5 * 60));
    let answer = use_link(&server.anonymous, &third).await.expect(200);
    assert_eq!(answer["user"]["name"], "eve");
}

#[apply(on_both_databases)]
async fn concurrent_uses_of_one_sign_up_link_create_one_user_and_one_session(backend: Backend) {
    let server = backend.start().await;
    for round in 0..rounds(5) {
        let email = format!("eve{round}@example.com");
        let secret = link(&server, &email).await;
        let (one, other) = tokio::join!(
            use_link(&server.anonymous, &secret),
            use_link(&server.anonymous, &secret)
        );
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401]);
    }
}

#[apply(on_both_databases)]
async fn sign_up_link_of_an_email_that_has_signed_up_since_removes_that_password(backend: Backend) {
    let server = backend.start().await;
    let secret = link(&server, "ada@example.com").await;
    let attacker = server.sign_up("ada").await;
    let answer = use_link(&server.anonymous, &secret).await.expect(200);
    assert_eq!(answer["user"]["id"], attacker.id);
    attacker.browser.get(ME).await.assert_problem(401, "UNAUTHORIZED");
    sign_in(&server, &attacker.email).await.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
}

async fn sign_in(server: &Server, email: &str) -> Reply {
    server.anonymous.post(SIGN_IN, json!({ "email": email, "password": PASSWORD })).await
}

#[apply(on_both_databases)]
async fn magic_link_of_a_verified_user_keeps_password_sessions_and_tokens(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    confirm_email_of(&server, &ada).await;
    let token = ada.token(&["read"]).await;
    use_link(&server.anonymous, &link(&server, &ada.email).await).await.expect(200);
    ada.browser.get(ME).await.expect(200);
    token.get(ME).await.expect(200);
    sign_in(&server, &ada.email).await.expect(200);
}

#[apply(on_both_databases)]
async fn request_magic_link_answers_alike_for_every_email(backend: Backend) {
    let server = backend.start_with(&["--sign-up", "closed"]).await;
    let admin = insert_user(&server).await;
    let known = request(&server, &admin.email).await;
    let unknown = request(&server, "unknown@example.com").await;
    assert_eq!(known.status, 200);
    assert_eq!((known.status, &known.text), (unknown.status, &unknown.text));
    server.wait_for_jobs().await;
    assert_eq!(server.mail_to(&admin.email).await.last().unwrap().subject, "Sign in to Portcullis");
    assert!(server.mail_to("unknown@example.com").await.is_empty(), "sign-up is closed");
}

/// Inserts a user, where sign-up is closed.
async fn insert_user(server: &Server) -> TestUser {
    let sql = "INSERT INTO users (id, name, email, email_verified, role, created_at, updated_at)
        SELECT '019ab2c4-7d10-7a4e-9c3b-2f6e8d0a1b5c', 'Ada', 'ada@example.com', TRUE, 'user', MOMENT, MOMENT";
    let moment = match server.state.store.database() {
        portcullis::store::Database::Sqlite(_) => "0",
        portcullis::store::Database::Postgres(_) => "now()",
    };
    execute(server, &sql.replace("MOMENT", moment)).await;
    TestUser {
        id: "019ab2c4-7d10-7a4e-9c3b-2f6e8d0a1b5c".to_owned(),
        email: "ada@example.com".to_owned(),
        browser: server.anonymous.clone(),
    }
}

#[apply(on_both_databases)]
async fn sign_up_is_limited_to_the_configured_email_domains(backend: Backend) {
    let server = backend.start_with(&["--sign-up-domains", "Example.com,example.org"]).await;
    for (email, allowed) in [
        ("a@example.com", true),
        ("b@EXAMPLE.org", true),
        ("c@sub.example.com", false),
        ("d@notexample.com", false),
        ("e@example.com.evil.example", false),
    ] {
        let body = with_field(sign_up_body("ada"), "email", email);
        let reply = server.anonymous.post(SIGN_UP, body).await;
        if allowed {
            reply.expect(200);
        } else {
            reply.assert_problem(403, "email_domain_not_allowed");
        }
        let other = email.replace('@', "2@").to_lowercase();
        request(&server, &other).await.expect(200);
        server.wait_for_jobs().await;
        assert_eq!(!server.mail_to(&other).await.is_empty(), allowed, "{other}");
    }
}

#[apply(on_both_databases)]
async fn following_a_magic_link_as_a_navigation_changes_nothing(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let secret = link(&server, &ada.email).await;
    let query = format!("token={secret}&callbackURL=/welcome");
    for headers in [
        &[][..],
        &[("sec-fetch-mode", "navigate"), ("sec-fetch-site", "none")],
        &[("sec-fetch-mode", "no-cors"), ("sec-fetch-site", "same-origin")],
    ] {
        let reply = fetch(&server, &query, headers).await;
        assert_eq!(reply.status, 302);
        assert_eq!(reply.cookie(), None);
        let page: Url = reply.header("location").unwrap().parse().unwrap();
        assert_eq!(page.path(), "/magic-link");
        assert_eq!(page.fragment(), Some(format!("token={secret}").as_str()));
        assert_eq!(page.query(), Some("callbackURL=%2Fwelcome"));
    }
    use_link(&server.anonymous, &secret).await.expect(200);
}

#[apply(on_both_databases)]
async fn magic_link_without_the_pages_redirects_a_navigation_to_the_callback(backend: Backend) {
    let server = backend.start_with(&["--pages", "off"]).await;
    server.sign_up("ada").await;
    let body = json!({ "email": "ada@example.com", "callbackURL": "/come-in?a=b" });
    server.anonymous.post(REQUEST, body).await.expect(200);
    let url = server.last_mail_to("ada@example.com").await.link();
    assert_eq!(url.path(), USE);
    let reply = server.anonymous.navigate(&url[url::Position::BeforePath..]).await;
    let page: Url = reply.header("location").unwrap().parse().unwrap();
    let token = page.query_pairs().find(|(name, _)| name == "token").unwrap().1.into_owned();
    assert!(page.as_str().contains("/come-in?a=b&token="), "{page}");
    use_link(&server.anonymous, &token).await.expect(200);
}

#[apply(on_both_databases)]
async fn magic_link_fetched_by_a_script_signs_in(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let secret = link(&server, &ada.email).await;
    let reply = fetch(&server, &format!("token={secret}"), &SCRIPT).await;
    let browser = server.anonymous.with_cookie(&reply.cookie().unwrap());
    assert_eq!(reply.expect(200)["user"]["id"], ada.id);
    browser.get(ME).await.expect(200);

    let secret = link(&server, &ada.email).await;
    let query = format!("token={secret}&callbackURL=/welcome&errorCallbackURL=/failed");
    let reply = fetch(&server, &query, &SCRIPT).await;
    assert!(reply.cookie().is_some());
    assert!(reply.header("location").unwrap().ends_with("/welcome"));
    let reply = fetch(&server, &query, &SCRIPT).await;
    assert_eq!(reply.cookie(), None);
    assert!(reply.header("location").unwrap().ends_with("/failed?error=INVALID_TOKEN"));
    let reply = fetch(&server, &format!("token={secret}"), &SCRIPT).await;
    reply.assert_problem(401, "INVALID_TOKEN");
}

#[apply(on_both_databases)]
async fn magic_link_fetched_by_a_page_of_another_site_is_rejected_and_kept(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let secret = link(&server, &ada.email).await;
    for headers in [
        &[("sec-fetch-mode", "cors"), ("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-mode", "cors"), ("sec-fetch-site", "same-site")],
        &[("sec-fetch-mode", "cors"), ("origin", "https://evil.example")],
    ] {
        let reply = fetch(&server, &format!("token={secret}"), headers).await;
        assert_eq!(reply.cookie(), None);
        reply.assert_problem(403, "INVALID_ORIGIN");
    }
    use_link(&server.anonymous, &secret).await.expect(200);
}

#[apply(on_both_databases)]
async fn magic_link_with_a_foreign_callback_is_rejected(backend: Backend) {
    let server = backend.start().await;
    for (field, code) in [
        ("callbackURL", "INVALID_CALLBACK_URL"),
        ("newUserCallbackURL", "INVALID_NEW_USER_CALLBACK_URL"),
        ("errorCallbackURL", "INVALID_ERROR_CALLBACK_URL"),
    ] {
        let foreign = "https://evil.example/";
        let body = with_field(json!({ "email": "ada@example.com" }), field, foreign);
        server.anonymous.post(REQUEST, body).await.assert_problem(403, code);
        let query = format!("token=x&{field}={foreign}");
        fetch(&server, &query, &SCRIPT).await.assert_problem(403, code);
        fetch(&server, &query, &[]).await.assert_problem(403, code);
        if field != "errorCallbackURL" {
            let body = with_field(json!({ "token": "x" }), field, foreign);
            server.anonymous.post(USE, body).await.assert_problem(403, code);
        }
    }
    assert!(server.outbox().await.is_empty());
}

#[apply(on_both_databases)]
async fn magic_link_rejects_token_and_csrf_requests(backend: Backend) {
    for (path, body) in
        [(REQUEST, json!({ "email": "ada@example.com" })), (USE, json!({ "token": "x" }))]
    {
        let server = backend.start().await;
        assert_token_and_csrf_rejected(&server, path, body).await;
    }
}
