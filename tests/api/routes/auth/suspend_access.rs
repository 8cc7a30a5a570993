//! Mails about sign-ins and changes, and the suspension of all access by their link.

use portcullis::{
    secrets::LinkSecret,
    store::verifications::{NewVerification, Purpose},
    time::days,
};

use super::*;

const PATH: &str = "/api/auth/suspend-access";

/// Waits for a user's mails, and returns the last.
async fn notice(server: &Server, email: &str) -> Email {
    let mut mail = server.whole_outbox().await;
    mail.retain(|letter| letter.to == email);
    mail.pop().unwrap()
}

async fn suspend(server: &Server, secret: &str) -> Reply {
    server.anonymous.post(PATH, json!({ "token": secret })).await
}

async fn actions(server: &Server) -> Vec<String> {
    select(server, "SELECT action AS value FROM activity ORDER BY id").await
}

#[apply(on_both_databases)]
async fn owner_suspends_all_access_by_the_link_of_a_notice_and_restores_it_by_a_reset(
    backend: Backend,
) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let script = ada.token(&["read", "write"]).await;
    let mail = notice(&server, &ada.email).await;
    assert_eq!(mail.subject, NEW_TOKEN);
    let link = mail.link();
    assert_eq!((link.path(), link.query()), ("/suspend-access", None));
    server.anonymous.get("/suspend-access").await.expect(200);
    ada.browser.get(ME).await.expect(200);

    suspend(&server, &mail.secret()).await.expect(200);
    for caller in [&ada.browser, &script] {
        caller.get(ME).await.assert_problem(401, "access_suspended");
    }
    let navigation = ada.browser.navigate("/settings").await;
    assert_eq!(navigation.status, 302);
    sign_in_with(&server, &ada.email, PASSWORD).await.assert_problem(403, "USER_SUSPENDED");
    suspend(&server, &mail.secret()).await.expect(200);

    let reset = notice(&server, &ada.email).await;
    assert_eq!(reset.subject, "Choose a new password for Portcullis");
    assert_eq!(server.mail_to(&ada.email).await.len(), 2, "a repeated request sends no mail");
    reset_password(&server, &reset.secret(), NEW_PASSWORD).await.expect(200);
    for caller in [&ada.browser, &script] {
        assert_eq!(caller.get(ME).await.status, 401);
    }
    sign_in_with(&server, &ada.email, NEW_PASSWORD).await.expect(200);
    suspend(&server, &mail.secret()).await.assert_problem(401, "INVALID_TOKEN");
    let actions = actions(&server).await;
    let suspended = actions.iter().position(|action| action == "access-suspended").unwrap();
    assert_eq!(
        actions[suspended + 1..],
        ["access-restored", "email-verified", "password-reset", "signed-in"]
    );
}

#[apply(on_both_databases)]
async fn suspension_link_survives_what_a_thief_can_do_and_expires_after_72_hours(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    ada.token(&["read"]).await;
    let secret = notice(&server, &ada.email).await.secret();
    change_password(&ada.browser, PASSWORD, NEW_PASSWORD).await.expect(200);
    advance_to_just_before(&server, days(3));
    suspend(&server, &secret).await.expect(200);
    let admin = server.sign_up_admin("grace").await;
    reactivate(&admin, &ada).await;
    suspend(&server, &secret).await.assert_problem(401, "INVALID_TOKEN");

    let eve = server.sign_up("eve").await;
    eve.token(&["read"]).await;
    let secret = notice(&server, &eve.email).await.secret();
    server.advance(days(3));
    suspend(&server, &secret).await.assert_problem(401, "TOKEN_EXPIRED");
    for malformed in ["", "x", "x\0", &"x".repeat(60_000)] {
        suspend(&server, malformed).await.assert_problem(401, "INVALID_TOKEN");
    }
    sign_in_with(&server, &eve.email, PASSWORD).await.expect(200);
}

#[apply(on_both_databases)]
async fn thief_who_has_changed_the_email_cannot_restore_suspended_access(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let secret = change_email_link(&server, &ada.browser, "thief@example.com").await;
    confirm_email(&ada.browser, &secret).await.expect(200);
    let mail = notice(&server, &ada.email).await;
    assert_eq!(mail.subject, "Your email for Portcullis was changed");
    suspend(&server, &mail.secret()).await.expect(200);
    ada.browser.get(ME).await.assert_problem(401, "access_suspended");
    server.wait_for_jobs().await;
    assert_eq!(server.mail_to("thief@example.com").await.len(), 1, "no reset is mailed to a thief");

    let secret = reset_link(&server, "thief@example.com").await;
    reset_password(&server, &secret, NEW_PASSWORD).await.assert_problem(403, "USER_SUSPENDED");
    ada.browser.get(ME).await.assert_problem(401, "access_suspended");

    let admin = server.sign_up_admin("grace").await;
    let path = format!("/api/admin/users/{}", ada.id);
    assert_ne!(admin.browser.get(&path).await.expect(200)["suspendedAt"], Value::Null);
    let restored = admin.browser.post(&format!("{path}/reactivate"), json!({})).await.expect(200);
    assert_eq!(restored["suspendedAt"], Value::Null);
    ada.browser.get(ME).await.expect(200);
}

#[apply(on_both_databases)]
async fn only_a_password_reset_is_of_use_while_access_is_suspended(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    server.suspend(&ada).await;
    for (purpose, path) in [
        (Purpose::SignIn, "/api/auth/magic-link/verify"),
        (Purpose::VerifyEmail, "/api/auth/verify-email"),
    ] {
        let secret = LinkSecret::generate();
        let now = server.now();
        let link = NewVerification::new(purpose, &ada.id, &ada.email, secret.hash(), days(1), now);
        crate::store::add_link(&server, link).await;
        let reply = server.anonymous.post(path, json!({ "token": secret.reveal() })).await;
        assert_eq!(reply.cookie(), None);
        reply.assert_problem(403, "USER_SUSPENDED");
    }
    server.wait_for_jobs().await;
    let before = server.mail_to(&ada.email).await.len();
    let request = json!({ "email": ada.email });
    server.anonymous.post("/api/auth/sign-in/magic-link", request).await.expect(200);
    server.wait_for_jobs().await;
    assert_eq!(server.mail_to(&ada.email).await.len(), before);
    let secret = reset_link(&server, &ada.email).await;
    reset_password(&server, &secret, NEW_PASSWORD).await.expect(200);
}

#[apply(on_both_databases)]
async fn sign_in_from_another_browser_or_network_is_reported_once(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let body = json!({ "email": ada.email, "password": PASSWORD });
    server.wait_for_jobs().await;
    let earlier = server.mail_to(&ada.email).await.len();
    let sign_in = async |agent: &str| {
        post_with_headers(&server, SIGN_IN, &[("user-agent", agent)], &body).await.expect(200);
        server.wait_for_jobs().await;
        server.mail_to(&ada.email).await.len() - earlier
    };
    assert_eq!(sign_in(CHROME).await, 0, "there is no other to compare it with");
    let newer = CHROME.replace("140", "141");
    assert_eq!(sign_in(&newer).await, 0, "an updated browser is no other");
    assert_eq!(sign_in(FIREFOX).await, 1);
    let mail = notice(&server, &ada.email).await;
    assert_eq!(mail.subject, "New sign-in to Portcullis");
    assert!(mail.text.contains("Firefox on Linux, from 127.0.0.1"), "{}", mail.text);
    assert_eq!(sign_in(FIREFOX).await, 1);
    assert_eq!(sign_in("curl/8.0 http://evil.example").await, 2);
    let mail = notice(&server, &ada.email).await;
    assert!(mail.text.contains("an unknown program, from 127.0.0.1"), "{}", mail.text);
    suspend(&server, &mail.secret()).await.expect(200);
    assert_eq!(actions(&server).await.last().unwrap(), "access-suspended");
}

const CHROME: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/140.0.0.0 Safari/537.36";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0";

#[apply(on_both_databases)]
async fn no_more_than_20_clients_are_kept_for_a_user(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let body = json!({ "email": ada.email, "password": PASSWORD });
    for number in 0..25 {
        let agent = format!("script{number}/1");
        post_with_headers(&server, SIGN_IN, &[("user-agent", &agent)], &body).await.expect(200);
        server.advance(seconds(1));
    }
    let kept = select(&server, "SELECT program AS value FROM known_clients ORDER BY 1").await;
    assert_eq!(kept.len(), 20);
    assert!(kept.contains(&"script24".to_owned()) && !kept.contains(&"script4".to_owned()));
}
