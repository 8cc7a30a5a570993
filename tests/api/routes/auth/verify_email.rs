use portcullis::time::days;

use super::*;

const HOUR: Span = seconds(60 * 60);

async fn send(caller: &Caller, email: &str) -> Reply {
    caller.post(SEND_VERIFICATION, json!({ "email": email })).await
}

/// Somebody who has signed up, and the secret of the link that they were mailed.
async fn sign_up_with_link(server: &Server, name: &str) -> (TestUser, String) {
    let person = server.sign_up(name).await;
    let link = server.last_mail_to(&person.email).await.secret();
    (person, link)
}

async fn is_verified(person: &TestUser) -> bool {
    user_of(&person.browser).await["emailVerified"].as_bool().unwrap()
}

struct VerifyEmail;

impl MailedLink for VerifyEmail {
    const LIFETIME: Span = HOUR;
    const INVALID: Rejection = (401, "INVALID_TOKEN");
    const EXPIRED: Rejection = (401, "TOKEN_EXPIRED");
    const USED: Option<&'static [Rejection]> = None;

    async fn issue(server: &Server, _admin: &TestUser, name: &str) -> (TestUser, String) {
        sign_up_with_link(server, name).await
    }

    async fn issue_newer(server: &Server, user: &TestUser) -> String {
        send(&server.anonymous, &user.email).await.expect(200);
        server.last_mail_to(&user.email).await.secret()
    }

    async fn redeem(server: &Server, _user: &TestUser, secret: &str) -> Reply {
        confirm(&server.anonymous, secret).await
    }

    async fn took_effect(_server: &Server, admin: &TestUser, user: &TestUser) -> bool {
        user_seen_by(admin, &user.id).await["emailVerified"] == true
    }
}

mailed_link!(VerifyEmail);

#[apply(on_both_databases)]
async fn send_verification_email_rejects_token_and_csrf_requests(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let body = json!({ "email": ada.email });
    assert_no_token_or_foreign_origin(&server, SEND_VERIFICATION, body).await;
    assert_eq!(server.mail_to(&ada.email).await.len(), 1, "the one of the sign-up");
}

#[apply(on_both_databases)]
async fn send_verification_email_with_invalid_email_or_callback_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let body = json!({ "email": "ada@example.com" });
    let unfit = [
        ("email", json!("")),
        ("email", json!("ada@")),
        ("email", json!("ada@example.com\r\nBcc: eve@evil.example")),
        ("email", json!({ "$ne": null })),
        ("email", Value::Null),
        ("callbackURL", json!(1)),
    ];
    assert_fields_rejected(&server.anonymous, SEND_VERIFICATION, &body, &unfit).await;
    assert_fields_required(&server.anonymous, SEND_VERIFICATION, &body, &["email"]).await;
    for url in ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", ""] {
        let body = with(body.clone(), "callbackURL", url);
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
    let (ada, _) = sign_up_with_link(&server, "ada").await;
    let (verified, link) = sign_up_with_link(&server, "verified").await;
    confirm(&server.anonymous, &link).await.expect(200);
    let locked = server.sign_up("locked").await;
    deactivate(&admin, &locked).await;
    let before = server.outbox().await.len();

    let first = send(&server.anonymous, "unknown@example.com").await;
    assert_eq!(first.header("set-cookie"), None);
    for email in [&verified.email, &locked.email, &ada.email] {
        // The cookie of somebody who is locked out is none.
        for caller in [&server.anonymous, &locked.browser] {
            let other = send(caller, email).await;
            assert_eq!(without_request_id(&other), without_request_id(&first), "{email}");
        }
    }
    assert_eq!(first.expect(200), json!({ "status": true }));
    let mail = server.outbox().await;
    assert_eq!(mail.len(), before + 2, "only who has something to confirm is written to");
    assert!(mail[before..].iter().all(|letter| letter.to == ada.email));
}

#[apply(on_both_databases)]
async fn send_verification_email_queues_the_same_work_for_any_email(backend: Backend) {
    let (server, _silent, people) = with_a_silent_mail_server(backend, &[]).await;
    deactivate(&people[0], &people[2]).await;
    let set =
        |email: &str| format!("UPDATE users SET email_verified = TRUE WHERE email = '{email}'");
    execute(&server, &set(&people[3].email)).await;
    let before = queue(&server).await.len();
    let emails =
        ["known@example.com", "locked@example.com", "other@example.com", "nobody@example.com"];
    for email in emails {
        send(&server.anonymous, &email.to_uppercase()).await.expect(200);
    }
    let queue = queue(&server).await.split_off(before);
    assert_eq!(queue.len(), 4);
    let known = waiting(&queue[0], emails[0]);
    assert_eq!(known["userId"], Value::Null, "nobody was looked up");
    for (job, email) in queue.iter().zip(emails) {
        assert_eq!(waiting(job, email), known);
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
    confirm(&ada.browser, &link).await.expect(200);
    for email in ["ada@example.com", "ADA@example.com"] {
        send(&ada.browser, email).await.assert_problem(400, "EMAIL_ALREADY_VERIFIED");
    }
    send(&ada.browser, &grace.email).await.assert_problem(400, "EMAIL_MISMATCH");
    assert_eq!(server.outbox().await.len(), 3);
}

#[apply(on_both_databases)]
async fn verify_email_with_invalid_link_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let (ada, link) = sign_up_with_link(&server, "ada").await;
    for query in ["", "?", "?token", "?callbackURL=/", "?token=a&token=b"] {
        let reply = ada.browser.get(&format!("{VERIFY_EMAIL}{query}")).await;
        if query == "?token" {
            reply.assert_problem(401, "INVALID_TOKEN");
        } else {
            reply.assert_problem(400, "VALIDATION_ERROR");
        }
    }
    let cookie = secret_of(ada.browser.cookie.as_ref().unwrap());
    for none in ["", "x", "%00", "%ff", &cookie, &link[..42], &format!("{link}x")] {
        confirm(&ada.browser, none).await.assert_problem(401, "INVALID_TOKEN");
    }
    assert!(!is_verified(&ada).await);
}

#[apply(on_both_databases)]
async fn verify_email_with_token_is_forbidden_and_keeps_the_link(backend: Backend) {
    let server = backend.start().await;
    let (ada, link) = sign_up_with_link(&server, "ada").await;
    for scopes in [&["read"][..], &["read", "write"]] {
        confirm(&ada.token(scopes).await, &link).await.assert_problem(403, "cookie_required");
    }
    confirm(&server.anonymous, &link).await.expect(200);
}

#[apply(on_both_databases)]
async fn verify_email_with_foreign_callback_url_is_forbidden_and_keeps_link(backend: Backend) {
    let server = backend.start().await;
    let (ada, link) = sign_up_with_link(&server, "ada").await;
    for url in ["https://evil.example", "%2F%2Fevil.example", "/%5Cevil.example", ""] {
        let path = format!("{VERIFY_EMAIL}?token={link}&callbackURL={url}");
        let reply = server.anonymous.get(&path).await;
        assert_eq!(reply.header("location"), None);
        reply.assert_problem(403, "INVALID_CALLBACK_URL");
    }
    assert!(!is_verified(&ada).await);
    confirm(&server.anonymous, &link).await.expect(200);
}

#[apply(on_both_databases)]
async fn verify_email_is_idempotent_and_keeps_sessions(backend: Backend) {
    let server = backend.start().await;
    let (ada, link) = sign_up_with_link(&server, "ada").await;
    let (grace, _) = sign_up_with_link(&server, "grace").await;
    let phone = server.sign_in(&ada).await;
    let script = ada.token(&["read"]).await;
    let before = user_of(&ada.browser).await;
    assert_eq!(before["emailVerified"], false);
    server.advance(seconds(60));
    // Whoever reads the mail, in whichever browser.
    let reply = confirm(&grace.browser, &link).await;
    assert_eq!(reply.header("set-cookie"), None, "no session is begun");
    assert_eq!(reply.expect(200), json!({ "status": true, "user": null }));
    let after = with(before, "emailVerified", true);
    let after = with(after, "updatedAt", server.now().to_string());
    assert_eq!(user_of(&ada.browser).await, after, "sessions live on");
    assert!(is_signed_in(&phone).await && is_signed_in(&script).await);
    assert!(!is_verified(&grace).await, "nobody else's is confirmed");
    for caller in [&server.anonymous, &ada.browser] {
        let again = confirm(caller, &link).await;
        assert_eq!(again.header("set-cookie"), None);
        assert_eq!(again.expect(200), json!({ "status": true, "user": null }), "it is confirmed");
    }
    assert_eq!(server.mail_to(&ada.email).await.len(), 1, "there is nothing more to say");
    assert!(!dump(&server).await.contains(&link), "it was stored hashed");
}

#[apply(on_both_databases)]
async fn verification_link_expires_after_one_hour_and_is_deleted_a_day_later(backend: Backend) {
    let server = backend.start().await;
    let (ada, link) = sign_up_with_link(&server, "ada").await;
    let (grace, late) = sign_up_with_link(&server, "grace").await;
    let until = server.now() + HOUR;
    server.clock.set(until - seconds(1));
    confirm(&server.anonymous, &link).await.expect(200);
    assert!(is_verified(&ada).await);

    for at in [until, until + days(1) - seconds(1)] {
        server.clock.set(at);
        server.delete_old_rows(days(365)).await;
        confirm(&server.anonymous, &late).await.assert_problem(401, "TOKEN_EXPIRED");
    }
    server.clock.set(until + days(1));
    server.delete_old_rows(days(365)).await;
    confirm(&server.anonymous, &late).await.assert_problem(401, "INVALID_TOKEN");
    assert!(!is_verified(&grace).await);
    send(&server.anonymous, &grace.email).await.expect(200);
    let again = server.last_mail_to(&grace.email).await.secret();
    confirm(&server.anonymous, &again).await.expect(200);
}

#[apply(on_both_databases)]
async fn verification_link_opens_a_page_which_verifies_nothing_by_itself(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let letter = server.last_mail_to(&ada.email).await;
    assert_eq!(letter.subject, "Confirm your email for Portcullis");
    let link = letter.link();
    let ours = &server.state.site.public_url;
    assert_eq!(link.origin(), ours.origin());
    let secret = letter.secret();
    assert_eq!((link.path(), link.query()), ("/verify-email", None));
    assert_eq!(link.fragment(), Some(&*format!("token={secret}")), "no browser sends that");

    // A scanner that sends all of it, also what a browser keeps to itself.
    for path in ["/verify-email", &format!("/verify-email?token={secret}")] {
        let reply = server.anonymous.navigate(path).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.header("set-cookie"), None);
    }
    assert!(!is_verified(&ada).await);
    confirm(&server.anonymous, &secret).await.expect(200);
    assert!(is_verified(&ada).await);
}

#[apply(on_both_databases)]
async fn verification_page_continues_only_to_own_or_trusted_origins(backend: Backend) {
    let server = backend.start_with(&["--trusted-origins", "https://app.example.com"]).await;
    for place in ["/welcome?a=b", "https://app.example.com/in"] {
        let email = format!("ada{}@example.com", place.len());
        let body =
            json!({ "name": "ada", "email": email, "password": PASSWORD, "callbackURL": place });
        server.anonymous.post(SIGN_UP, body).await.expect(200);
        let link = server.last_mail_to(&email).await.link();
        let query: Vec<_> = link.query_pairs().into_owned().collect();
        assert_eq!(query, [("callbackURL".to_owned(), place.to_owned())]);
        let path = format!("/verify-email?{}", link.query().unwrap());
        let page = server.anonymous.navigate(&path).await;
        assert!(page.text.contains(&format!("data-then=\"{place}\"")), "{}", page.text);
    }
    for place in ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/%5Cevil"] {
        for path in ["/verify-email", "/delete-account"] {
            let page = server.anonymous.navigate(&format!("{path}?callbackURL={place}")).await;
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
    let ours = server.state.site.public_url.clone();
    let body = with(sign_up_body("ada"), "callbackURL", "/welcome");
    let reply = server.anonymous.post(SIGN_UP, body).await;
    let browser = server.anonymous.with_cookie(&reply.cookie().unwrap());
    let link = server.last_mail_to("ada@example.com").await.link();
    assert_eq!(link.path(), VERIFY_EMAIL);
    // A scanner first, then the reader: neither is told that it failed.
    for caller in [&server.anonymous, &browser, &server.anonymous] {
        let reply = follow(caller, &link).await;
        assert_eq!(location(&reply), ours.join("/welcome").unwrap().as_str());
    }
}

#[apply(on_both_databases)]
async fn verify_email_by_get_in_own_session_revokes_nothing(backend: Backend) {
    let server = backend.start().await;
    let (ada, link) = sign_up_with_link(&server, "ada").await;
    let phone = server.sign_in(&ada).await;
    let script = ada.token(&["read"]).await;
    let reply = confirm_by_get(&phone, &link).await;
    assert_eq!(reply.expect(200), json!({ "status": true, "user": null }));
    assert!(is_verified(&ada).await);
    assert!(is_signed_in(&phone).await && is_signed_in(&script).await);
    confirm_by_get(&server.anonymous, &link).await.expect(200);
    assert!(is_signed_in(&phone).await && is_signed_in(&script).await, "it ends nothing later");
}

#[apply(on_both_databases)]
async fn verify_email_by_get_without_own_session_revokes_sessions_and_tokens(backend: Backend) {
    let server = backend.start().await;
    let (grace, _) = sign_up_with_link(&server, "grace").await;
    for (name, follower) in [("ada", &server.anonymous), ("eva", &grace.browser)] {
        // Eve has signed up with another's address, and a scanner reads the owner's mail.
        let (eve, link) = sign_up_with_link(&server, name).await;
        let others = [server.sign_in(&eve).await, eve.token(&["read", "write"]).await];
        confirm_by_get(follower, &link).await.expect(200);
        for held in [&eve.browser, &others[0], &others[1]] {
            assert!(!is_signed_in(held).await, "{name}");
        }
        let answer = sign_in_with(&server, &eve.email, PASSWORD).await.expect(200);
        assert_eq!(answer["user"]["emailVerified"], true);
        // Followed once more it says so, and ends no later session.
        let later = server.sign_in(&eve).await;
        confirm_by_get(follower, &link).await.expect(200);
        assert!(is_signed_in(&later).await);
    }
    assert!(is_signed_in(&grace.browser).await);
}

#[apply(on_both_databases)]
async fn used_verification_link_succeeds_again_until_it_expires(backend: Backend) {
    let server = backend.start().await;
    let (ada, link) = sign_up_with_link(&server, "ada").await;
    let until = server.now() + HOUR;
    confirm(&server.anonymous, &link).await.expect(200);
    server.clock.set(until - seconds(1));
    confirm(&server.anonymous, &link).await.expect(200);
    let browser = server.sign_in(&ada).await;
    let moved = new_address_link(&server, &browser, "ada@new.example").await;
    confirm(&browser, &moved).await.expect(200);
    confirm(&browser, &link).await.assert_problem(401, "INVALID_TOKEN");
    let again = confirm(&browser, &moved).await;
    assert_eq!(again.expect(200), json!({ "status": true, "user": null }));
    // The address is the first one again, and what is left to say no is the time.
    let back = format!("UPDATE users SET email = '{}' WHERE id = '{}'", ada.email, ada.id);
    execute(&server, &back).await;
    confirm(&browser, &link).await.expect(200);
    server.clock.set(until);
    confirm(&server.anonymous, &link).await.assert_problem(401, "INVALID_TOKEN");
    server.delete_old_rows(days(365)).await;
    let left = select(&server, "SELECT email AS value FROM used_links").await;
    assert_eq!(left, ["ada@new.example"], "it is deleted, and the later one is not");
}

#[apply(on_both_databases)]
async fn verification_link_redirects_to_the_requested_page(backend: Backend) {
    let server = backend.start().await;
    let ours = server.state.site.public_url.join("/welcome").unwrap();
    let page = "/welcome?first=1&x=%C3%BC#top";
    let body = with(sign_up_body("ada"), "callbackURL", page);
    server.anonymous.post(SIGN_UP, body).await.expect(200);
    let link = server.last_mail_to("ada@example.com").await.link();
    let reply = follow(&server.anonymous, &link).await;
    assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(location(&reply), format!("{ours}?first=1&x=%C3%BC#top"));

    let admin = server.sign_up_admin("admin").await;
    let grace = server.sign_up("grace").await;
    let body = json!({ "email": grace.email, "callbackURL": page });
    server.anonymous.post(SEND_VERIFICATION, body).await.expect(200);
    let link = server.last_mail_to(&grace.email).await.link();
    let told = |code| format!("{ours}?first=1&x=%C3%BC&error={code}#top");
    deactivate(&admin, &grace).await;
    assert_eq!(location(&follow(&server.anonymous, &link).await), told("USER_DEACTIVATED"));
    reactivate(&admin, &grace).await;
    server.advance(HOUR);
    assert_eq!(location(&follow(&server.anonymous, &link).await), told("TOKEN_EXPIRED"));
    send(&grace.browser, &grace.email).await.expect(200);
    server.wait_for_jobs().await;
    assert_eq!(location(&follow(&server.anonymous, &link).await), told("INVALID_TOKEN"));
    assert!(!is_verified(&grace).await);
}

#[apply(on_both_databases)]
async fn verify_email_with_head_is_method_not_allowed_and_keeps_the_link(backend: Backend) {
    let server = backend.start().await;
    let (ada, link) = sign_up_with_link(&server, "ada").await;
    let path = format!("{VERIFY_EMAIL}?token={link}");
    let reply = Reply::of(server.anonymous.request(Method::HEAD, &path)).await;
    assert_eq!(reply.status, 405);
    assert_eq!(reply.header("allow"), Some("GET, POST"));
    assert!(!is_verified(&ada).await);
    confirm(&server.anonymous, &link).await.expect(200);
}

#[apply(on_both_databases)]
async fn verification_link_is_invalid_once_the_email_has_changed(backend: Backend) {
    let server = backend.start().await;
    let (ada, link) = sign_up_with_link(&server, "ada").await;
    let sql = format!("UPDATE users SET email = 'ada@new.example' WHERE id = '{}'", ada.id);
    execute(&server, &sql).await;
    confirm(&server.anonymous, &link).await.assert_problem(401, "INVALID_TOKEN");
    send(&server.anonymous, "ada@example.com").await.expect(200);
    assert_eq!(server.mail_to("ada@example.com").await.len(), 1, "nobody is there any more");
    assert!(!is_verified(&ada).await);
}

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    SettingAPassword,
    ConfirmingAnAddress,
    ChangingIt,
    Leaving,
}

/// Where a link is redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Reset,
    Verify,
    Delete,
    DeleteByLink,
}

impl For {
    const ALL: [Self; 4] =
        [Self::SettingAPassword, Self::ConfirmingAnAddress, Self::ChangingIt, Self::Leaving];

    /// Gets somebody such a link.
    async fn link(self, server: &Server, person: &TestUser) -> String {
        match self {
            Self::SettingAPassword => reset_link(server, &person.email).await,
            Self::ConfirmingAnAddress => server.last_mail_to(&person.email).await.secret(),
            Self::ChangingIt => {
                let email = format!("new-{}", person.email);
                new_address_link(server, &person.browser, &email).await
            }
            Self::Leaving => deletion_link(server, person).await,
        }
    }

    fn ways(self) -> &'static [Way] {
        match self {
            Self::SettingAPassword => &[Way::Reset],
            Self::ConfirmingAnAddress | Self::ChangingIt => &[Way::Verify],
            Self::Leaving => &[Way::Delete, Way::DeleteByLink],
        }
    }
}

impl Way {
    const ALL: [Self; 4] = [Self::Reset, Self::Verify, Self::Delete, Self::DeleteByLink];

    async fn redeem(self, browser: &Caller, link: &str) -> Reply {
        match self {
            Self::Reset => {
                let body = json!({ "newPassword": NEW, "token": link });
                browser.post(RESET_PASSWORD, body).await
            }
            Self::Verify => confirm(browser, link).await,
            Self::Delete => browser.post(DELETE_USER, json!({ "token": link })).await,
            Self::DeleteByLink => browser.get(&format!("{CONFIRM_DELETION}?token={link}")).await,
        }
    }

    fn refusal(self) -> u16 {
        match self {
            Self::Reset => 400,
            Self::Verify => 401,
            Self::Delete | Self::DeleteByLink => 404,
        }
    }
}

#[apply(on_both_databases)]
async fn mailed_link_for_another_purpose_is_rejected_and_not_consumed(backend: Backend) {
    let server = backend.start().await;
    let mut tried = 0;
    for purpose in For::ALL {
        for (number, fits) in purpose.ways().iter().enumerate() {
            let person = server.sign_up(&format!("{purpose:?}{number}").to_lowercase()).await;
            let link = purpose.link(&server, &person).await;
            for way in Way::ALL.into_iter().filter(|way| !purpose.ways().contains(way)) {
                let reply = way.redeem(&person.browser, &link).await;
                assert_eq!(reply.header("set-cookie"), None, "{purpose:?} {way:?}");
                reply.assert_problem(way.refusal(), "INVALID_TOKEN");
                tried += 1;
            }
            let page = format!("{RESET_PASSWORD}/{link}?callbackURL=/");
            let reply = server.anonymous.get(&page).await;
            let told = if purpose == For::SettingAPassword { "token=" } else { "error=" };
            assert!(location(&reply).contains(told), "{purpose:?}");

            let user = user_of(&person.browser).await;
            assert_eq!(user["email"], person.email.as_str());
            assert_eq!(user["emailVerified"], false);
            fits.redeem(&person.browser, &link).await.expect(200);
        }
    }
    assert_eq!(tried, 13);
}
