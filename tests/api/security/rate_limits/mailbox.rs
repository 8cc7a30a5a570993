//! The limit of mails per mailbox: mail over it is not sent, and no response shows that.

use super::*;

const SEND_VERIFICATION: &str = "/api/auth/send-verification-email";
const ATTACKER: &str = "192.0.2.66";
const HOME: &str = "198.51.100.1";
const PROXIED: [&str; 2] = ["--trusted-proxies", "127.0.0.1"];

fn mailbox_of(email: &str) -> Value {
    json!({ "email": email })
}

/// Returns a response without what differs from request to request.
fn without_request_id(reply: &Reply) -> (u16, Vec<String>, String) {
    let mut names: Vec<String> = reply.headers.keys().map(ToString::to_string).collect();
    names.sort();
    (reply.status.as_u16(), names, reply.text.clone())
}

#[apply(on_both_databases)]
async fn exceeded_mailbox_rate_limit_sends_no_mail_with_the_same_response(backend: Backend) {
    let server = backend.start_with(&["--limit-mailbox", "3/1h"]).await;
    // The mail of the sign-up is the first.
    let ada = server.sign_up("ada").await;
    for email in [&ada.email, "ADA@example.com", "nobody@example.com"] {
        let first = server.anonymous.post(REQUEST_RESET, mailbox_of(email)).await;
        for _ in 0..4 {
            let again = server.anonymous.post(REQUEST_RESET, mailbox_of(email)).await;
            assert_eq!(without_request_id(&again), without_request_id(&first));
        }
        first.expect(200);
        for path in [SEND_VERIFICATION] {
            server.anonymous.post(path, mailbox_of(email)).await.expect(200);
        }
    }
    let body = json!({ "newEmail": "nobody@example.com" });
    ada.browser.post("/api/auth/change-email", body).await.expect(200);
    assert_eq!(server.outbox().await.len(), 3);
    // One more after a third of the time.
    server.advance(seconds(20 * 60));
    server.anonymous.post(REQUEST_RESET, mailbox_of(&ada.email)).await.expect(200);
    assert_eq!(server.mail_to(&ada.email).await.len(), 4);
}

#[apply(on_both_databases)]
async fn mailbox_rate_limit_of_one_network_does_not_affect_another(backend: Backend) {
    let limits = ["--limit-mailbox", "10/1h", "--limit-mailbox-total", "50/1h"];
    let server = backend.start_with(&[&PROXIED[..], &limits].concat()).await;
    let ada = server.sign_up("ada").await;
    server.clear_outbox().await;
    let body = mailbox_of(&ada.email);
    for _ in 0..20 {
        forwarded(&server, ATTACKER, REQUEST_RESET, &body).await.expect(200);
    }
    assert_eq!(server.mail_to(&ada.email).await.len(), 10);
    server.clear_outbox().await;
    forwarded(&server, HOME, REQUEST_RESET, &body).await.expect(200);
    let link = server.last_mail_to(&ada.email).await.secret();
    let body = json!({ "newPassword": "a password of one's own choice", "token": link });
    forwarded(&server, HOME, "/api/auth/reset-password", &body).await.expect(200);
}

#[apply(on_both_databases)]
async fn mailbox_total_rate_limit_excludes_known_networks(backend: Backend) {
    let limits = ["--limit-mailbox", "2/1h", "--limit-mailbox-total", "5/1h"];
    let throttle = ["--max-failed-logins", "10"];
    let server = backend.start_with(&[&PROXIED[..], &limits, &throttle].concat()).await;
    let ada = server.sign_up("ada").await;
    forwarded(&server, HOME, SIGN_IN, &credentials(&ada.email, PASSWORD)).await.expect(200);
    server.wait_for_jobs().await;
    let before = server.mail_to(&ada.email).await.len();
    for network in 0..8 {
        let ip_address = format!("192.0.2.{network}");
        forwarded(&server, &ip_address, REQUEST_RESET, &mailbox_of(&ada.email)).await.expect(200);
    }
    // The mail of the sign-up was one of the five.
    assert_eq!(server.mail_to(&ada.email).await.len(), before + 4);
    for left in [1, 2, 2] {
        forwarded(&server, HOME, REQUEST_RESET, &mailbox_of(&ada.email)).await.expect(200);
        assert_eq!(server.mail_to(&ada.email).await.len(), before + 4 + left);
    }
}

#[apply(on_both_databases)]
async fn sign_up_over_the_mailbox_rate_limit_succeeds_without_mail(backend: Backend) {
    for verification in ["optional", "required"] {
        let settings = ["--limit-mailbox", "2/1h", "--email-verification", verification];
        let server = backend.start_with(&settings).await;
        let email = "ada@example.com";
        for _ in 0..5 {
            server.anonymous.post(REQUEST_RESET, mailbox_of(email)).await.expect(200);
        }
        let body = json!({ "name": "ada", "email": email, "password": PASSWORD });
        let answer = server.anonymous.post(SIGN_UP, body.clone()).await.expect(200);
        assert_eq!(answer["user"]["email"], email);
        assert_eq!(server.outbox().await.len(), 0, "its mail is not sent");
        if verification == "required" {
            // The account's owner gets no mail either, and the response stays the same.
            let again = server.anonymous.post(SIGN_UP, body).await.expect(200);
            assert_eq!(again["token"], Value::Null);
            assert_eq!(server.outbox().await.len(), 0);
        }
        // Another link can be requested later.
        server.advance(seconds(30 * 60));
        server.anonymous.post(SEND_VERIFICATION, mailbox_of(email)).await.expect(200);
        let link = server.last_mail_to(email).await.secret();
        let confirmed = json!({ "token": link });
        server.anonymous.post("/api/auth/verify-email", confirmed).await.expect(200);
        server.anonymous.post(SIGN_IN, credentials(email, PASSWORD)).await.expect(200);
    }
}
