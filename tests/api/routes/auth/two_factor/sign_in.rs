//! Sign-ins that wait for the second factor.

use portcullis::time::{days, seconds};

use super::{GENERATE, RECOVERY, SIGN_IN, URI, VERIFY, challenged, first_factor};
use crate::support::*;

#[apply(on_both_databases)]
async fn sign_in_with_a_wrong_password_does_not_mention_the_second_factor(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    ada.enable_two_factor(&server).await;
    let body = json!({ "email": ada.email, "password": "not the password" });
    let reply = server.anonymous.post(SIGN_IN, body).await;
    reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
}

#[apply(on_both_databases)]
async fn code_without_a_challenge_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    for cookie in ["", "portcullis-challenge=", "portcullis-challenge=x", "other=x"] {
        let body = json!({ "code": app.code(server.now()) });
        let reply = server.anonymous.with_cookie(cookie).post(VERIFY, body).await;
        reply.assert_problem(401, "INVALID_TWO_FACTOR_COOKIE");
    }
}

#[apply(on_both_databases)]
async fn challenge_is_anonymous_everywhere_else(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    ada.enable_two_factor(&server).await;
    let waiting = challenged(&server, &ada).await;
    waiting.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
    assert_eq!(waiting.get("/api/auth/get-session").await.expect(200), Value::Null);
    for path in [URI, GENERATE] {
        let reply = waiting.post(path, json!({ "password": PASSWORD })).await;
        reply.assert_problem(401, "UNAUTHORIZED");
    }
    // Neither as the session's cookie.
    let secret = waiting.cookie.unwrap().replace(CHALLENGE, "portcullis");
    let forged = server.anonymous.with_cookie(&secret);
    forged.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
}

#[apply(on_both_databases)]
async fn code_completes_the_sign_in_once(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let waiting = challenged(&server, &ada).await;
    let body = json!({ "code": app.code(server.now()) });
    let reply = waiting.post(VERIFY, body).await;
    let cookie = reply.cookie().unwrap();
    let cleared = reply.set_cookie(CHALLENGE).unwrap().to_owned();
    assert!(cleared.contains("Max-Age=0") && cleared.contains("HttpOnly"), "{cleared}");
    let body = reply.expect(200);
    assert_eq!(body["user"]["twoFactorEnabled"], true);
    let browser = server.anonymous.with_cookie(&cookie);
    let session = browser.get("/api/me").await.expect(200)["session"].clone();
    assert_eq!(body["token"], session["id"]);
    assert_eq!(session["amr"], json!(["pwd", "otp", "mfa"]));
    // It was just proved.
    browser.post(URI, json!({ "password": PASSWORD })).await.expect(200);
    server.advance(seconds(30));
    let body = json!({ "code": app.code(server.now()) });
    waiting.post(VERIFY, body).await.assert_problem(401, "INVALID_TWO_FACTOR_COOKIE");
}

#[apply(on_both_databases)]
async fn code_of_another_sign_in_is_not_accepted_again(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let (one, other) = (challenged(&server, &ada).await, challenged(&server, &ada).await);
    let body = json!({ "code": app.code(server.now()) });
    one.post(VERIFY, body.clone()).await.expect(200);
    other.post(VERIFY, body).await.assert_problem(401, "INVALID_CODE");
    server.advance(seconds(30));
    let body = json!({ "code": app.code(server.now()) });
    other.post(VERIFY, body).await.expect(200);
}

#[apply(on_both_databases)]
async fn recovery_code_completes_the_sign_in(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let waiting = challenged(&server, &ada).await;
    let body = json!({ "code": app.recovery_codes[3], "disableSession": true });
    let reply = waiting.post(RECOVERY, body.clone()).await;
    let browser = server.anonymous.with_cookie(&reply.cookie().unwrap());
    reply.expect(200);
    let me = browser.get("/api/me").await.expect(200);
    assert_eq!(me["session"]["amr"], json!(["pwd", "otp", "mfa"]));
    let again = challenged(&server, &ada).await;
    again.post(RECOVERY, body).await.assert_problem(401, "INVALID_BACKUP_CODE");
}

#[apply(on_both_databases)]
async fn five_wrong_codes_end_a_challenge(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let waiting = challenged(&server, &ada).await;
    let wrong = json!({ "code": app.wrong_code(server.now()) });
    for _ in 0..5 {
        waiting.post(VERIFY, wrong.clone()).await.assert_problem(401, "INVALID_CODE");
    }
    let right = json!({ "code": app.code(server.now()) });
    let reply = waiting.post(VERIFY, right.clone()).await;
    reply.assert_problem(400, "TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE");
    challenged(&server, &ada).await.post(VERIFY, right).await.expect(200);
}

#[apply(on_both_databases)]
async fn challenge_expires_after_ten_minutes(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let late = challenged(&server, &ada).await;
    server.advance(seconds(600));
    let body = json!({ "code": app.code(server.now()) });
    late.post(VERIFY, body.clone()).await.assert_problem(401, "INVALID_TWO_FACTOR_COOKIE");
    let waiting = challenged(&server, &ada).await;
    waiting.post(VERIFY, body).await.expect(200);
    server.delete_old_rows(days(1)).await;
    let rows = select(&server, "SELECT user_id AS value FROM sign_in_challenges").await;
    assert!(rows.is_empty());
}

#[apply(on_both_databases)]
async fn password_change_ends_challenges(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let waiting = challenged(&server, &ada).await;
    let body = json!({
        "currentPassword": PASSWORD, "newPassword": "another correct horse", "revokeOtherSessions": false
    });
    ada.browser.post("/api/auth/change-password", body).await.expect(200);
    let body = json!({ "code": app.code(server.now()) });
    waiting.post(VERIFY, body).await.assert_problem(401, "INVALID_TWO_FACTOR_COOKIE");
}

#[apply(on_both_databases)]
async fn user_who_was_deactivated_meanwhile_cannot_complete_a_sign_in(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("root").await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let waiting = challenged(&server, &ada).await;
    let path = format!("/api/admin/users/{}/deactivate", ada.id);
    admin.browser.post(&path, json!({})).await.expect(200);
    let body = json!({ "code": app.code(server.now()) });
    waiting.post(VERIFY, body).await.assert_problem(403, "USER_DEACTIVATED");
}

#[apply(on_both_databases)]
async fn sign_in_that_waits_ends_the_previous_session_of_the_browser(backend: Backend) {
    let server = backend.start().await;
    let bob = server.sign_up("bob").await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let reply = bob.browser.post(SIGN_IN, first_factor(&ada)).await;
    let challenge = reply.cookie_named(CHALLENGE).unwrap();
    reply.expect(200);
    bob.browser.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
    let both = format!("{}; {challenge}", bob.browser.cookie.clone().unwrap());
    let body = json!({ "code": app.code(server.now()) });
    let reply = server.anonymous.with_cookie(&both).post(VERIFY, body).await;
    assert_eq!(reply.expect(200)["user"]["email"], "ada@example.com");
}

#[apply(on_both_databases)]
async fn session_that_is_not_to_be_remembered_is_not_after_the_second_factor(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let body = json!({ "email": ada.email, "password": PASSWORD, "rememberMe": false });
    let reply = server.anonymous.post(SIGN_IN, body).await;
    let waiting = server.anonymous.with_cookie(&reply.cookie_named(CHALLENGE).unwrap());
    let body = json!({ "code": app.code(server.now()) });
    let reply = waiting.post(VERIFY, body).await;
    let set = reply.set_cookie("portcullis").unwrap().to_owned();
    assert!(!set.contains("Max-Age"), "{set}");
}

#[apply(on_both_databases)]
async fn concurrent_completions_of_one_challenge_create_one_session(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    for round in 0..rounds(4).min(9) {
        let waiting = challenged(&server, &ada).await;
        let code = json!({ "code": app.code(server.now()) });
        let recovery = json!({ "code": app.recovery_codes[round] });
        let (one, other) =
            tokio::join!(waiting.post(VERIFY, code), waiting.post(RECOVERY, recovery));
        let statuses = [one.status, other.status];
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        server.advance(seconds(30));
    }
}

#[apply(on_both_databases)]
async fn password_reset_removes_a_second_factor_from_before_the_email_was_verified(
    backend: Backend,
) {
    let server = backend.start().await;
    let mut attacker = server.sign_up("ada").await;
    attacker.enable_two_factor(&server).await;
    let new = "the owner of this mailbox";
    for expected in [true, false] {
        let body = json!({ "email": attacker.email });
        server.anonymous.post("/api/auth/request-password-reset", body).await.expect(200);
        let link = server.last_mail_to(&attacker.email).await.secret();
        let body = json!({ "token": link, "newPassword": new });
        server.anonymous.post("/api/auth/reset-password", body).await.expect(200);
        let body = json!({ "email": attacker.email, "password": new });
        let reply = server.anonymous.post(SIGN_IN, body).await;
        assert_eq!(reply.cookie().is_some(), expected, "{}", reply.text);
        // From now on the email is verified, and the second factor stays.
        if let Some(cookie) = reply.cookie() {
            attacker.browser = server.anonymous.with_cookie(&cookie);
            let set_up = attacker.browser.post("/api/auth/two-factor/enable", json!({})).await;
            let app = Authenticator::scan(set_up.expect(200)["totpURI"].as_str().unwrap());
            let body = json!({ "code": app.code(server.now()) });
            attacker.browser.post(VERIFY, body).await.expect(200);
        }
    }
}
