//! Two-factor authentication in a session: setting it up, proving it, and turning it off.

mod administration;
mod keys;
mod sign_in;
mod throttle;
mod trusted_devices;

use portcullis::time::{days, seconds};

use crate::support::*;

const ENABLE: &str = "/api/auth/two-factor/enable";
const URI: &str = "/api/auth/two-factor/get-totp-uri";
const VERIFY: &str = "/api/auth/two-factor/verify-totp";
const RECOVERY: &str = "/api/auth/two-factor/verify-backup-code";
const GENERATE: &str = "/api/auth/two-factor/generate-backup-codes";
const DISABLE: &str = "/api/auth/two-factor/disable";

const SIGN_IN: &str = "/api/auth/sign-in/email";
const DEVICE: &str = "portcullis-device";

async fn challenged(server: &Server, user: &TestUser) -> Caller {
    server.challenged(user).await
}

fn first_factor(user: &TestUser) -> Value {
    json!({ "email": user.email, "password": PASSWORD })
}

/// Sends a body, and goes on with the cookie that the response sets, if any.
async fn post(browser: &mut Caller, path: &str, body: Value) -> Reply {
    let reply = browser.post(path, body).await;
    if let Some(cookie) = reply.cookie() {
        *browser = browser.with_cookie(&cookie);
    }
    reply
}

#[apply(on_both_databases)]
async fn enable_without_a_session_or_with_a_token_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let body = json!({ "password": PASSWORD });
    server.anonymous.post(ENABLE, body.clone()).await.assert_problem(401, "UNAUTHORIZED");
    let token = ada.token(&["read", "write"]).await;
    token.post(ENABLE, body).await.assert_problem(403, "cookie_required");
}

#[apply(on_both_databases)]
async fn enable_requires_the_password_or_a_recent_sign_in(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let wrong = json!({ "password": "not the password" });
    ada.browser.post(ENABLE, wrong).await.assert_problem(400, "INVALID_PASSWORD");
    ada.browser.post(ENABLE, json!({})).await.expect(200);
    server.advance(days(1));
    ada.browser.post(ENABLE, json!({})).await.assert_problem(403, "SESSION_NOT_FRESH");
    ada.browser.post(ENABLE, json!({ "password": PASSWORD })).await.expect(200);
}

#[apply(on_both_databases)]
async fn enable_by_email_is_not_configured(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let body = json!({ "password": PASSWORD, "method": "otp" });
    ada.browser.post(ENABLE, body).await.assert_problem(400, "OTP_NOT_CONFIGURED");
    for path in ["/api/auth/two-factor/send-otp", "/api/auth/two-factor/verify-otp"] {
        ada.browser.post(path, json!({})).await.assert_problem(400, "OTP_NOT_CONFIGURED");
    }
}

#[apply(on_both_databases)]
async fn enable_returns_a_secret_and_ten_codes_and_turns_nothing_on(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let app = ada.begin_two_factor().await;
    assert!(app.uri.starts_with("otpauth://totp/Portcullis:ada%40example%2Ecom?secret="));
    assert!(app.uri.ends_with("&issuer=Portcullis&digits=6&period=30"), "{}", app.uri);
    assert_eq!(app.recovery_codes.len(), 10);
    let me = ada.browser.get("/api/me").await.expect(200);
    assert_eq!(me["user"]["twoFactorEnabled"], false);
    let again = ada.begin_two_factor().await;
    assert_ne!(app.uri, again.uri);
    let shown = ada.browser.post(URI, json!({ "password": PASSWORD })).await.expect(200);
    assert_eq!(shown["totpURI"], again.uri);
    // A code of the first secret does not turn it on.
    let body = json!({ "code": app.code(server.now()) });
    ada.browser.post(VERIFY, body).await.assert_problem(401, "INVALID_CODE");
}

#[apply(on_both_databases)]
async fn stored_secret_and_codes_are_not_in_clear_text(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let dump = dump(&server).await;
    let secret = app.uri.split_once("secret=").unwrap().1.split('&').next().unwrap();
    assert!(!dump.contains(secret));
    for code in &app.recovery_codes {
        assert!(!dump.contains(code) && !dump.contains(&code.replace('-', "")));
    }
}

#[apply(on_both_databases)]
async fn verify_before_enable_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let body = json!({ "code": "123456" });
    ada.browser.post(VERIFY, body.clone()).await.assert_problem(400, "TOTP_NOT_ENABLED");
    ada.browser.post(RECOVERY, body).await.assert_problem(400, "BACKUP_CODES_NOT_ENABLED");
    let password = json!({ "password": PASSWORD });
    ada.browser.post(URI, password.clone()).await.assert_problem(400, "TOTP_NOT_ENABLED");
    for path in [GENERATE, DISABLE] {
        let reply = ada.browser.post(path, password.clone()).await;
        reply.assert_problem(400, "TWO_FACTOR_NOT_ENABLED");
    }
}

#[apply(on_both_databases)]
async fn first_verified_code_turns_it_on_and_ends_other_sessions_and_sends_an_email(
    backend: Backend,
) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let other = server.sign_in(&ada).await;
    let old = ada.browser.clone();
    let app = ada.begin_two_factor().await;
    let body = json!({ "code": app.code(server.now()) });
    let reply = post(&mut ada.browser, VERIFY, body.clone()).await;
    assert_eq!(reply.expect(200)["user"]["twoFactorEnabled"], true);
    for gone in [&other, &old] {
        gone.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
    }
    let me = ada.browser.get("/api/me").await.expect(200);
    assert_eq!(me["user"]["twoFactorEnabled"], true);
    assert_eq!(me["session"]["amr"], json!(["pwd", "otp", "mfa"]));
    let mail = server.last_mail_to(&ada.email).await;
    assert!(mail.subject.contains("is on"), "{}", mail.subject);
    // Setting it up again would replace the working secret.
    let password = json!({ "password": PASSWORD });
    let again = ada.browser.post(ENABLE, password).await;
    again.assert_problem(400, "TOTP_ALREADY_ENABLED");
}

#[apply(on_both_databases)]
async fn code_is_accepted_once_and_no_earlier_one_after_it(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.begin_two_factor().await;
    let before = json!({ "code": app.code(server.now() - seconds(30)) });
    let first = json!({ "code": app.code(server.now()) });
    let next = json!({ "code": app.code(server.now() + seconds(30)) });
    post(&mut ada.browser, VERIFY, first.clone()).await.expect(200);
    for used in [&first, &before] {
        let reply = ada.browser.post(VERIFY, used.clone()).await;
        reply.assert_problem(401, "INVALID_CODE");
    }
    post(&mut ada.browser, VERIFY, next.clone()).await.expect(200);
    server.advance(seconds(30));
    ada.browser.post(VERIFY, next).await.assert_problem(401, "INVALID_CODE");
}

#[apply(on_both_databases)]
async fn verified_code_makes_an_old_session_fresh(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    server.advance(days(1));
    let token = json!({ "name": "x", "scopes": ["read"] });
    let stale = ada.browser.post("/api/tokens", token.clone()).await;
    stale.assert_problem(403, "SESSION_NOT_FRESH");
    let body = json!({ "code": app.code(server.now()) });
    let old = ada.browser.clone();
    post(&mut ada.browser, VERIFY, body).await.expect(200);
    old.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
    ada.browser.post("/api/tokens", token).await.expect(201);
}

#[apply(on_both_databases)]
async fn recovery_code_works_once_as_it_is_typed(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let [first, second, ..] = app.recovery_codes.as_slice() else { unreachable!() };
    let typed = format!(" {} ", first.replace('-', "").to_uppercase());
    post(&mut ada.browser, RECOVERY, json!({ "code": typed })).await.expect(200);
    for code in [first.as_str(), "aaaaa-aaaaa", "", "123456"] {
        let reply = ada.browser.post(RECOVERY, json!({ "code": code })).await;
        reply.assert_problem(401, "INVALID_BACKUP_CODE");
    }
    post(&mut ada.browser, RECOVERY, json!({ "code": second })).await.expect(200);
}

#[apply(on_both_databases)]
async fn recovery_code_of_another_user_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let (mut ada, mut bob) = (server.sign_up("ada").await, server.sign_up("bob").await);
    let app = ada.enable_two_factor(&server).await;
    bob.enable_two_factor(&server).await;
    let body = json!({ "code": app.recovery_codes[0] });
    bob.browser.post(RECOVERY, body.clone()).await.assert_problem(401, "INVALID_BACKUP_CODE");
    post(&mut ada.browser, RECOVERY, body).await.expect(200);
}

#[apply(on_both_databases)]
async fn replaced_recovery_codes_stop_working(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let body = json!({ "password": PASSWORD });
    let new = ada.browser.post(GENERATE, body).await.expect(200)["backupCodes"].clone();
    assert_eq!(new.as_array().unwrap().len(), 10);
    let old = ada.browser.post(RECOVERY, json!({ "code": app.recovery_codes[0] })).await;
    old.assert_problem(401, "INVALID_BACKUP_CODE");
    post(&mut ada.browser, RECOVERY, json!({ "code": new[0] })).await.expect(200);
}

#[apply(on_both_databases)]
async fn changes_require_the_second_factor_once_its_last_proof_is_fifteen_minutes_old(
    backend: Backend,
) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let body = json!({ "password": PASSWORD });
    ada.browser.post(URI, body.clone()).await.expect(200);
    server.advance(seconds(15 * 60));
    for path in [URI, GENERATE, DISABLE] {
        let reply = ada.browser.post(path, body.clone()).await;
        reply.assert_problem(403, "second_factor_required");
    }
    let wrong = json!({ "password": PASSWORD, "code": app.wrong_code(server.now()) });
    ada.browser.post(DISABLE, wrong).await.assert_problem(401, "INVALID_CODE");
    // Entering the password again is no proof of the second factor.
    ada.browser = ada.browser.with_password_entered().await;
    ada.browser.post(DISABLE, body).await.assert_problem(403, "second_factor_required");
    // Nor is changing it.
    let change = json!({ "currentPassword": PASSWORD, "newPassword": PASSWORD });
    post(&mut ada.browser, "/api/auth/change-password", change).await.expect(200);
    let body = json!({ "password": PASSWORD });
    ada.browser.post(DISABLE, body).await.assert_problem(403, "second_factor_required");
    let both = json!({ "password": PASSWORD, "code": app.recovery_codes[0] });
    ada.browser.post(GENERATE, both).await.expect(200);
    let both = json!({ "password": PASSWORD, "code": app.code(server.now()) });
    post(&mut ada.browser, DISABLE, both).await.expect(200);
}

#[apply(on_both_databases)]
async fn disable_ends_other_sessions_and_removes_everything(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let old = ada.browser.clone();
    post(&mut ada.browser, DISABLE, json!({ "password": PASSWORD })).await.expect(200);
    old.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
    let me = ada.browser.get("/api/me").await.expect(200);
    assert_eq!(me["user"]["twoFactorEnabled"], false);
    let mail = server.last_mail_to(&ada.email).await;
    assert!(mail.subject.contains("is off"), "{}", mail.subject);
    for table in ["two_factor", "recovery_codes", "trusted_devices"] {
        let rows = select(&server, &format!("SELECT user_id AS value FROM {table}")).await;
        assert!(rows.is_empty(), "{table}");
    }
    let code = json!({ "code": app.code(server.now()) });
    ada.browser.post(VERIFY, code).await.assert_problem(400, "TOTP_NOT_ENABLED");
    server.sign_in(&ada).await;
}

#[apply(on_both_databases)]
async fn concurrent_uses_of_one_code_are_accepted_once(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    for round in 0..rounds(4) {
        server.advance(seconds(30));
        let code = json!({ "code": app.code(server.now()) });
        let recovery = json!({ "code": app.recovery_codes[round % 10] });
        for (path, body) in [(VERIFY, code), (RECOVERY, recovery)] {
            let (one, other) = (ada.browser.clone(), ada.browser.clone());
            let replies =
                tokio::join!(one.post(path, body.clone()), other.post(path, body.clone()));
            let (first, second) = replies;
            let mut accepted = Vec::new();
            for reply in [&first, &second] {
                if reply.status == 200 {
                    accepted.extend(reply.cookie());
                }
            }
            let count = [&first, &second].iter().filter(|reply| reply.status == 200).count();
            assert_eq!(count, 1, "{} {}", first.text, second.text);
            ada.browser = ada.browser.with_cookie(&accepted[0]);
        }
        if round % 10 == 9 {
            return;
        }
    }
}
