use portcullis::time::days;

use super::*;

const HOUR: Span = seconds(60 * 60);

async fn send(caller: &Caller, email: &str) -> Reply {
    caller.post(SEND_VERIFICATION, json!({ "email": email })).await
}

/// Signs up a user. Returns the user, and the secret of the mailed verification link.
async fn sign_up_with_verification_link(server: &Server, name: &str) -> (TestUser, String) {
    let user = server.sign_up(name).await;
    let link = server.last_mail_to(&user.email).await.secret();
    (user, link)
}

async fn is_verified(user: &TestUser) -> bool {
    current_user(&user.browser).await["emailVerified"].as_bool().unwrap()
}

struct VerifyEmail;

impl MailedLink for VerifyEmail {
    const LIFETIME: Span = HOUR;
    const INVALID: Rejection = (401, "INVALID_TOKEN");
    const EXPIRED: Rejection = (401, "TOKEN_EXPIRED");
    const USED: Option<&'static [Rejection]> = None;

    async fn issue(server: &Server, _admin: &TestUser, name: &str) -> (TestUser, String) {
        sign_up_with_verification_link(server, name).await
    }

    async fn issue_newer(server: &Server, user: &TestUser) -> String {
        send(&server.anonymous, &user.email).await.expect(200);
        server.last_mail_to(&user.email).await.secret()
    }

    async fn redeem(server: &Server, _user: &TestUser, secret: &str) -> Reply {
        confirm_email(&server.anonymous, secret).await
    }

    async fn took_effect(_server: &Server, admin: &TestUser, user: &TestUser) -> bool {
        get_user_as_admin(admin, &user.id).await["emailVerified"] == true
    }
}

// Expires, single use, superseded, bound to the email, deactivated user, concurrent use: see
// tests/api/support/contracts/mailed_link.rs.
mailed_link!(VerifyEmail);

#[apply(on_both_databases)]
async fn send_verification_email_rejects_token_and_csrf_requests(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let body = json!({ "email": ada.email });
    assert_token_and_csrf_rejected(&server, SEND_VERIFICATION, body).await;
    assert_eq!(server.mail_to(&ada.email).await.len(), 1, "only the message of the sign-up");
}

#[apply(on_both_databases)]
async fn send_verification_email_with_invalid_email_or_callback_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let body = json!({ "email": "ada@example.com" });
    let invalid = [
        ("email", json!("")),
        ("email", json!("ada@")),
        ("email", json!("ada@example.com\r\nBcc: eve@evil.example")),
        ("email", json!({ "$ne": null })),
        ("email", Value::Null),
        ("callbackURL", json!(1)),
    ];
    assert_fields_rejected(&server.anonymous, SEND_VERIFICATION, &body, &invalid).await;
    assert_fields_required(&server.anonymous, SEND_VERIFICATION, &body, &["email"]).await;
    for url in ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", ""] {
        let body = with_field(body.clone(), "callbackURL", url);
        server
            .anonymous
            .post(SEND_VERIFICATION, body)
            .await
            .assert_problem(403, "INVALID_CALLBACK_URL");
    }
    assert_eq!(server.outbox().await.len(), 0);
}

#[apply(on_both_databases)]
async fn send_verification_email_without_session_prevents_enumeration(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let (ada, _) = sign_up_with_verification_link(&server, "ada").await;
    let (verified, link) = sign_up_with_verification_link(&server, "verified").await;
    confirm_email(&server.anonymous, &link).await.expect(200);
    let deactivated = server.sign_up("deactivated").await;
    deactivate(&admin, &deactivated).await;
    let before = server.outbox().await.len();

    let first = send(&server.anonymous, "unknown@example.com").await;
    assert_eq!(first.header("set-cookie"), None);
    for email in [&verified.email, &deactivated.email, &ada.email] {
        // The cookie of a deactivated user counts as none.
        for caller in [&server.anonymous, &deactivated.browser] {
            let other = send(caller, email).await;
            assert_eq!(without_request_id(&other), without_request_id(&first), "{email}");
        }
    }
    assert_eq!(first.expect(200), json!({ "status": true }));
    let mail = server.outbox().await;
    assert_eq!(
        mail.len(),
        before + 2,
        "only an active user with an unverified email gets a message"
    );
    assert!(mail[before..].iter().all(|message| message.to == ada.email));
}

#[apply(on_both_databases)]
async fn send_verification_email_queues_the_same_work_for_any_email(backend: Backend) {
    let (server, _listener, users) = start_with_unresponsive_mail_server(backend, &[]).await;
    deactivate(&users[0], &users[2]).await;
    let set =
        |email: &str| format!("UPDATE users SET email_verified = TRUE WHERE email = '{email}'");
    execute(&server, &set(&users[3].email)).await;
    let before = queued_jobs(&server).await.len();
    let emails = [
        "known@example.com",
        "deactivated@example.com",
        "other@example.com",
        "unknown@example.com",
    ];
    for email in emails {
        send(&server.anonymous, &email.to_uppercase()).await.expect(200);
    }
    let queue = queued_jobs(&server).await.split_off(before);
    assert_eq!(queue.len(), 4);
    let known = without_email(&queue[0], emails[0]);
    assert_eq!(known["userId"], Value::Null, "no user is looked up");
    for (job, email) in queue.iter().zip(emails) {
        assert_eq!(without_email(job, email), known);
    }
}

#[apply(on_both_databases)]
async fn send_verification_email_in_a_session_is_only_for_the_own_email(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    for email in [&grace.email, "unknown@example.com"] {
        send(&ada.browser, email).await.assert_problem(400, "EMAIL_MISMATCH");
    }
    assert_eq!(server.outbox().await.len(), 2);
    assert_eq!(send(&ada.browser, "ADA@Example.com").await.expect(200), json!({ "status": true }));
    let link = server.last_mail_to(&ada.email).await.secret();
    assert_eq!(server.outbox().await.len(), 3);
    confirm_email(&ada.browser, &link).await.expect(200);
    for email in ["ada@example.com", "ADA@example.com"] {
        send(&ada.browser, email).await.assert_problem(400, "EMAIL_ALREADY_VERIFIED");
    }
    send(&ada.browser, &grace.email).await.assert_problem(400, "EMAIL_MISMATCH");
    assert_eq!(server.outbox().await.len(), 3);
}

#[apply(on_both_databases)]
async fn verify_email_with_invalid_link_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let (ada, link) = sign_up_with_verification_link(&server, "ada").await;
    for query in ["", "?", "?token", "?callbackURL=/", "?token=a&token=b"] {
        let reply = ada.browser.get(&format!("{VERIFY_EMAIL}{query}")).await;
        if query == "?token" {
            reply.assert_problem(401, "INVALID_TOKEN");
        } else {
            reply.assert_problem(400, "VALIDATION_ERROR");
        }
    }
    let cookie = secret_of(ada.browser.cookie.as_ref().unwrap());
    for invalid in ["", "x", "%00", "%ff", &cookie, &link[..42], &format!("{link}x")] {
        confirm_email(&ada.browser, invalid).await.assert_problem(401, "INVALID_TOKEN");
    }
    assert!(!is_verified(&ada).await);
}

#[apply(on_both_databases)]
async fn verify_email_with_token_is_forbidden_and_keeps_the_link(backend: Backend) {
    let server = backend.start().await;
    let (ada, link) = sign_up_with_verification_link(&server, "ada").await;
    for scopes in [&["read"][..], &["read", "write"]] {
        confirm_email(&ada.token(scopes).await, &link).await.assert_problem(403, "cookie_required");
    }
    confirm_email(&server.anonymous, &link).await.expect(200);
}

#[apply(on_both_databases)]
async fn verify_email_with_foreign_callback_url_is_forbidden_and_keeps_link(backend: Backend) {
    let server = backend.start().await;
    let (ada, link) = sign_up_with_verification_link(&server, "ada").await;
    for url in ["https://evil.example", "%2F%2Fevil.example", "/%5Cevil.example", ""] {
        let path = format!("{VERIFY_EMAIL}?token={link}&callbackURL={url}");
        let reply = server.anonymous.get(&path).await;
        assert_eq!(reply.header("location"), None);
        reply.assert_problem(403, "INVALID_CALLBACK_URL");
    }
    assert!(!is_verified(&ada).await);
    confirm_email(&server.anonymous, &link).await.expect(200);
}

#[apply(on_both_databases)]
async fn verify_email_is_idempotent_and_keeps_sessions(backend: Backend) {
    let server = backend.start().await;
    let (ada, link) = sign_up_with_verification_link(&server, "ada").await;
    let (grace, _) = sign_up_with_verification_link(&server, "grace").await;
    let phone = server.sign_in(&ada).await;
    let script = ada.token(&["read"]).await;
    let before = current_user(&ada.browser).await;
    assert_eq!(before["emailVerified"], false);
    server.advance(seconds(60));
    // In the browser of another user.
    let reply = confirm_email(&grace.browser, &link).await;
    assert_eq!(reply.header("set-cookie"), None, "no session is created");
    assert_eq!(reply.expect(200), json!({ "status": true, "user": null }));
    let after = with_field(before, "emailVerified", true);
    let after = with_field(after, "updatedAt", server.now().to_string());
    assert_eq!(current_user(&ada.browser).await, after, "sessions are kept");
    assert!(is_signed_in(&phone).await && is_signed_in(&script).await);
    assert!(!is_verified(&grace).await, "no other email is verified");
    for caller in [&server.anonymous, &ada.browser] {
        let again = confirm_email(caller, &link).await;
        assert_eq!(again.header("set-cookie"), None);
        assert_eq!(
            again.expect(200),
            json!({ "status": true, "user": null }),
            "a used link succeeds again"
        );
    }
    assert_eq!(server.mail_to(&ada.email).await.len(), 1, "no further message is sent");
    assert!(!dump(&server).await.contains(&link), "only a hash of the secret is stored");
}

#[apply(on_both_databases)]
async fn verification_link_expires_after_one_hour_and_is_deleted_a_day_later(backend: Backend) {
    let server = backend.start().await;
    let (ada, link) = sign_up_with_verification_link(&server, "ada").await;
    let (grace, late) = sign_up_with_verification_link(&server, "grace").await;
    let until = server.now() + HOUR;
    server.clock.set(until - seconds(1));
    confirm_email(&server.anonymous, &link).await.expect(200);
    assert!(is_verified(&ada).await);

    for at in [until, until + days(1) - seconds(1)] {
        server.clock.set(at);
        server.delete_old_rows(days(365)).await;
        confirm_email(&server.anonymous, &late).await.assert_problem(401, "TOKEN_EXPIRED");
    }
    server.clock.set(until + days(1));
    server.delete_old_rows(days(365)).await;
    confirm_email(&server.anonymous, &late).await.assert_problem(401, "INVALID_TOKEN");
    assert!(!is_verified(&grace).await);
    send(&server.anonymous, &grace.email).await.expect(200);
    let again = server.last_mail_to(&grace.email).await.secret();
    confirm_email(&server.anonymous, &again).await.expect(200);
}

#[apply(on_both_databases)]
async fn verification_link_opens_a_page_which_verifies_nothing_by_itself(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let message = server.last_mail_to(&ada.email).await;
    assert_eq!(message.subject, "Confirm your email for Portcullis");
    let link = message.link();
    let public_url = &server.state.site.public_url;
    assert_eq!(link.origin(), public_url.origin());
    let secret = message.secret();
    assert_eq!((link.path(), link.query()), ("/verify-email", None));
    assert_eq!(
        link.fragment(),
        Some(&*format!("token={secret}")),
        "browsers do not send the fragment"
    );

    // As a mail scanner may, also with the secret in the query.
    for path in ["/verify-email", &format!("/verify-email?token={secret}")] {
        let reply = server.anonymous.navigate(path).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("referrer-policy"), Some("same-origin"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.header("set-cookie"), None);
    }
    assert!(!is_verified(&ada).await);
    confirm_email(&server.anonymous, &secret).await.expect(200);
    assert!(is_verified(&ada).await);
}

#[apply(on_both_databases)]
async fn verification_page_continues_only_to_own_or_trusted_origins(backend: Backend) {
    let server = backend.start_with(&["--trusted-origins", "https://app.example.com"]).await;
    for callback in ["/welcome?a=b", "https://app.example.com/in"] {
        let email = format!("ada{}@example.com", callback.len());
        let body =
            json!({ "name": "ada", "email": email, "password": PASSWORD, "callbackURL": callback });
        server.anonymous.post(SIGN_UP, body).await.expect(200);
        let link = server.last_mail_to(&email).await.link();
        let query: Vec<_> = link.query_pairs().into_owned().collect();
        assert_eq!(query, [("callbackURL".to_owned(), callback.to_owned())]);
        let path = format!("/verify-email?{}", link.query().unwrap());
        let page = server.anonymous.navigate(&path).await;
        assert!(
            page.text.contains(&format!("name=\"_then\" value=\"{callback}\"")),
            "{}",
            page.text
        );
    }
    for callback in ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/%5Cevil"] {
        for path in ["/verify-email", "/delete-account"] {
            let page = server.anonymous.navigate(&format!("{path}?callbackURL={callback}")).await;
            assert_eq!(page.status, 200);
            assert!(
                !page.text.contains("evil") && !page.text.contains("alert(1)"),
                "{}",
                page.text
            );
        }
    }
}

#[apply(on_both_databases)]
async fn verification_link_with_pages_off_points_to_the_api(backend: Backend) {
    let server = backend.start_with(&["--pages", "off"]).await;
    let public_url = server.state.site.public_url.clone();
    let body = with_field(sign_up_body("ada"), "callbackURL", "/welcome");
    let reply = server.anonymous.post(SIGN_UP, body).await;
    let browser = server.anonymous.with_cookie(&reply.cookie().unwrap());
    let link = server.last_mail_to("ada@example.com").await.link();
    assert_eq!(link.path(), VERIFY_EMAIL);
    // A mail scanner follows the link first, then the user: the link succeeds each time.
    for caller in [&server.anonymous, &browser, &server.anonymous] {
        let reply = follow_link(caller, &link).await;
        assert_eq!(location(&reply), public_url.join("/welcome").unwrap().as_str());
    }
}

#[apply(on_both_databases)]
async fn verify_email_by_get_in_own_session_revokes_nothing(backend: Backend) {
    let server = backend.start().await;
    let (ada, link) = sign_up_with_verification_link(&server, "ada").await;
    let phone = server.sign_in(&ada).await;
    let script = ada.token(&["read"]).await;
    let reply = confirm_email_by_get(&phone, &link).await;
    assert_eq!(reply.expect(200), json!({ "status": true, "user": null }));
    assert!(is_verified(&ada).await);
    assert!(is_signed_in(&phone).await && is_signed_in(&script).await);
    confirm_email_by_get(&server.anonymous, &link).await.expect(200);
    assert!(
        is_signed_in(&phone).await && is_signed_in(&script).await,
        "a later use revokes nothing either"
    );
}

#[apply(on_both_databases)]
async fn verify_email_by_get_without_own_session_revokes_sessions_and_tokens(backend: Backend) {
    let server = backend.start().await;
    let (grace, _) = sign_up_with_verification_link(&server, "grace").await;
    for (name, follower) in [("ada", &server.anonymous), ("eva", &grace.browser)] {
        // Eve signed up with another person's email, and that person's mail scanner follows the link.
        let (eve, link) = sign_up_with_verification_link(&server, name).await;
        let others = [server.sign_in(&eve).await, eve.token(&["read", "write"]).await];
        confirm_email_by_get(follower, &link).await.expect(200);
        for credential in [&eve.browser, &others[0], &others[1]] {
            assert!(!is_signed_in(credential).await, "{name}");
        }
        let answer = sign_in_with(&server, &eve.email, PASSWORD).await.expect(200);
        assert_eq!(answer["user"]["emailVerified"], true);
        // A second use succeeds, and revokes no later session.
        let later = server.sign_in(&eve).await;
        confirm_email_by_get(follower, &link).await.expect(200);
        assert!(is_signed_in(&later).await);
    }
    assert!(is_signed_in(&grace.browser).await);
}

/// What a user can sign in with: the second factor, passkeys and accounts.
async fn added(server: &Server, user: &TestUser) -> Vec<String> {
    let id = &user.id;
    let sql = format!(
        "SELECT 'totp' AS value FROM two_factor WHERE user_id = '{id}'
         UNION SELECT 'passkey' FROM passkeys WHERE user_id = '{id}'
         UNION SELECT provider_id FROM accounts WHERE user_id = '{id}' ORDER BY 1"
    );
    select(server, &sql).await
}

#[apply(on_both_databases)]
async fn first_confirmation_in_another_browser_removes_what_was_added_to_the_account(
    backend: Backend,
) {
    let server = backend.start().await;
    for (name, by_get, in_own_session) in
        [("ada", false, true), ("bea", true, true), ("eva", false, false), ("eve", true, false)]
    {
        let (mut user, link) = sign_up_with_verification_link(&server, name).await;
        user.enable_two_factor(&server).await;
        user.add(server.passkey()).await;
        let token = user.token(&["read"]).await;
        let (id, later) = (&user.id, moment(backend, server.now() + seconds(1)));
        execute(
            &server,
            &format!(
                "INSERT INTO accounts (id, user_id, provider_id, account_id, created_at, updated_at)
                 SELECT '{id}', id, 'op', id, {later}, {later} FROM users WHERE id = '{id}'"
            ),
        )
        .await;
        let follower = if in_own_session { &user.browser } else { &server.anonymous };
        if by_get {
            confirm_email_by_get(follower, &link).await.expect(200);
        } else {
            confirm_email(follower, &link).await.expect(200);
        }
        let expected: &[&str] =
            if in_own_session { &["credential", "op", "passkey", "totp"] } else { &["credential"] };
        assert_eq!(added(&server, &user).await, expected, "{name}");
        // The person who has signed up can still sign in with the password.
        let keeps = in_own_session || !by_get;
        assert_eq!(is_signed_in(&user.browser).await, keeps, "{name}");
        assert_eq!(is_signed_in(&token).await, keeps, "{name}");
        let answer = sign_in_with(&server, &user.email, PASSWORD).await.expect(200);
        assert_eq!(answer["twoFactorRedirect"] == true, in_own_session, "{name}");
    }
}

#[apply(on_both_databases)]
async fn used_verification_link_succeeds_again_until_it_expires(backend: Backend) {
    let server = backend.start().await;
    let (ada, link) = sign_up_with_verification_link(&server, "ada").await;
    let until = server.now() + HOUR;
    confirm_email(&server.anonymous, &link).await.expect(200);
    server.clock.set(until - seconds(1));
    confirm_email(&server.anonymous, &link).await.expect(200);
    let browser = server.sign_in(&ada).await;
    let change_link = change_email_link(&server, &browser, "ada@new.example").await;
    confirm_email(&browser, &change_link).await.expect(200);
    confirm_email(&browser, &link).await.assert_problem(401, "INVALID_TOKEN");
    let again = confirm_email(&browser, &change_link).await;
    assert_eq!(again.expect(200), json!({ "status": true, "user": null }));
    // With the first email restored, the used link succeeds again until it expires.
    let restore = format!("UPDATE users SET email = '{}' WHERE id = '{}'", ada.email, ada.id);
    execute(&server, &restore).await;
    confirm_email(&browser, &link).await.expect(200);
    server.clock.set(until);
    confirm_email(&server.anonymous, &link).await.assert_problem(401, "INVALID_TOKEN");
    server.delete_old_rows(days(365)).await;
    let left = select(&server, "SELECT email AS value FROM used_links").await;
    assert_eq!(left, ["ada@new.example"], "only the expired link is deleted");
}

#[apply(on_both_databases)]
async fn verification_link_redirects_to_the_requested_page(backend: Backend) {
    let server = backend.start().await;
    let page_url = server.state.site.public_url.join("/welcome").unwrap();
    let page = "/welcome?first=1&x=%C3%BC#top";
    let body = with_field(sign_up_body("ada"), "callbackURL", page);
    server.anonymous.post(SIGN_UP, body).await.expect(200);
    let link = server.last_mail_to("ada@example.com").await.link();
    let reply = follow_link(&server.anonymous, &link).await;
    assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(location(&reply), format!("{page_url}?first=1&x=%C3%BC#top"));

    let admin = server.sign_up_admin("admin").await;
    let grace = server.sign_up("grace").await;
    let body = json!({ "email": grace.email, "callbackURL": page });
    server.anonymous.post(SEND_VERIFICATION, body).await.expect(200);
    let link = server.last_mail_to(&grace.email).await.link();
    let with_error = |code| format!("{page_url}?first=1&x=%C3%BC&error={code}#top");
    deactivate(&admin, &grace).await;
    assert_eq!(
        location(&follow_link(&server.anonymous, &link).await),
        with_error("USER_DEACTIVATED")
    );
    reactivate(&admin, &grace).await;
    server.advance(HOUR);
    assert_eq!(location(&follow_link(&server.anonymous, &link).await), with_error("TOKEN_EXPIRED"));
    send(&grace.browser, &grace.email).await.expect(200);
    server.wait_for_jobs().await;
    assert_eq!(location(&follow_link(&server.anonymous, &link).await), with_error("INVALID_TOKEN"));
    assert!(!is_verified(&grace).await);
}

#[apply(on_both_databases)]
async fn verify_email_with_head_is_method_not_allowed_and_keeps_the_link(backend: Backend) {
    let server = backend.start().await;
    let (ada, link) = sign_up_with_verification_link(&server, "ada").await;
    let path = format!("{VERIFY_EMAIL}?token={link}");
    let reply = Reply::of(server.anonymous.request(Method::HEAD, &path)).await;
    assert_eq!(reply.status, 405);
    assert_eq!(reply.header("allow"), Some("GET, POST"));
    assert!(!is_verified(&ada).await);
    confirm_email(&server.anonymous, &link).await.expect(200);
}

#[apply(on_both_databases)]
async fn verification_link_is_invalid_once_the_email_has_changed(backend: Backend) {
    let server = backend.start().await;
    let (ada, link) = sign_up_with_verification_link(&server, "ada").await;
    let sql = format!("UPDATE users SET email = 'ada@new.example' WHERE id = '{}'", ada.id);
    execute(&server, &sql).await;
    confirm_email(&server.anonymous, &link).await.assert_problem(401, "INVALID_TOKEN");
    send(&server.anonymous, "ada@example.com").await.expect(200);
    assert_eq!(server.mail_to("ada@example.com").await.len(), 1, "no user has this email any more");
    assert!(!is_verified(&ada).await);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkPurpose {
    SetPassword,
    VerifyEmail,
    ChangeEmail,
    DeleteAccount,
}

/// An operation that accepts the secret of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkOperation {
    ResetPassword,
    ConfirmEmail,
    DeleteUser,
    ConfirmDeletion,
}

impl LinkPurpose {
    const ALL: [Self; 4] =
        [Self::SetPassword, Self::VerifyEmail, Self::ChangeEmail, Self::DeleteAccount];

    /// Mails a user a link for this purpose, and returns its secret.
    async fn issue(self, server: &Server, user: &TestUser) -> String {
        match self {
            Self::SetPassword => reset_link(server, &user.email).await,
            Self::VerifyEmail => server.last_mail_to(&user.email).await.secret(),
            Self::ChangeEmail => {
                let email = format!("new-{}", user.email);
                change_email_link(server, &user.browser, &email).await
            }
            Self::DeleteAccount => deletion_link(server, user).await,
        }
    }

    /// Returns the operations that accept a link for this purpose.
    fn operations(self) -> &'static [LinkOperation] {
        match self {
            Self::SetPassword => &[LinkOperation::ResetPassword],
            Self::VerifyEmail | Self::ChangeEmail => &[LinkOperation::ConfirmEmail],
            Self::DeleteAccount => &[LinkOperation::DeleteUser, LinkOperation::ConfirmDeletion],
        }
    }
}

impl LinkOperation {
    const ALL: [Self; 4] =
        [Self::ResetPassword, Self::ConfirmEmail, Self::DeleteUser, Self::ConfirmDeletion];

    async fn redeem(self, browser: &Caller, link: &str) -> Reply {
        match self {
            Self::ResetPassword => {
                let body = json!({ "newPassword": NEW_PASSWORD, "token": link });
                browser.post(RESET_PASSWORD, body).await
            }
            Self::ConfirmEmail => confirm_email(browser, link).await,
            Self::DeleteUser => browser.post(DELETE_USER, json!({ "token": link })).await,
            Self::ConfirmDeletion => browser.get(&format!("{CONFIRM_DELETION}?token={link}")).await,
        }
    }

    /// Returns the status of the response to an invalid link.
    fn invalid_link_status(self) -> u16 {
        match self {
            Self::ResetPassword => 400,
            Self::ConfirmEmail => 401,
            Self::DeleteUser | Self::ConfirmDeletion => 404,
        }
    }
}

#[apply(on_both_databases)]
async fn mailed_link_for_another_purpose_is_rejected_and_not_consumed(backend: Backend) {
    let server = backend.start().await;
    let mut rejected = 0;
    for purpose in LinkPurpose::ALL {
        let accepting = purpose.operations();
        for (number, operation) in accepting.iter().enumerate() {
            let user = server.sign_up(&format!("{purpose:?}{number}").to_lowercase()).await;
            let link = purpose.issue(&server, &user).await;
            for other in LinkOperation::ALL.into_iter().filter(|other| !accepting.contains(other)) {
                let reply = other.redeem(&user.browser, &link).await;
                assert_eq!(reply.header("set-cookie"), None, "{purpose:?} {other:?}");
                reply.assert_problem(other.invalid_link_status(), "INVALID_TOKEN");
                rejected += 1;
            }
            let page = format!("{RESET_PASSWORD}/{link}?callbackURL=/");
            let reply = server.anonymous.get(&page).await;
            let expected = if purpose == LinkPurpose::SetPassword { "token=" } else { "error=" };
            assert!(location(&reply).contains(expected), "{purpose:?}");

            let shown = current_user(&user.browser).await;
            assert_eq!(shown["email"], user.email.as_str());
            assert_eq!(shown["emailVerified"], false);
            operation.redeem(&user.browser, &link).await.expect(200);
        }
    }
    assert_eq!(rejected, 13);
}
