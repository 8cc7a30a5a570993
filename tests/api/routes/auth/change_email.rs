use portcullis::{
    secrets::LinkSecret,
    store::verifications::{self, NewVerification, Purpose},
    time::days,
};

use super::*;

const HOUR: Span = seconds(60 * 60);
/// The email to which a user changes.
const NEW_EMAIL: &str = "ada@new.example";

async fn request(browser: &Caller, email: &str) -> Reply {
    browser.post(CHANGE_EMAIL, json!({ "newEmail": email })).await
}

async fn email_of(browser: &Caller) -> String {
    current_user(browser).await["email"].as_str().unwrap().to_owned()
}

struct ChangeEmail;

impl MailedLink for ChangeEmail {
    const LIFETIME: Span = HOUR;
    const INVALID: Rejection = (401, "INVALID_TOKEN");
    const EXPIRED: Rejection = (401, "TOKEN_EXPIRED");
    const USED: Option<&'static [Rejection]> = None;

    async fn issue_newer(server: &Server, user: &TestUser) -> String {
        change_email_link(server, &user.browser, &format!("new-{}", user.email)).await
    }

    async fn redeem(server: &Server, _user: &TestUser, secret: &str) -> Reply {
        confirm_email(&server.anonymous, secret).await
    }

    async fn took_effect(_server: &Server, admin: &TestUser, user: &TestUser) -> bool {
        get_user_as_admin(admin, &user.id).await["email"] != user.email.as_str()
    }
}

// Without `email`: the link sets the email that it is sent to. It is bound to the session that requested it.
// Expires, single use, superseded, bound to the email, deactivated user, concurrent use: see
// tests/api/support/contracts/mailed_link.rs.
mailed_link!(ChangeEmail: expiry, single_use, superseded, deactivated, revoked, malformed, concurrent);

#[apply(on_both_databases)]
async fn change_email_rejects_anonymous_token_and_csrf_requests(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let body = json!({ "newEmail": NEW_EMAIL });
    assert_cookie_required(&server, &ada, CHANGE_EMAIL, body).await;
    assert_eq!(server.outbox().await.len(), 1, "only the message of the sign-up");
    assert_eq!(email_of(&ada.browser).await, ada.email);
}

#[apply(on_both_databases)]
async fn change_email_with_invalid_email_or_callback_url_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let body = json!({ "newEmail": NEW_EMAIL });
    let long = format!("{}@example.com", "a".repeat(243));
    let invalid = [
        ("newEmail", json!("")),
        ("newEmail", json!("ada")),
        ("newEmail", json!("ada@new.example\r\nBcc: eve@evil.example")),
        ("newEmail", json!("ada@new.example,eve@evil.example")),
        ("newEmail", json!("Ada <ada@new.example>")),
        ("newEmail", json!("ada@nëw.example")),
        ("newEmail", json!("ada\u{ff20}new.example")),
        ("newEmail", json!(long)),
        ("newEmail", json!([NEW_EMAIL])),
        ("newEmail", Value::Null),
        ("callbackURL", json!(1)),
    ];
    assert_fields_rejected(&ada.browser, CHANGE_EMAIL, &body, &invalid).await;
    assert_fields_required(&ada.browser, CHANGE_EMAIL, &body, &["newEmail"]).await;
    for url in ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", ""] {
        let body = with_field(body.clone(), "callbackURL", url);
        ada.browser.post(CHANGE_EMAIL, body).await.assert_problem(403, "INVALID_CALLBACK_URL");
    }
    assert_eq!(server.outbox().await.len(), 1);
}

#[apply(on_both_databases)]
async fn change_email_with_stale_session_is_forbidden(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    advance_to_just_before(&server, days(1));
    request(&ada.browser, "one@new.example").await.expect(200);
    server.advance(seconds(1));
    request(&ada.browser, "two@new.example").await.assert_problem(403, "SESSION_NOT_FRESH");
    request(&ada.browser, "").await.assert_problem(403, "SESSION_NOT_FRESH");
    let browser = ada.browser.with_password_entered().await;
    request(&browser, "three@new.example").await.expect(200);
    let to: Vec<String> = server.outbox().await.into_iter().map(|message| message.to).collect();
    assert_eq!(to, [&ada.email, "one@new.example", "three@new.example"]);
}

#[apply(on_both_databases)]
async fn change_email_to_the_current_email_is_bad_request(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for email in ["ada@example.com", "ADA@Example.COM"] {
        request(&ada.browser, email).await.assert_problem(400, "email_unchanged");
    }
    assert_eq!(server.outbox().await.len(), 1);
}

#[apply(on_both_databases)]
async fn change_email_prevents_enumeration_of_taken_emails(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let deactivated = server.sign_up("deactivated").await;
    deactivate(&admin, &deactivated).await;
    let before = server.outbox().await.len();
    let free = request(&ada.browser, NEW_EMAIL).await;
    assert_eq!(free.header("set-cookie"), None);
    for email in [&grace.email, "GRACE@example.com", &deactivated.email] {
        let taken = request(&ada.browser, email).await;
        assert_eq!(without_request_id(&taken), without_request_id(&free), "{email}");
    }
    assert_eq!(free.expect(200), json!({ "status": true }));
    let mail = server.outbox().await;
    assert_eq!(mail.len(), before + 1, "{mail:?}");
    assert_eq!(mail.last().unwrap().to, NEW_EMAIL);
    assert_eq!(email_of(&ada.browser).await, ada.email);
}

#[apply(on_both_databases)]
async fn change_email_queues_the_same_work_for_free_and_taken_emails(backend: Backend) {
    let (server, _listener, users) = start_with_unresponsive_mail_server(backend, &[]).await;
    let before = queued_jobs(&server).await.len();
    for email in [NEW_EMAIL, &users[1].email] {
        request(&users[4].browser, email).await.expect(200);
    }
    let queue = queued_jobs(&server).await.split_off(before);
    assert_eq!(queue.len(), 2);
    let free = without_email(&queue[0], NEW_EMAIL);
    assert_eq!(free["userId"], users[4].id.as_str());
    assert_eq!(without_email(&queue[1], &users[1].email), free);
}

/// Returns whether the settings page shows a pending change to this email.
async fn shows_pending_change(browser: &Caller, email: &str) -> bool {
    let page = browser.navigate("/settings").await;
    assert_eq!(page.status, 200, "{}", page.text);
    page.text.contains(&format!("You requested a change to <strong>{email}</strong>"))
}

async fn cancel_change(browser: &Caller) {
    assert_eq!(browser.delete(CHANGE_EMAIL).await.status, 204);
}

#[apply(on_both_databases)]
async fn pending_email_change_is_shown_until_cancelled_even_to_a_taken_email(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let phone = server.sign_in(&ada).await;
    assert!(!shows_pending_change(&ada.browser, NEW_EMAIL).await);
    let link = change_email_link(&server, &ada.browser, NEW_EMAIL).await;
    assert!(
        shows_pending_change(&ada.browser, NEW_EMAIL).await
            && shows_pending_change(&phone, NEW_EMAIL).await
    );
    assert!(!shows_pending_change(&grace.browser, NEW_EMAIL).await, "another user does not see it");

    // A change to a taken email is shown in the same way, and also supersedes the older one.
    request(&ada.browser, &grace.email).await.expect(200);
    server.wait_for_jobs().await;
    assert!(shows_pending_change(&ada.browser, &grace.email).await);
    assert_eq!(server.mail_to(&grace.email).await.len(), 1, "only the message of the sign-up");
    confirm_email(&server.anonymous, &link).await.assert_problem(401, "INVALID_TOKEN");

    let link = change_email_link(&server, &ada.browser, NEW_EMAIL).await;
    cancel_change(&grace.browser).await;
    assert!(shows_pending_change(&ada.browser, NEW_EMAIL).await, "another user cannot cancel it");
    cancel_change(&ada.browser).await;
    cancel_change(&ada.browser).await;
    assert!(!shows_pending_change(&ada.browser, NEW_EMAIL).await);
    confirm_email(&server.anonymous, &link).await.assert_problem(401, "INVALID_TOKEN");
    assert_eq!(email_of(&ada.browser).await, ada.email);
}

#[apply(on_both_databases)]
async fn pending_email_change_ends_when_its_session_ends_or_link_expires(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let phone = server.sign_in(&ada).await;
    change_email_link(&server, &phone, NEW_EMAIL).await;
    phone.post(SIGN_OUT, json!({})).await.expect(200);
    assert!(
        !shows_pending_change(&ada.browser, NEW_EMAIL).await,
        "the requesting session has ended"
    );
    change_email_link(&server, &ada.browser, NEW_EMAIL).await;
    server.advance(HOUR);
    assert!(!shows_pending_change(&ada.browser, NEW_EMAIL).await, "the link has expired");
}

#[apply(on_both_databases)]
async fn queued_email_change_is_shown_as_pending_and_can_be_cancelled(backend: Backend) {
    let (server, _listener, users) = start_with_unresponsive_mail_server(backend, &[]).await;
    let before = queued_jobs(&server).await.len();
    let ada = &users[4].browser;
    request(ada, "older@new.example").await.expect(200);
    request(ada, NEW_EMAIL).await.expect(200);
    assert!(shows_pending_change(ada, NEW_EMAIL).await);
    assert_eq!(queued_jobs(&server).await.len(), before + 2);
    cancel_change(ada).await;
    assert!(!shows_pending_change(ada, NEW_EMAIL).await);
    assert_eq!(queued_jobs(&server).await.len(), before, "other jobs are kept");
}

/// The worker has already taken the job when the change is cancelled.
#[apply(on_both_databases)]
async fn cancelled_email_change_job_cannot_issue_a_link(backend: Backend) {
    let (server, _listener, users) = start_with_unresponsive_mail_server(backend, &[]).await;
    let ada = &users[4];
    request(&ada.browser, NEW_EMAIL).await.expect(200);
    let job = queued_jobs(&server).await.pop().unwrap();
    cancel_change(&ada.browser).await;
    let secret = LinkSecret::generate();
    let lifetime = seconds(60);
    let link = NewVerification::new(
        Purpose::ChangeEmail,
        &ada.id,
        NEW_EMAIL,
        secret.hash(),
        lifetime,
        server.now(),
    );
    let link = link.asked_for(None, &job.id);
    assert!(!verifications::issue(&server.state.store, link).await.unwrap());
    confirm_email(&server.anonymous, secret.reveal()).await.assert_problem(401, "INVALID_TOKEN");
}

#[apply(on_both_databases)]
async fn change_email_changes_nothing_until_the_link_is_followed(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let phone = server.sign_in(&ada).await;
    let before = current_user(&ada.browser).await;
    let link = change_email_link(&server, &ada.browser, NEW_EMAIL).await;
    assert_eq!(current_user(&ada.browser).await, before);
    assert!(is_signed_in(&phone).await);
    assert_eq!(server.mail_to(&ada.email).await.len(), 1, "the old email is not notified");
    let reply = sign_in_with(&server, NEW_EMAIL, PASSWORD).await;
    reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    sign_in_with(&server, &ada.email, PASSWORD).await.expect(200);
    assert!(!dump(&server).await.contains(&link), "only a hash of the secret is stored");
}

#[apply(on_both_databases)]
async fn change_email_link_goes_to_the_new_email_and_redirects_to_callback(backend: Backend) {
    let server = backend.start().await;
    let public_url = server.state.site.public_url.clone();
    let ada = server.sign_up("ada").await;
    for (callback, expected_location) in [
        (Value::Null, None),
        (json!("/settings?tab=mail"), Some(format!("{public_url}settings?tab=mail"))),
    ] {
        let new_email = format!("ada{}@new.example", expected_location.is_some());
        let body = json!({ "newEmail": new_email, "callbackURL": callback });
        ada.browser.post(CHANGE_EMAIL, body).await.expect(200);
        let message = server.last_mail_to(&new_email).await;
        assert_eq!(message.subject, "Confirm your new email for Portcullis");
        let link = message.link();
        assert_eq!(link.origin(), public_url.origin());
        assert_eq!(link.path(), "/verify-email");
        server.anonymous.navigate(link.path()).await.expect(200);
        assert_ne!(email_of(&ada.browser).await, new_email, "opening the page changes nothing");
        let reply = follow_link(&server.anonymous, &link).await;
        match expected_location {
            Some(expected_location) => assert_eq!(location(&reply), expected_location),
            None => assert_eq!(reply.status, 200),
        }
        assert_eq!(reply.header("set-cookie"), None);
        assert_eq!(email_of(&ada.browser).await, new_email);
    }
}

#[apply(on_both_databases)]
async fn confirmed_email_change_replaces_the_sign_in_email(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let before = current_user(&ada.browser).await;
    request(&ada.browser, "Ada@NEW.Example").await.expect(200);
    assert_eq!(server.mail_to("Ada@NEW.Example").await.len(), 0);
    let link = server.last_mail_to(NEW_EMAIL).await.secret();
    server.advance(seconds(60));
    let answer = confirm_email(&server.anonymous, &link).await.expect(200);
    let user = with_field(before, "email", NEW_EMAIL);
    let user = with_field(user, "emailVerified", true);
    let user = with_field(user, "updatedAt", server.now().to_string());
    assert_eq!(answer, json!({ "status": true, "user": user }));
    assert_eq!(current_user(&ada.browser).await, user);
    assert_eq!(email_of(&grace.browser).await, grace.email);

    for email in [NEW_EMAIL, "ADA@new.example"] {
        sign_in_with(&server, email, PASSWORD).await.expect(200);
    }
    let reply = sign_in_with(&server, &ada.email, PASSWORD).await;
    reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    let again = confirm_email(&server.anonymous, &link).await.expect(200);
    assert_eq!(again, json!({ "status": true, "user": null }), "a used link succeeds again");
}

#[apply(on_both_databases)]
async fn confirmed_email_change_notifies_and_frees_the_old_email(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let link = change_email_link(&server, &ada.browser, NEW_EMAIL).await;
    confirm_email(&server.anonymous, &link).await.expect(200);
    let mail = server.mail_to(&ada.email).await;
    assert_eq!(mail.len(), 2);
    assert_eq!(mail[1].subject, "Your email for Portcullis was changed");
    assert!(!mail[1].text.contains(NEW_EMAIL) && !mail[1].html.contains(NEW_EMAIL));
    assert_eq!(mail[1].link().path(), "/suspend-access");
    assert_eq!(server.mail_to(NEW_EMAIL).await.len(), 1);

    let new_user = server.sign_up("ada").await;
    assert_ne!(new_user.id, ada.id);
    assert_eq!(current_user(&new_user.browser).await["emailVerified"], false);
    assert_eq!(email_of(&ada.browser).await, NEW_EMAIL);
    // The first user cannot change back to it, since it is taken.
    request(&ada.browser, &ada.email).await.expect(200);
    let mail = server.mail_to(&ada.email).await;
    assert_eq!(mail.last().unwrap().subject, "Confirm your email for Portcullis");
}

#[apply(on_both_databases)]
async fn confirmed_email_change_revokes_all_but_the_requesting_session(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let others = [server.sign_in(&ada).await, sign_in_without_remember_me(&server, &ada).await];
    let script = ada.token(&["read"]).await;
    let link = change_email_link(&server, &ada.browser, NEW_EMAIL).await;
    // The link is followed in a session other than the requesting one.
    confirm_email(&others[0], &link).await.expect(200);
    for other in &others {
        assert!(!is_signed_in(other).await);
    }
    assert!(is_signed_in(&ada.browser).await);
    assert_eq!(ada.browser.get(LIST_SESSIONS).await.expect(200).as_array().unwrap().len(), 1);
    assert!(is_signed_in(&script).await, "tokens are not revoked");
    assert!(is_signed_in(&grace.browser).await, "sessions of other users are not revoked");
}

#[apply(on_both_databases)]
async fn change_email_link_is_invalid_once_the_requesting_session_ended(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let phone = server.sign_in(&ada).await;
    let link = change_email_link(&server, &phone, NEW_EMAIL).await;
    phone.post(SIGN_OUT, json!({})).await.expect(200);
    confirm_email(&server.anonymous, &link).await.assert_problem(401, "INVALID_TOKEN");
    assert!(is_signed_in(&ada.browser).await);
    sign_in_with(&server, &ada.email, PASSWORD).await.expect(200);
}

#[apply(on_both_databases)]
async fn confirmed_email_change_revokes_every_other_link(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let verify = server.last_mail_to(&ada.email).await.secret();
    let reset = reset_link(&server, &ada.email).await;
    let delete = deletion_link(&server, &ada).await;
    let link = change_email_link(&server, &ada.browser, NEW_EMAIL).await;
    confirm_email(&server.anonymous, &link).await.expect(200);
    reset_password(&server, &reset, NEW_PASSWORD).await.assert_problem(400, "INVALID_TOKEN");
    confirm_email(&server.anonymous, &verify).await.assert_problem(401, "INVALID_TOKEN");
    let body = json!({ "token": delete });
    ada.browser.post(DELETE_USER, body).await.assert_problem(404, "INVALID_TOKEN");
    // A new reset link is sent to the new email.
    reset_password(&server, &reset_link(&server, NEW_EMAIL).await, NEW_PASSWORD).await.expect(200);
}

#[apply(on_both_databases)]
async fn newer_change_email_link_supersedes_the_older_one(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let first = change_email_link(&server, &ada.browser, "first@new.example").await;
    let second = change_email_link(&server, &ada.browser, "second@new.example").await;
    confirm_email(&server.anonymous, &first).await.assert_problem(401, "INVALID_TOKEN");
    assert_eq!(email_of(&ada.browser).await, ada.email);
    confirm_email(&server.anonymous, &second).await.expect(200);
    assert_eq!(email_of(&ada.browser).await, "second@new.example");
}

#[apply(on_both_databases)]
async fn change_email_links_to_the_same_email_give_it_to_the_first_to_confirm(backend: Backend) {
    let server = backend.start().await;
    let public_url = server.state.site.public_url.clone();
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let phone = server.sign_in(&grace).await;
    let ada_link = change_email_link(&server, &ada.browser, NEW_EMAIL).await;
    let grace_link = change_email_link(&server, &grace.browser, NEW_EMAIL).await;
    confirm_email(&server.anonymous, &ada_link).await.expect(200);
    let taken = "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL";
    for _ in 0..2 {
        confirm_email(&server.anonymous, &grace_link).await.assert_problem(422, taken);
    }
    let path = format!("{VERIFY_EMAIL}?token={grace_link}&callbackURL=/");
    let reply = server.anonymous.get(&path).await;
    assert_eq!(location(&reply), format!("{public_url}?error={taken}"));
    assert_eq!(email_of(&grace.browser).await, grace.email);
    assert!(is_signed_in(&phone).await, "a rejected link revokes no session");
    assert_eq!(
        server.mail_to(&grace.email).await.len(),
        1,
        "a rejected link sends no notification"
    );

    // The rejected link is not consumed: it works once the email is free.
    let other_change_link = change_email_link(&server, &ada.browser, "ada@elsewhere.example").await;
    confirm_email(&server.anonymous, &other_change_link).await.expect(200);
    confirm_email(&server.anonymous, &grace_link).await.expect(200);
    assert_eq!(email_of(&grace.browser).await, NEW_EMAIL);
}

#[apply(on_both_databases)]
async fn concurrent_change_email_links_to_the_same_email_succeed_once(backend: Backend) {
    let server = backend.start().await;
    for round in 0..8 {
        let ada = server.sign_up(&format!("ada{round}")).await;
        let grace = server.sign_up(&format!("grace{round}")).await;
        let new_email = format!("wanted{round}@new.example");
        let ada_link = change_email_link(&server, &ada.browser, &new_email).await;
        let grace_link = change_email_link(&server, &grace.browser, &new_email).await;
        let (one, other) = tokio::join!(
            confirm_email(&server.anonymous, &ada_link),
            confirm_email(&server.anonymous, &grace_link)
        );
        let (succeeded, rejected, winner, loser) =
            if one.status == 200 { (one, other, &ada, &grace) } else { (other, one, &grace, &ada) };
        succeeded.expect(200);
        rejected.assert_problem(422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
        assert_eq!(email_of(&winner.browser).await, new_email);
        assert_eq!(email_of(&loser.browser).await, loser.email);
    }
}

#[apply(on_both_databases)]
async fn change_email_link_fails_while_the_email_is_taken_by_a_sign_up(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let new_email = "grace@example.com";
    let link = change_email_link(&server, &ada.browser, new_email).await;
    let grace = server.sign_up("grace").await;
    let reply = confirm_email(&server.anonymous, &link).await;
    reply.assert_problem(422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
    assert_eq!(email_of(&ada.browser).await, ada.email);
    assert_eq!(email_of(&grace.browser).await, new_email);
    let body = json!({ "password": PASSWORD });
    grace.browser.post(DELETE_USER, body).await.expect(200);
    confirm_email(&server.anonymous, &link).await.expect(200);
    assert_eq!(email_of(&ada.browser).await, new_email);
}

#[apply(on_both_databases)]
async fn concurrent_change_email_and_sign_up_with_the_same_email_succeed_once(backend: Backend) {
    let server = backend.start().await;
    for round in 0..8 {
        let ada = server.sign_up(&format!("ada{round}")).await;
        let new_email = format!("grace{round}@example.com");
        let link = change_email_link(&server, &ada.browser, &new_email).await;
        let body = sign_up_body(&format!("grace{round}"));
        let (changed, signed_up) = tokio::join!(
            confirm_email(&server.anonymous, &link),
            server.anonymous.post(SIGN_UP, body)
        );
        let taken = "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL";
        if changed.status == 200 {
            signed_up.assert_problem(422, taken);
            assert_eq!(email_of(&ada.browser).await, new_email);
        } else {
            changed.assert_problem(422, taken);
            signed_up.expect(200);
            assert_eq!(email_of(&ada.browser).await, ada.email);
        }
    }
}

#[apply(on_both_databases)]
async fn queued_change_email_sends_no_link_to_an_email_taken_meanwhile(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    server.wait_for_jobs().await;
    close_outbox(&server);
    request(&ada.browser, "grace@example.com").await.expect(200);
    server.wait_for_jobs().await;
    server.sign_up("grace").await;
    server.wait_for_jobs().await;
    server.advance(HOUR);
    reopen_outbox(&server).await;
    let mail = server.mail_to("grace@example.com").await;
    assert_eq!(mail.len(), 1, "{mail:?}");
    assert_eq!(mail[0].subject, "Confirm your email for Portcullis");
}

#[apply(on_both_databases)]
async fn queued_change_email_is_revoked_by_a_password_change_or_reset(backend: Backend) {
    let server = backend.start().await;
    for name in ["ada", "eva"] {
        let user = server.sign_up(name).await;
        let attacker = server.sign_in(&user).await;
        let reset = reset_link(&server, &user.email).await;
        close_outbox(&server);
        let new_email = format!("attacker-of-{name}@evil.example");
        request(&attacker, &new_email).await.expect(200);
        server.wait_for_jobs().await;
        if name == "ada" {
            change_password(&user.browser, PASSWORD, NEW_PASSWORD).await.expect(200);
        } else {
            reset_password(&server, &reset, NEW_PASSWORD).await.expect(200);
        }
        assert!(!is_signed_in(&attacker).await);
        server.wait_for_jobs().await;
        server.advance(HOUR);
        reopen_outbox(&server).await;
        if let Some(message) = server.mail_to(&new_email).await.pop() {
            confirm_email(&attacker, &message.secret()).await.assert_problem(401, "INVALID_TOKEN");
        }
        sign_in_with(&server, &user.email, NEW_PASSWORD).await.expect(200);
    }
}
