use portcullis::{
    store::{
        accounts::NewAccount,
        activity::{Action, Event},
        passwords,
    },
    time::days,
};

use super::*;

const fn hours(n: u32) -> Span {
    seconds(n * 60 * 60)
}

async fn request(caller: &Caller, email: &str) -> Reply {
    caller.post(REQUEST_RESET, json!({ "email": email })).await
}

/// Creates a user as an admin. Returns the user, and the secret of the link with which they set a password.
async fn invite(server: &Server, admin: &TestUser, name: &str) -> (Value, String) {
    let body = json!({ "name": name, "email": format!("{name}@example.com") });
    let created = admin.browser.post("/api/admin/users", body).await.expect(201);
    let message = server.last_mail_to(&format!("{name}@example.com")).await;
    assert_eq!(message.subject, "Your account at Portcullis");
    (created, message.secret())
}

/// Returns whether a link is valid, according to the query of the page to which it redirects.
async fn link_is_valid(server: &Server, link: &str) -> bool {
    let page = format!("{RESET_PASSWORD}/{link}?callbackURL=/choose");
    let reply = server.anonymous.navigate(&page).await;
    let url: Url = location(&reply).parse().unwrap();
    assert_eq!(url.path(), "/choose");
    match url.query() {
        Some("error=INVALID_TOKEN") => false,
        Some(query) => {
            assert_eq!(query, format!("token={link}"));
            true
        }
        None => panic!("the redirect has no query"),
    }
}

/// Returns the subjects of all messages to an email, oldest first.
async fn subjects(server: &Server, email: &str) -> Vec<String> {
    server.mail_to(email).await.into_iter().map(|message| message.subject).collect()
}

struct PasswordReset;

impl MailedLink for PasswordReset {
    const LIFETIME: Span = hours(1);
    const INVALID: Rejection = (400, "INVALID_TOKEN");

    async fn issue_newer(server: &Server, user: &TestUser) -> String {
        reset_link(server, &user.email).await
    }

    async fn redeem(server: &Server, _user: &TestUser, secret: &str) -> Reply {
        reset_password(server, secret, NEW_PASSWORD).await
    }

    async fn took_effect(server: &Server, _admin: &TestUser, user: &TestUser) -> bool {
        sign_in_with(server, &user.email, NEW_PASSWORD).await.status == 200
    }
}

// Expires, single use, superseded, bound to the email, deactivated user, concurrent use: see
// tests/api/support/contracts/mailed_link.rs.
mailed_link!(PasswordReset);

mod invitation {
    use super::*;

    struct Invitation;

    impl MailedLink for Invitation {
        const LIFETIME: Span = days(3);
        const INVALID: Rejection = PasswordReset::INVALID;

        async fn issue(server: &Server, admin: &TestUser, name: &str) -> (TestUser, String) {
            let (created, secret) = invite(server, admin, name).await;
            let [id, email] =
                ["id", "email"].map(|field| created[field].as_str().unwrap().to_owned());
            (TestUser { id, email, browser: server.anonymous.clone() }, secret)
        }

        async fn issue_newer(server: &Server, user: &TestUser) -> String {
            PasswordReset::issue_newer(server, user).await
        }

        async fn redeem(server: &Server, user: &TestUser, secret: &str) -> Reply {
            PasswordReset::redeem(server, user, secret).await
        }

        async fn took_effect(server: &Server, admin: &TestUser, user: &TestUser) -> bool {
            PasswordReset::took_effect(server, admin, user).await
        }
    }

    // Without `superseded`: a reset link, which expires sooner, does not supersede an invitation.
    mailed_link!(Invitation: expiry, single_use, email, deactivated, revoked, malformed, concurrent);
}

#[apply(on_both_databases)]
async fn request_password_reset_rejects_token_and_csrf_requests(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let body = json!({ "email": ada.email });
    assert_token_and_csrf_rejected(&server, REQUEST_RESET, body).await;
    assert_eq!(server.mail_to(&ada.email).await.len(), 1, "only the message of the sign-up");
}

#[apply(on_both_databases)]
async fn request_password_reset_with_invalid_email_or_redirect_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let body = json!({ "email": "ada@example.com" });
    let invalid = [
        ("email", json!("")),
        ("email", json!("ada")),
        ("email", json!("ada@example.com\r\nBcc: eve@evil.example")),
        ("email", json!("ada@example.com,eve@evil.example")),
        ("email", json!("Ada <ada@example.com>")),
        ("email", json!("ada@exämple.com")),
        ("email", json!(["ada@example.com", "eve@evil.example"])),
        ("email", Value::Null),
        ("redirectTo", json!(1)),
        ("redirectTo", json!(["/"])),
    ];
    assert_fields_rejected(&server.anonymous, REQUEST_RESET, &body, &invalid).await;
    assert_fields_required(&server.anonymous, REQUEST_RESET, &body, &["email"]).await;
    for url in ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", ""] {
        let body = with_field(body.clone(), "redirectTo", url);
        server
            .anonymous
            .post(REQUEST_RESET, body)
            .await
            .assert_problem(403, "INVALID_REDIRECT_URL");
    }
    assert_eq!(server.outbox().await.len(), 0);
}

#[apply(on_both_databases)]
async fn request_password_reset_prevents_enumeration_of_users(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let deactivated = server.sign_up("deactivated").await;
    let invited = json!({ "name": "invited", "email": "invited@example.com" });
    admin.browser.post("/api/admin/users", invited).await.expect(201);
    // Wait until the messages of the sign-ups are sent: no message is sent to a user who is deactivated before.
    server.wait_for_jobs().await;
    deactivate(&admin, &deactivated).await;
    let verify = server.last_mail_to(&admin.email).await.secret();
    confirm_email(&server.anonymous, &verify).await.expect(200);
    let before = server.outbox().await.len();

    let first = request(&server.anonymous, "unknown@example.com").await;
    assert_eq!(first.header("set-cookie"), None);
    for email in [&ada.email, &admin.email, "deactivated@example.com", "invited@example.com"] {
        for caller in [&server.anonymous, &admin.browser, &deactivated.browser] {
            let other = request(caller, email).await;
            assert_eq!(without_request_id(&other), without_request_id(&first), "{email}");
            assert_eq!(other.text, first.text);
        }
    }
    let text = "If this email exists in our system, check your email for the reset link";
    assert_eq!(first.expect(200), json!({ "status": true, "message": text }));

    let mail = server.outbox().await;
    assert_eq!(mail.len(), before + 9, "{mail:?}");
    assert!(mail.iter().all(|message| message.to != "unknown@example.com"));
    assert_eq!(subjects(&server, &deactivated.email).await, ["Confirm your email for Portcullis"]);
}

#[apply(on_both_databases)]
async fn request_password_reset_queues_the_same_work_for_any_email(backend: Backend) {
    let (server, _listener, users) = start_with_unresponsive_mail_server(backend, &[]).await;
    deactivate(&users[0], &users[2]).await;
    let emails = ["known@example.com", "deactivated@example.com", "unknown@example.com"];
    for email in emails {
        request(&server.anonymous, &email.to_uppercase()).await.expect(200);
    }
    let mut queue = queued_jobs(&server).await;
    queue.retain(|job| job.payload.contains("reset-password"));
    assert_eq!(queue.len(), 3);
    let known = without_email(&queue[0], emails[0]);
    assert_eq!(known["userId"], Value::Null, "no user is looked up");
    for (job, email) in queue.iter().zip(emails) {
        assert_eq!(without_email(job, email), known);
    }
}

#[apply(on_both_databases)]
async fn reset_link_carries_its_secret_in_the_url_fragment(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    request(&server.anonymous, "ADA@Example.com").await.expect(200);
    let message = server.last_mail_to(&ada.email).await;
    assert_eq!(message.subject, "Choose a new password for Portcullis");
    let link = message.link();
    assert_eq!(link.origin(), server.state.site.public_url.origin());
    assert_eq!(link.path(), "/reset-password");
    assert_eq!(link.query(), None, "the secret appears in no log and no Referer header");
    let secret = link.fragment().unwrap().strip_prefix("token=").unwrap();
    assert!(secret.len() >= 43, "256 bits");
    assert_eq!(message.secret(), secret);
    assert!(message.html.contains(secret));
    assert!(!dump(&server).await.contains(secret), "only a hash of the secret is stored");
}

#[apply(on_both_databases)]
async fn reset_link_redirects_to_the_requested_page(backend: Backend) {
    let server = backend.start_with(&["--trusted-origins", "https://app.example.com"]).await;
    let ada = server.sign_up("ada").await;
    let page = "https://app.example.com/choose?from=mail#form";
    let body = json!({ "email": ada.email, "redirectTo": page });
    server.anonymous.post(REQUEST_RESET, body).await.expect(200);
    let message = server.last_mail_to(&ada.email).await;
    let (link, secret) = (message.link(), message.secret());
    assert_eq!(link.path(), format!("{RESET_PASSWORD}/{secret}"));
    let query: Vec<_> = link.query_pairs().into_owned().collect();
    assert_eq!(query, [("callbackURL".to_owned(), page.to_owned())]);

    let page_url = "https://app.example.com/choose";
    for method in [Method::GET, Method::HEAD, Method::GET] {
        let path = format!("{}?{}", link.path(), link.query().unwrap());
        let reply = Reply::of(server.anonymous.request(method, &path)).await;
        assert_eq!(location(&reply), format!("{page_url}?from=mail&token={secret}#form"));
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.header("set-cookie"), None);
        assert_eq!(reply.text, "");
    }
    reset_password(&server, &secret, NEW_PASSWORD).await.expect(200);
    let reply = follow_link(&server.anonymous, &link).await;
    assert_eq!(location(&reply), format!("{page_url}?from=mail&error=INVALID_TOKEN#form"));
}

#[apply(on_both_databases)]
async fn request_password_reset_redirect_to_page_without_reset_is_forbidden(backend: Backend) {
    let settings = ["--trusted-origins", "https://app.example.com", "--limit-mailbox", "3/1h"];
    let server = backend.start_with(&settings).await;
    let ada = server.sign_up("ada").await;
    let before = server.mail_to(&ada.email).await.len();
    let base = server.anonymous.base.clone();
    let request_with_redirect = async |url: &str| {
        let body = json!({ "email": ada.email, "redirectTo": url });
        server.anonymous.post(REQUEST_RESET, body).await
    };
    for url in ["/dashboard", "/", "/reset-password/", "/login", &format!("{base}/dashboard")] {
        request_with_redirect(url).await.assert_problem(403, "INVALID_REDIRECT_URL");
    }
    assert_eq!(server.mail_to(&ada.email).await.len(), before, "no message is sent");
    // The rejected requests do not count towards the limit: two more are allowed.
    for url in ["/reset-password?from=app", &format!("{base}/reset-password")] {
        request_with_redirect(url).await.expect(200);
        let link = server.last_mail_to(&ada.email).await.link();
        assert_eq!((link.path(), link.query()), ("/reset-password", None));
        assert!(link.fragment().is_some_and(|fragment| fragment.starts_with("token=")));
    }
    assert_eq!(server.mail_to(&ada.email).await.len(), before + 2);

    // With the pages off, every path of this origin is the product's own.
    let without_pages = backend.start_with(&["--pages", "off"]).await;
    let grace = without_pages.sign_up("grace").await;
    let body = json!({ "email": grace.email, "redirectTo": "/choose" });
    without_pages.anonymous.post(REQUEST_RESET, body).await.expect(200);
    let link = without_pages.last_mail_to(&grace.email).await.link();
    assert_eq!(link.query_pairs().next().unwrap().1, "/choose");
}

#[apply(on_both_databases)]
async fn reset_link_with_missing_or_foreign_callback_url_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let link = reset_link(&server, &ada.email).await;
    let path = format!("{RESET_PASSWORD}/{link}");
    for query in ["", "?", "?callback=/", "?callbackURL=/&callbackURL=/"] {
        server
            .anonymous
            .get(&format!("{path}{query}"))
            .await
            .assert_problem(400, "VALIDATION_ERROR");
    }
    for query in ["?callbackURL=", "?callbackURL=https://evil.example", "?callbackURL=%2F%2Fevil"] {
        server
            .anonymous
            .get(&format!("{path}{query}"))
            .await
            .assert_problem(403, "INVALID_CALLBACK_URL");
    }
    let script = ada.token(&["read", "write"]).await;
    script.get(&format!("{path}?callbackURL=/")).await.assert_problem(403, "cookie_required");
    for invalid in ["x", "%00", "%ff", &link[..42], &format!("{link}x"), &"x".repeat(4000)] {
        let reply =
            server.anonymous.get(&format!("{RESET_PASSWORD}/{invalid}?callbackURL=/")).await;
        if reply.status == 302 {
            assert!(location(&reply).ends_with("/?error=INVALID_TOKEN"));
        } else {
            // A path that is not UTF-8 matches no route.
            assert_eq!(invalid, "%ff");
            reply.assert_problem(404, "not_found");
        }
    }
    assert!(link_is_valid(&server, &link).await);
}

#[apply(on_both_databases)]
async fn reset_link_ignores_forged_host_headers(backend: Backend) {
    let server = backend.start_with(&["--pages", "off"]).await;
    let ada = server.sign_up("ada").await;
    let request = server
        .anonymous
        .bare(Method::POST, REQUEST_RESET)
        .header("Host", "evil.example")
        .header("X-Forwarded-Host", "evil.example")
        .header("X-Forwarded-Proto", "https")
        .header("X-Original-URL", "https://evil.example/")
        .header("Forwarded", "host=evil.example;proto=https")
        .json(&json!({ "email": ada.email, "redirectTo": "/choose" }));
    Reply::of(request).await.expect(200);
    let message = server.last_mail_to(&ada.email).await;
    assert_eq!(message.subject, "Choose a new password for Portcullis");
    assert_eq!(message.link().origin(), server.state.site.public_url.origin());
    assert!(!message.text.contains("evil") && !message.html.contains("evil"));

    let link = message.link();
    let path = format!("{}?{}", link.path(), link.query().unwrap());
    let forged = server.anonymous.bare(Method::GET, &path).header("Host", "evil.example");
    let reply = Reply::of(forged.header("X-Forwarded-Host", "evil.example")).await;
    assert!(location(&reply).starts_with(server.state.site.public_url.as_str()));
}

#[apply(on_both_databases)]
async fn newer_reset_link_supersedes_the_older_one(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let old = reset_link(&server, &ada.email).await;
    let new = reset_link(&server, &ada.email).await;
    reset_link(&server, &grace.email).await;
    assert!(!link_is_valid(&server, &old).await);
    assert!(link_is_valid(&server, &new).await, "another user's link does not supersede it");
    reset_password(&server, &old, NEW_PASSWORD).await.assert_problem(400, "INVALID_TOKEN");
    assert!(is_signed_in(&ada.browser).await);
    reset_password(&server, &new, NEW_PASSWORD).await.expect(200);
}

/// The ids and expiry times of links come from the clock, so neither shows which of two links is newer.
#[apply(on_both_databases)]
async fn newer_reset_link_supersedes_even_if_the_clock_was_set_back(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let old = reset_link(&server, &ada.email).await;
    let raise_id = "UPDATE verifications SET id = 'ffffffff' WHERE purpose = 'set-password'";
    execute(&server, raise_id).await;
    server.clock.step(server.now() - seconds(90 * 60));
    let new = reset_link(&server, &ada.email).await;
    assert!(!link_is_valid(&server, &old).await);
    reset_password(&server, &old, NEW_PASSWORD).await.assert_problem(400, "INVALID_TOKEN");
    reset_password(&server, &new, NEW_PASSWORD).await.expect(200);
}

#[apply(on_both_databases)]
async fn concurrent_reset_requests_leave_one_valid_link(backend: Backend) {
    let server = backend.start().await;
    for round in 0..4 {
        let ada = server.sign_up(&format!("ada{round}")).await;
        server.wait_for_jobs().await;
        let request_link = || request(&server.anonymous, &ada.email);
        let (one, two, three, four) =
            tokio::join!(request_link(), request_link(), request_link(), request_link());
        for reply in [one, two, three, four] {
            reply.expect(200);
        }
        let mail = server.mail_to(&ada.email).await;
        assert_eq!(mail.len(), 5);
        let mut valid_links = Vec::new();
        for message in &mail[1..] {
            if link_is_valid(&server, &message.secret()).await {
                valid_links.push(message.secret());
            }
        }
        assert_eq!(valid_links.len(), 1);
        reset_password(&server, &valid_links[0], NEW_PASSWORD).await.expect(200);
    }
}

#[apply(on_both_databases)]
async fn reset_link_expires_after_one_hour(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let link = reset_link(&server, &ada.email).await;
    let late = reset_link(&server, &grace.email).await;
    let until = server.now() + hours(1);
    server.clock.set(until - seconds(1));
    assert!(link_is_valid(&server, &late).await);
    reset_password(&server, &link, NEW_PASSWORD).await.expect(200);
    server.clock.set(until);
    assert!(!link_is_valid(&server, &late).await);
    reset_password(&server, &late, NEW_PASSWORD).await.assert_problem(400, "INVALID_TOKEN");
    assert!(is_signed_in(&grace.browser).await);
    sign_in_with(&server, &grace.email, PASSWORD).await.expect(200);
}

#[apply(on_both_databases)]
async fn reset_link_expiry_counts_from_when_the_email_is_sent(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    server.wait_for_jobs().await;
    close_outbox(&server);
    for user in [&ada, &grace] {
        request(&server.anonymous, &user.email).await.expect(200);
    }
    server.wait_for_jobs().await;
    server.advance(hours(12));
    reopen_outbox(&server).await;
    let link = server.last_mail_to(&ada.email).await.secret();
    let late = server.last_mail_to(&grace.email).await.secret();
    advance_to_just_before(&server, hours(1));
    reset_password(&server, &link, NEW_PASSWORD).await.expect(200);
    server.advance(seconds(1));
    reset_password(&server, &late, NEW_PASSWORD).await.assert_problem(400, "INVALID_TOKEN");
}

#[apply(on_both_databases)]
async fn reset_link_is_invalid_once_the_email_has_changed(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let eva = server.sign_up("eva").await;
    let [ada_link, eva_link] =
        [reset_link(&server, &ada.email).await, reset_link(&server, &eva.email).await];
    let change_link = change_email_link(&server, &ada.browser, "ada@new.example").await;
    assert!(link_is_valid(&server, &ada_link).await, "requesting a change does not invalidate it");
    confirm_email(&server.anonymous, &change_link).await.expect(200);
    // A change by SQL leaves the link in the database.
    let sql = format!("UPDATE users SET email = 'eva@new.example' WHERE id = '{}'", eva.id);
    execute(&server, &sql).await;
    for link in [&ada_link, &eva_link] {
        assert!(!link_is_valid(&server, link).await);
        reset_password(&server, link, NEW_PASSWORD).await.assert_problem(400, "INVALID_TOKEN");
    }
    for email in ["ada@new.example", "eva@new.example"] {
        sign_in_with(&server, email, PASSWORD).await.expect(200);
    }
}

#[apply(on_both_databases)]
async fn queued_reset_link_is_not_sent_to_an_email_changed_meanwhile(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let change_link = change_email_link(&server, &ada.browser, "ada@new.example").await;
    server.wait_for_jobs().await;
    close_outbox(&server);
    request(&server.anonymous, &ada.email).await.expect(200);
    server.wait_for_jobs().await;
    confirm_email(&server.anonymous, &change_link).await.expect(200);
    server.wait_for_jobs().await;
    server.advance(hours(1));
    reopen_outbox(&server).await;
    let subjects = subjects(&server, &ada.email).await;
    assert!(!subjects.iter().any(|subject| subject.contains("password")), "{subjects:?}");
    assert_eq!(subjects.last().unwrap(), "Your email for Portcullis was changed");
}

#[apply(on_both_databases)]
async fn reset_password_rejects_token_and_csrf_requests(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let link = reset_link(&server, &ada.email).await;
    let body = json!({ "newPassword": NEW_PASSWORD, "token": link });
    assert_token_and_csrf_rejected(&server, RESET_PASSWORD, body).await;
    reset_password(&server, &link, NEW_PASSWORD).await.expect(200);
}

#[apply(on_both_databases)]
async fn reset_password_with_invalid_link_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let cookie = secret_of(ada.browser.cookie.as_ref().unwrap());
    let link = reset_link(&server, &ada.email).await;
    for token in ["", "x", "x\0", &"x".repeat(60_000), &cookie, &link[..42], &format!("{link}x")] {
        reset_password(&server, token, NEW_PASSWORD).await.assert_problem(400, "INVALID_TOKEN");
    }
    let body = json!({ "newPassword": NEW_PASSWORD, "token": link });
    let invalid = [("newPassword", json!(1)), ("token", json!([link])), ("token", Value::Null)];
    assert_fields_rejected(&server.anonymous, RESET_PASSWORD, &body, &invalid).await;
    assert_fields_required(&server.anonymous, RESET_PASSWORD, &body, &["newPassword"]).await;
    // As in the protocol, a missing token is an invalid token, not an invalid field, and is reported before an invalid
    // password.
    for password in [NEW_PASSWORD, "short"] {
        let body = json!({ "newPassword": password });
        let path = format!("{RESET_PASSWORD}?token={link}");
        server.anonymous.post(&path, body).await.assert_problem(400, "INVALID_TOKEN");
    }
    assert!(is_signed_in(&ada.browser).await);
    reset_password(&server, &link, NEW_PASSWORD).await.expect(200);
}

#[apply(on_both_databases)]
async fn reset_password_with_rejected_password_keeps_the_link(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let link = reset_link(&server, &ada.email).await;
    reset_password(&server, &link, "short").await.assert_problem(400, "PASSWORD_TOO_SHORT");
    reset_password(&server, &link, &"x".repeat(129)).await.assert_problem(400, "PASSWORD_TOO_LONG");
    reset_password(&server, &link, "iloveyou").await.assert_problem(400, "PASSWORD_TOO_COMMON");
    reset_password(&server, &link, "ada@example").await.assert_problem(400, "PASSWORD_TOO_OBVIOUS");
    assert!(is_signed_in(&ada.browser).await, "a rejected password revokes no session");
    reset_password(&server, &link, NEW_PASSWORD).await.expect(200);
}

#[apply(on_both_databases)]
async fn reset_password_revokes_all_sessions_tokens_and_other_links(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let phone = server.sign_in(&ada).await;
    let script = ada.token(&["read"]).await;
    let verify = server.last_mail_to(&ada.email).await.secret();
    confirm_email(&server.anonymous, &verify).await.expect(200);
    let change_link = change_email_link(&server, &ada.browser, "ada@new.example").await;
    let delete = deletion_link(&server, &ada).await;
    let grace_link = reset_link(&server, &grace.email).await;
    let link = reset_link(&server, &ada.email).await;

    let body = json!({ "newPassword": NEW_PASSWORD, "token": link });
    ada.browser.post(RESET_PASSWORD, body).await.expect(200);
    assert!(!is_signed_in(&ada.browser).await);
    assert!(!is_signed_in(&phone).await);
    assert!(is_signed_in(&grace.browser).await, "credentials of other users are not revoked");
    script.get(ME).await.assert_problem(401, "token_invalid");
    confirm_email(&server.anonymous, &change_link).await.assert_problem(401, "INVALID_TOKEN");
    sign_in_with(&server, &ada.email, PASSWORD)
        .await
        .assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    let cookie = sign_in_with(&server, &ada.email, NEW_PASSWORD).await.cookie().unwrap();
    let browser = server.anonymous.with_cookie(&cookie);
    browser
        .post(DELETE_USER, json!({ "token": delete }))
        .await
        .assert_problem(404, "INVALID_TOKEN");
    reset_password(&server, &grace_link, NEW_PASSWORD).await.expect(200);
}

#[apply(on_both_databases)]
async fn reset_password_verifies_the_email_and_revokes_earlier_tokens(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    // Eve signed up with another person's email, and never confirmed it.
    let eve = server.sign_up("ada").await;
    let script = eve.token(&["read", "write"]).await;
    let verify = server.last_mail_to(&eve.email).await.secret();
    let admin_token = admin.token(&["read"]).await;
    let link = reset_link(&server, &eve.email).await;
    assert!(is_signed_in(&script).await, "requesting a link revokes nothing");
    reset_password(&server, &link, NEW_PASSWORD).await.expect(200);
    for credential in [&eve.browser, &script] {
        assert!(!is_signed_in(credential).await);
    }
    script.get(ME).await.assert_problem(401, "token_invalid");
    assert!(is_signed_in(&admin_token).await, "credentials of other users are not revoked");
    confirm_email(&server.anonymous, &verify).await.assert_problem(401, "INVALID_TOKEN");
    let user = get_user_as_admin(&admin, &eve.id).await;
    assert_eq!(user["emailVerified"], true);
    assert_eq!(user["updatedAt"], server.now().to_string());

    let cookie = sign_in_with(&server, &eve.email, NEW_PASSWORD).await.cookie().unwrap();
    let list = server.anonymous.with_cookie(&cookie).get("/api/tokens").await.expect(200);
    assert_eq!(list["items"][0]["revokedAt"], server.now().to_string());
}

#[apply(on_both_databases)]
async fn reset_password_notifies_the_user_by_email(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    server.sign_up("grace").await;
    let link = reset_link(&server, &ada.email).await;
    reset_password(&server, "no link", NEW_PASSWORD).await.assert_problem(400, "INVALID_TOKEN");
    reset_password(&server, &link, "short").await.assert_problem(400, "PASSWORD_TOO_SHORT");
    assert_eq!(server.mail_to(&ada.email).await.len(), 2);
    reset_password(&server, &link, NEW_PASSWORD).await.expect(200);
    let mail = server.mail_to(&ada.email).await;
    assert_eq!(mail.len(), 3);
    assert_eq!(mail[2].subject, "Your password for Portcullis was changed");
    assert!(!mail[2].text.contains(NEW_PASSWORD) && !mail[2].text.contains(&link));
    assert_eq!(server.mail_to("grace@example.com").await.len(), 1);
}

#[apply(on_both_databases)]
async fn concurrent_uses_of_a_reset_link_succeed_once(backend: Backend) {
    let server = backend.start_with_slow_hashing(&[]).await;
    for round in 0..rounds(8) {
        let ada = server.sign_up(&format!("ada{round}")).await;
        let link = reset_link(&server, &ada.email).await;
        let passwords = ["the choice of the one", "the choice of the other"];
        let (one, other) = tokio::join!(
            reset_password(&server, &link, passwords[0]),
            reset_password(&server, &link, passwords[1]),
        );
        let ([succeeded, rejected], [current_password, other_password]) = if one.status == 200 {
            ([one, other], passwords)
        } else {
            ([other, one], [passwords[1], passwords[0]])
        };
        succeeded.expect(200);
        rejected.assert_problem(400, "INVALID_TOKEN");
        sign_in_with(&server, &ada.email, current_password).await.expect(200);
        let reply = sign_in_with(&server, &ada.email, other_password).await;
        reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
        assert_eq!(server.mail_to(&ada.email).await.len(), 3, "one notification of the change");
        server.clear_outbox().await;
    }
}

#[apply(on_both_databases)]
async fn concurrent_sign_in_with_old_password_does_not_survive_password_reset(backend: Backend) {
    let server = backend.start_with_slow_hashing(&[]).await;
    for round in 0..rounds(6) {
        let ada = server.sign_up(&format!("ada{round}")).await;
        let link = reset_link(&server, &ada.email).await;
        let (reset, one, other) = tokio::join!(
            reset_password(&server, &link, NEW_PASSWORD),
            sign_in_with(&server, &ada.email, PASSWORD),
            sign_in_with(&server, &ada.email, PASSWORD),
        );
        reset.expect(200);
        for reply in [one, other] {
            match reply.cookie() {
                Some(cookie) => {
                    assert!(!is_signed_in(&server.anonymous.with_cookie(&cookie)).await);
                }
                None => drop(reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD")),
            }
        }
        server.clear_outbox().await;
    }
}

#[apply(on_both_databases)]
async fn invited_user_sets_a_password_once_and_can_sign_in(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let (created, link) = invite(&server, &admin, "grace").await;
    sign_in_with(&server, "grace@example.com", "")
        .await
        .assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");

    let reply = reset_password(&server, &link, NEW_PASSWORD).await;
    assert_eq!(reply.header("set-cookie"), None, "no session is created");
    assert_eq!(reply.expect(200), json!({ "status": true }));
    reset_password(&server, &link, "another choice entirely")
        .await
        .assert_problem(400, "INVALID_TOKEN");
    let answer = sign_in_with(&server, "grace@example.com", NEW_PASSWORD).await.expect(200);
    assert_eq!(answer["user"]["id"], created["id"]);
    assert_eq!(answer["user"]["role"], "user");
    assert_eq!(answer["user"]["emailVerified"], true);
    let users = admin.browser.get("/api/admin/users").await;
    assert!(!users.text.contains(&link), "the list does not show the link");
}

#[apply(on_both_databases)]
async fn first_password_of_invited_user_sends_no_change_notification(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let (_, link) = invite(&server, &admin, "grace").await;
    let email = "grace@example.com";
    reset_password(&server, &link, NEW_PASSWORD).await.expect(200);
    assert_eq!(subjects(&server, email).await, ["Your account at Portcullis"]);
    let link = reset_link(&server, email).await;
    reset_password(&server, &link, PASSWORD).await.expect(200);
    assert_eq!(
        subjects(&server, email).await[1..],
        ["Choose a new password for Portcullis", "Your password for Portcullis was changed"]
    );
}

#[apply(on_both_databases)]
async fn invitation_link_expires_after_three_days(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let (_, link) = invite(&server, &admin, "ada").await;
    let (_, other) = invite(&server, &admin, "grace").await;
    let until = server.now() + days(3);
    server.clock.set(until - seconds(1));
    reset_password(&server, &link, NEW_PASSWORD).await.expect(200);
    server.clock.set(until);
    reset_password(&server, &other, NEW_PASSWORD).await.assert_problem(400, "INVALID_TOKEN");
    sign_in_with(&server, "grace@example.com", NEW_PASSWORD)
        .await
        .assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");

    // The user can request a reset link instead.
    let again = reset_link(&server, "grace@example.com").await;
    reset_password(&server, &other, NEW_PASSWORD).await.assert_problem(400, "INVALID_TOKEN");
    reset_password(&server, &again, NEW_PASSWORD).await.expect(200);
    sign_in_with(&server, "grace@example.com", NEW_PASSWORD).await.expect(200);
}

#[apply(on_both_databases)]
async fn password_set_by_operator_revokes_links_and_keeps_user_deactivated(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let link = reset_link(&server, &ada.email).await;
    deactivate(&admin, &ada).await;
    let (store, now) = (&server.state.store, server.now());
    let hash = server.state.hashing.hash(new_password(NEW_PASSWORD)).await.unwrap();
    let event = Event::new(None, Action::PasswordSet, &ada.id, &json!({}), now);
    let account = NewAccount::password(&ada.id, &hash, now);
    passwords::set(store, account, event).await.unwrap();
    sign_in_with(&server, &ada.email, NEW_PASSWORD).await.assert_problem(403, "USER_DEACTIVATED");
    reactivate(&admin, &ada).await;
    assert!(!is_signed_in(&ada.browser).await);
    reset_password(&server, &link, "another choice entirely")
        .await
        .assert_problem(400, "INVALID_TOKEN");
    sign_in_with(&server, &ada.email, NEW_PASSWORD).await.expect(200);
}
