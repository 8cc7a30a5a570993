use portcullis::{
    secrets::LinkSecret,
    store::verifications::{self, NewVerification, Purpose},
    time::days,
};

use super::*;

const HOUR: Span = seconds(60 * 60);
/// The address that somebody wants.
const WANTED: &str = "ada@new.example";

async fn request(browser: &Caller, email: &str) -> Reply {
    browser.post(CHANGE_EMAIL, json!({ "newEmail": email })).await
}

async fn email_of(browser: &Caller) -> String {
    user_of(browser).await["email"].as_str().unwrap().to_owned()
}

struct ChangeEmail;

impl MailedLink for ChangeEmail {
    const LIFETIME: Span = HOUR;
    const INVALID: Rejection = (401, "INVALID_TOKEN");
    const EXPIRED: Rejection = (401, "TOKEN_EXPIRED");
    const USED: Option<&'static [Rejection]> = None;

    async fn issue_newer(server: &Server, user: &TestUser) -> String {
        new_address_link(server, &user.browser, &format!("new-{}", user.email)).await
    }

    async fn redeem(server: &Server, _user: &TestUser, secret: &str) -> Reply {
        confirm(&server.anonymous, secret).await
    }

    async fn took_effect(_server: &Server, admin: &TestUser, user: &TestUser) -> bool {
        user_seen_by(admin, &user.id).await["email"] != user.email.as_str()
    }
}

// It is bound to the email that it was sent to by setting that one, and to the session that requested it.
mailed_link!(ChangeEmail: expiry, single_use, superseded, deactivated, revoked, malformed, concurrent);

#[apply(on_both_databases)]
async fn change_email_rejects_anonymous_token_and_csrf_requests(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let body = json!({ "newEmail": WANTED });
    assert_cookie_required(&server, &ada, CHANGE_EMAIL, body).await;
    assert_eq!(server.outbox().await.len(), 1, "the one of the sign-up");
    assert_eq!(email_of(&ada.browser).await, ada.email);
}

#[apply(on_both_databases)]
async fn change_email_with_invalid_email_or_callback_url_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let body = json!({ "newEmail": WANTED });
    let long = format!("{}@example.com", "a".repeat(243));
    let unfit = [
        ("newEmail", json!("")),
        ("newEmail", json!("ada")),
        ("newEmail", json!("ada@new.example\r\nBcc: eve@evil.example")),
        ("newEmail", json!("ada@new.example,eve@evil.example")),
        ("newEmail", json!("Ada <ada@new.example>")),
        ("newEmail", json!("ada@nëw.example")),
        ("newEmail", json!("ada\u{ff20}new.example")),
        ("newEmail", json!(long)),
        ("newEmail", json!([WANTED])),
        ("newEmail", Value::Null),
        ("callbackURL", json!(1)),
    ];
    assert_fields_rejected(&ada.browser, CHANGE_EMAIL, &body, &unfit).await;
    assert_fields_required(&ada.browser, CHANGE_EMAIL, &body, &["newEmail"]).await;
    for url in ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", ""] {
        let body = with(body.clone(), "callbackURL", url);
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
    let to: Vec<String> = server.outbox().await.into_iter().map(|letter| letter.to).collect();
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
    let locked = server.sign_up("locked").await;
    deactivate(&admin, &locked).await;
    let before = server.outbox().await.len();
    let free = request(&ada.browser, WANTED).await;
    assert_eq!(free.header("set-cookie"), None);
    for email in [&grace.email, "GRACE@example.com", &locked.email] {
        let taken = request(&ada.browser, email).await;
        assert_eq!(without_request_id(&taken), without_request_id(&free), "{email}");
    }
    assert_eq!(free.expect(200), json!({ "status": true }));
    let mail = server.outbox().await;
    assert_eq!(mail.len(), before + 1, "{mail:?}");
    assert_eq!(mail.last().unwrap().to, WANTED);
    assert_eq!(email_of(&ada.browser).await, ada.email);
}

#[apply(on_both_databases)]
async fn change_email_queues_the_same_work_for_free_and_taken_emails(backend: Backend) {
    let (server, _silent, people) = with_a_silent_mail_server(backend, &[]).await;
    let before = queue(&server).await.len();
    for email in [WANTED, &people[1].email] {
        request(&people[4].browser, email).await.expect(200);
    }
    let queue = queue(&server).await.split_off(before);
    assert_eq!(queue.len(), 2);
    let free = waiting(&queue[0], WANTED);
    assert_eq!(free["userId"], people[4].id.as_str());
    assert_eq!(waiting(&queue[1], &people[1].email), free);
}

/// Whether the settings show a pending change to this email.
async fn shows_pending(browser: &Caller, email: &str) -> bool {
    let page = browser.navigate("/settings").await;
    assert_eq!(page.status, 200, "{}", page.text);
    page.text.contains(&format!("You requested a change to <strong>{email}</strong>"))
}

async fn cancel(browser: &Caller) {
    assert_eq!(browser.delete(CHANGE_EMAIL).await.status, 204);
}

#[apply(on_both_databases)]
async fn pending_email_change_is_shown_until_cancelled_even_to_a_taken_email(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let phone = server.sign_in(&ada).await;
    assert!(!shows_pending(&ada.browser, WANTED).await);
    let link = new_address_link(&server, &ada.browser, WANTED).await;
    assert!(shows_pending(&ada.browser, WANTED).await && shows_pending(&phone, WANTED).await);
    assert!(!shows_pending(&grace.browser, WANTED).await, "it is another user's");

    // To a taken one the same is shown, and it takes the older one's place in the same way.
    request(&ada.browser, &grace.email).await.expect(200);
    server.wait_for_jobs().await;
    assert!(shows_pending(&ada.browser, &grace.email).await);
    assert_eq!(server.mail_to(&grace.email).await.len(), 1, "the one of the sign-up");
    confirm(&server.anonymous, &link).await.assert_problem(401, "INVALID_TOKEN");

    let link = new_address_link(&server, &ada.browser, WANTED).await;
    cancel(&grace.browser).await;
    assert!(shows_pending(&ada.browser, WANTED).await, "another user cannot cancel it");
    cancel(&ada.browser).await;
    cancel(&ada.browser).await;
    assert!(!shows_pending(&ada.browser, WANTED).await);
    confirm(&server.anonymous, &link).await.assert_problem(401, "INVALID_TOKEN");
    assert_eq!(email_of(&ada.browser).await, ada.email);
}

#[apply(on_both_databases)]
async fn pending_email_change_ends_when_its_session_ends_or_link_expires(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let phone = server.sign_in(&ada).await;
    new_address_link(&server, &phone, WANTED).await;
    phone.post(SIGN_OUT, json!({})).await.expect(200);
    assert!(!shows_pending(&ada.browser, WANTED).await, "the session that asked is over");
    new_address_link(&server, &ada.browser, WANTED).await;
    server.advance(HOUR);
    assert!(!shows_pending(&ada.browser, WANTED).await, "the link has expired");
}

#[apply(on_both_databases)]
async fn queued_email_change_is_shown_as_pending_and_can_be_cancelled(backend: Backend) {
    let (server, _silent, people) = with_a_silent_mail_server(backend, &[]).await;
    let before = queue(&server).await.len();
    let ada = &people[4].browser;
    request(ada, "older@new.example").await.expect(200);
    request(ada, WANTED).await.expect(200);
    assert!(shows_pending(ada, WANTED).await);
    assert_eq!(queue(&server).await.len(), before + 2);
    cancel(ada).await;
    assert!(!shows_pending(ada, WANTED).await);
    assert_eq!(queue(&server).await.len(), before, "other mails stay");
}

/// A worker that has taken the job makes its link only now.
#[apply(on_both_databases)]
async fn cancelled_email_change_job_cannot_issue_a_link(backend: Backend) {
    let (server, _silent, people) = with_a_silent_mail_server(backend, &[]).await;
    let ada = &people[4];
    request(&ada.browser, WANTED).await.expect(200);
    let job = queue(&server).await.pop().unwrap();
    cancel(&ada.browser).await;
    let secret = LinkSecret::generate();
    let life = seconds(60);
    let link = NewVerification::new(
        Purpose::ChangeEmail,
        &ada.id,
        WANTED,
        secret.hash(),
        life,
        server.now(),
    );
    let link = link.asked_for(None, &job.id);
    assert!(!verifications::issue(&server.state.store, link).await.unwrap());
    confirm(&server.anonymous, secret.reveal()).await.assert_problem(401, "INVALID_TOKEN");
}

#[apply(on_both_databases)]
async fn change_email_changes_nothing_until_the_link_is_followed(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let phone = server.sign_in(&ada).await;
    let before = user_of(&ada.browser).await;
    let link = new_address_link(&server, &ada.browser, WANTED).await;
    assert_eq!(user_of(&ada.browser).await, before);
    assert!(is_signed_in(&phone).await);
    assert_eq!(server.mail_to(&ada.email).await.len(), 1, "nor is the old one told");
    let reply = sign_in_with(&server, WANTED, PASSWORD).await;
    reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    sign_in_with(&server, &ada.email, PASSWORD).await.expect(200);
    assert!(!dump(&server).await.contains(&link), "it is stored hashed");
}

#[apply(on_both_databases)]
async fn change_email_link_goes_to_the_new_email_and_redirects_to_callback(backend: Backend) {
    let server = backend.start().await;
    let ours = server.state.site.public_url.clone();
    let ada = server.sign_up("ada").await;
    for (callback, leads_to) in [
        (Value::Null, None),
        (json!("/settings?tab=mail"), Some(format!("{ours}settings?tab=mail"))),
    ] {
        let wanted = format!("ada{}@new.example", leads_to.is_some());
        let body = json!({ "newEmail": wanted, "callbackURL": callback });
        ada.browser.post(CHANGE_EMAIL, body).await.expect(200);
        let letter = server.last_mail_to(&wanted).await;
        assert_eq!(letter.subject, "Confirm your new email for Portcullis");
        let link = letter.link();
        assert_eq!(link.origin(), ours.origin());
        assert_eq!(link.path(), "/verify-email");
        server.anonymous.navigate(link.path()).await.expect(200);
        assert_ne!(email_of(&ada.browser).await, wanted, "a scanner changes nothing");
        let reply = follow(&server.anonymous, &link).await;
        match leads_to {
            Some(leads_to) => assert_eq!(location(&reply), leads_to),
            None => assert_eq!(reply.status, 200),
        }
        assert_eq!(reply.header("set-cookie"), None);
        assert_eq!(email_of(&ada.browser).await, wanted);
    }
}

#[apply(on_both_databases)]
async fn confirmed_email_change_replaces_the_sign_in_email(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let before = user_of(&ada.browser).await;
    request(&ada.browser, "Ada@NEW.Example").await.expect(200);
    assert_eq!(server.mail_to("Ada@NEW.Example").await.len(), 0);
    let link = server.last_mail_to(WANTED).await.secret();
    server.advance(seconds(60));
    let answer = confirm(&server.anonymous, &link).await.expect(200);
    let user = with(before, "email", WANTED);
    let user = with(user, "emailVerified", true);
    let user = with(user, "updatedAt", server.now().to_string());
    assert_eq!(answer, json!({ "status": true, "user": user }));
    assert_eq!(user_of(&ada.browser).await, user);
    assert_eq!(email_of(&grace.browser).await, grace.email);

    for email in [WANTED, "ADA@new.example"] {
        sign_in_with(&server, email, PASSWORD).await.expect(200);
    }
    let reply = sign_in_with(&server, &ada.email, PASSWORD).await;
    reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    let again = confirm(&server.anonymous, &link).await.expect(200);
    assert_eq!(again, json!({ "status": true, "user": null }), "it is confirmed");
}

#[apply(on_both_databases)]
async fn confirmed_email_change_notifies_and_frees_the_old_email(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let link = new_address_link(&server, &ada.browser, WANTED).await;
    confirm(&server.anonymous, &link).await.expect(200);
    let mail = server.mail_to(&ada.email).await;
    assert_eq!(mail.len(), 2);
    assert_eq!(mail[1].subject, "Your email for Portcullis was changed");
    assert!(!mail[1].text.contains(WANTED) && !mail[1].html.contains(WANTED));
    assert!(!mail[1].text.contains("token="));
    assert_eq!(server.mail_to(WANTED).await.len(), 1);

    let new_user = server.sign_up("ada").await;
    assert_ne!(new_user.id, ada.id);
    assert_eq!(user_of(&new_user.browser).await["emailVerified"], false);
    assert_eq!(email_of(&ada.browser).await, WANTED);
    // And the first may not simply have it back.
    request(&ada.browser, &ada.email).await.expect(200);
    let mail = server.mail_to(&ada.email).await;
    assert_eq!(mail.last().unwrap().subject, "Confirm your email for Portcullis");
}

#[apply(on_both_databases)]
async fn confirmed_email_change_revokes_all_but_the_requesting_session(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let others = [server.sign_in(&ada).await, sign_in_for_now(&server, &ada).await];
    let script = ada.token(&["read"]).await;
    let link = new_address_link(&server, &ada.browser, WANTED).await;
    // Followed where somebody is signed in who did not ask.
    confirm(&others[0], &link).await.expect(200);
    for other in &others {
        assert!(!is_signed_in(other).await);
    }
    assert!(is_signed_in(&ada.browser).await);
    assert_eq!(ada.browser.get(LIST_SESSIONS).await.expect(200).as_array().unwrap().len(), 1);
    assert!(is_signed_in(&script).await, "tokens are no sessions");
    assert!(is_signed_in(&grace.browser).await, "others' are left alone");
}

#[apply(on_both_databases)]
async fn change_email_link_is_invalid_once_the_requesting_session_ended(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let phone = server.sign_in(&ada).await;
    let link = new_address_link(&server, &phone, WANTED).await;
    phone.post(SIGN_OUT, json!({})).await.expect(200);
    confirm(&server.anonymous, &link).await.assert_problem(401, "INVALID_TOKEN");
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
    let link = new_address_link(&server, &ada.browser, WANTED).await;
    confirm(&server.anonymous, &link).await.expect(200);
    reset_password(&server, &reset, NEW).await.assert_problem(400, "INVALID_TOKEN");
    confirm(&server.anonymous, &verify).await.assert_problem(401, "INVALID_TOKEN");
    let body = json!({ "token": delete });
    ada.browser.post(DELETE_USER, body).await.assert_problem(404, "INVALID_TOKEN");
    // A new one goes to the new address.
    reset_password(&server, &reset_link(&server, WANTED).await, NEW).await.expect(200);
}

#[apply(on_both_databases)]
async fn newer_change_email_link_supersedes_the_older_one(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let first = new_address_link(&server, &ada.browser, "first@new.example").await;
    let second = new_address_link(&server, &ada.browser, "second@new.example").await;
    confirm(&server.anonymous, &first).await.assert_problem(401, "INVALID_TOKEN");
    assert_eq!(email_of(&ada.browser).await, ada.email);
    confirm(&server.anonymous, &second).await.expect(200);
    assert_eq!(email_of(&ada.browser).await, "second@new.example");
}

#[apply(on_both_databases)]
async fn change_email_links_to_the_same_email_give_it_to_the_first_to_confirm(backend: Backend) {
    let server = backend.start().await;
    let ours = server.state.site.public_url.clone();
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let phone = server.sign_in(&grace).await;
    let adas = new_address_link(&server, &ada.browser, WANTED).await;
    let graces = new_address_link(&server, &grace.browser, WANTED).await;
    confirm(&server.anonymous, &adas).await.expect(200);
    let taken = "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL";
    for _ in 0..2 {
        confirm(&server.anonymous, &graces).await.assert_problem(422, taken);
    }
    let path = format!("{VERIFY_EMAIL}?token={graces}&callbackURL=/");
    let reply = server.anonymous.get(&path).await;
    assert_eq!(location(&reply), format!("{ours}?error={taken}"));
    assert_eq!(email_of(&grace.browser).await, grace.email);
    assert!(is_signed_in(&phone).await, "nothing of it was done");
    assert_eq!(server.mail_to(&grace.email).await.len(), 1, "nor is anybody told");

    // The link was not spent: once the address is free, it works.
    let away = new_address_link(&server, &ada.browser, "ada@elsewhere.example").await;
    confirm(&server.anonymous, &away).await.expect(200);
    confirm(&server.anonymous, &graces).await.expect(200);
    assert_eq!(email_of(&grace.browser).await, WANTED);
}

#[apply(on_both_databases)]
async fn concurrent_change_email_links_to_the_same_email_succeed_once(backend: Backend) {
    let server = backend.start().await;
    for round in 0..8 {
        let ada = server.sign_up(&format!("ada{round}")).await;
        let grace = server.sign_up(&format!("grace{round}")).await;
        let wanted = format!("wanted{round}@new.example");
        let adas = new_address_link(&server, &ada.browser, &wanted).await;
        let graces = new_address_link(&server, &grace.browser, &wanted).await;
        let (one, other) =
            tokio::join!(confirm(&server.anonymous, &adas), confirm(&server.anonymous, &graces));
        let (won, lost, winner, loser) =
            if one.status == 200 { (one, other, &ada, &grace) } else { (other, one, &grace, &ada) };
        won.expect(200);
        lost.assert_problem(422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
        assert_eq!(email_of(&winner.browser).await, wanted);
        assert_eq!(email_of(&loser.browser).await, loser.email);
    }
}

#[apply(on_both_databases)]
async fn change_email_link_fails_while_the_email_is_taken_by_a_sign_up(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let wanted = "grace@example.com";
    let link = new_address_link(&server, &ada.browser, wanted).await;
    let grace = server.sign_up("grace").await;
    let reply = confirm(&server.anonymous, &link).await;
    reply.assert_problem(422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
    assert_eq!(email_of(&ada.browser).await, ada.email);
    assert_eq!(email_of(&grace.browser).await, wanted);
    let leave = json!({ "password": PASSWORD });
    grace.browser.post(DELETE_USER, leave).await.expect(200);
    confirm(&server.anonymous, &link).await.expect(200);
    assert_eq!(email_of(&ada.browser).await, wanted);
}

#[apply(on_both_databases)]
async fn concurrent_change_email_and_sign_up_with_the_same_email_succeed_once(backend: Backend) {
    let server = backend.start().await;
    for round in 0..8 {
        let ada = server.sign_up(&format!("ada{round}")).await;
        let wanted = format!("grace{round}@example.com");
        let link = new_address_link(&server, &ada.browser, &wanted).await;
        let body = sign_up_body(&format!("grace{round}"));
        let (moved, signed_up) =
            tokio::join!(confirm(&server.anonymous, &link), server.anonymous.post(SIGN_UP, body));
        let taken = "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL";
        if moved.status == 200 {
            signed_up.assert_problem(422, taken);
            assert_eq!(email_of(&ada.browser).await, wanted);
        } else {
            moved.assert_problem(422, taken);
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
        let person = server.sign_up(name).await;
        let thief = server.sign_in(&person).await;
        let reset = reset_link(&server, &person.email).await;
        close_outbox(&server);
        let wanted = format!("thief-of-{name}@evil.example");
        request(&thief, &wanted).await.expect(200);
        server.wait_for_jobs().await;
        if name == "ada" {
            change_password(&person.browser, PASSWORD, NEW).await.expect(200);
        } else {
            reset_password(&server, &reset, NEW).await.expect(200);
        }
        assert!(!is_signed_in(&thief).await);
        server.wait_for_jobs().await;
        server.advance(HOUR);
        reopen_outbox(&server).await;
        if let Some(letter) = server.mail_to(&wanted).await.pop() {
            confirm(&thief, &letter.secret()).await.assert_problem(401, "INVALID_TOKEN");
        }
        sign_in_with(&server, &person.email, NEW).await.expect(200);
    }
}
