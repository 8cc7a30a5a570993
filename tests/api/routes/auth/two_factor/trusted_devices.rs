//! Trusted devices: browsers in which a sign-in does not ask for the second factor.

use portcullis::time::{days, seconds};

use super::{DEVICE, DISABLE, SIGN_IN, VERIFY, challenged, first_factor};
use crate::support::*;

/// Signs in with both factors, and trusts the browser. Returns it, and the cookie of the device.
async fn trusted(server: &Server, user: &TestUser, app: &Authenticator) -> (Caller, String) {
    let waiting = challenged(server, user).await;
    let body = json!({ "code": app.code(server.now()), "trustDevice": true });
    let reply = waiting.post(VERIFY, body).await;
    let set = reply.set_cookie(DEVICE).unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=2592000"] {
        assert!(set.contains(part), "{set}");
    }
    let device = reply.cookie_named(DEVICE).unwrap();
    let browser = server.anonymous.with_cookie(&reply.cookie().unwrap());
    reply.expect(200);
    server.advance(seconds(30));
    (browser, device)
}

/// Whether a sign-in in this browser needs no second factor.
async fn is_trusted(server: &Server, user: &TestUser, device: &str, password: &str) -> bool {
    let body = json!({ "email": user.email, "password": password });
    let reply = server.anonymous.with_cookie(device).post(SIGN_IN, body).await;
    let signed_in = reply.cookie().is_some();
    assert_eq!(reply.expect(200)["twoFactorRedirect"] == true, !signed_in);
    signed_in
}

#[apply(on_both_databases)]
async fn trusted_device_needs_the_first_factor_and_no_second_one(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let (_, device) = trusted(&server, &ada, &app).await;
    let here = server.anonymous.with_cookie(&device);
    here.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
    let wrong = json!({ "email": ada.email, "password": "not the password" });
    here.post(SIGN_IN, wrong).await.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    let reply = here.post(SIGN_IN, first_factor(&ada)).await;
    assert_eq!(reply.cookie_named(DEVICE).as_deref(), Some(device.as_str()), "it is renewed");
    let browser = server.anonymous.with_cookie(&reply.cookie().unwrap());
    let me = browser.get("/api/me").await.expect(200);
    assert_eq!(me["session"]["amr"], json!(["pwd"]), "a device proves no second factor");
    let disable = browser.post(DISABLE, json!({ "password": PASSWORD })).await;
    disable.assert_problem(403, "second_factor_required");
}

#[apply(on_both_databases)]
async fn device_is_trusted_for_thirty_days_after_its_last_use(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let (_, device) = trusted(&server, &ada, &app).await;
    server.advance(days(29));
    assert!(is_trusted(&server, &ada, &device, PASSWORD).await);
    server.advance(days(29));
    assert!(is_trusted(&server, &ada, &device, PASSWORD).await);
    server.advance(days(30));
    assert!(!is_trusted(&server, &ada, &device, PASSWORD).await);
}

#[apply(on_both_databases)]
async fn device_of_another_user_is_not_trusted(backend: Backend) {
    let server = backend.start().await;
    let (mut ada, mut bob) = (server.sign_up("ada").await, server.sign_up("bob").await);
    let app = ada.enable_two_factor(&server).await;
    bob.enable_two_factor(&server).await;
    let (_, device) = trusted(&server, &ada, &app).await;
    assert!(!is_trusted(&server, &bob, &device, PASSWORD).await);
    assert!(is_trusted(&server, &ada, &device, PASSWORD).await);
}

#[apply(on_both_databases)]
async fn password_change_ends_the_trust_even_if_other_sessions_stay(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let (browser, device) = trusted(&server, &ada, &app).await;
    let new = "another correct horse";
    let body =
        json!({ "currentPassword": PASSWORD, "newPassword": new, "revokeOtherSessions": false });
    browser.post("/api/auth/change-password", body).await.expect(200);
    assert!(!is_trusted(&server, &ada, &device, new).await);
}

#[apply(on_both_databases)]
async fn password_reset_ends_the_trust(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let (_, device) = trusted(&server, &ada, &app).await;
    execute(&server, "UPDATE users SET email_verified = TRUE").await;
    let body = json!({ "email": ada.email });
    server.anonymous.post("/api/auth/request-password-reset", body).await.expect(200);
    let link = server.last_mail_to(&ada.email).await.secret();
    let new = "another correct horse";
    let body = json!({ "token": link, "newPassword": new });
    server.anonymous.post("/api/auth/reset-password", body).await.expect(200);
    assert!(!is_trusted(&server, &ada, &device, new).await);
}

#[apply(on_both_databases)]
async fn revoking_all_or_all_other_sessions_ends_the_trust(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    for path in ["/api/auth/revoke-other-sessions", "/api/auth/revoke-sessions"] {
        let (browser, device) = trusted(&server, &ada, &app).await;
        assert!(is_trusted(&server, &ada, &device, PASSWORD).await);
        browser.post(path, json!({})).await.expect(200);
        assert!(!is_trusted(&server, &ada, &device, PASSWORD).await, "{path}");
    }
}

#[apply(on_both_databases)]
async fn disabling_and_enabling_again_ends_the_trust(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let (browser, device) = trusted(&server, &ada, &app).await;
    let reply = browser.post(DISABLE, json!({ "password": PASSWORD })).await;
    ada.browser = browser.with_cookie(&reply.cookie().unwrap());
    reply.expect(200);
    ada.enable_two_factor(&server).await;
    assert!(!is_trusted(&server, &ada, &device, PASSWORD).await);
}

#[apply(on_both_databases)]
async fn admin_who_ends_sessions_ends_the_trust(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("root").await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let (_, device) = trusted(&server, &ada, &app).await;
    admin.browser.delete(&format!("/api/admin/users/{}/sessions", ada.id)).await.expect(200);
    assert!(!is_trusted(&server, &ada, &device, PASSWORD).await);
}

#[apply(on_both_databases)]
async fn oldest_of_more_than_twenty_devices_is_forgotten(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let mut devices = Vec::new();
    for _ in 0..21 {
        devices.push(trusted(&server, &ada, &app).await.1);
    }
    assert!(!is_trusted(&server, &ada, &devices[0], PASSWORD).await);
    for device in [&devices[1], &devices[20]] {
        assert!(is_trusted(&server, &ada, device, PASSWORD).await);
    }
}

#[apply(on_both_databases)]
async fn listed_device_can_be_removed_by_its_owner_only(backend: Backend) {
    let server = backend.start().await;
    let bob = server.sign_up("bob").await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    assert_eq!(ada.browser.get("/api/trusted-devices").await.expect(200), json!([]));
    let (_, device) = trusted(&server, &ada, &app).await;
    let listed = ada.browser.get("/api/trusted-devices").await.expect(200);
    assert_eq!(listed[0]["ipAddress"], "127.0.0.1");
    let path = format!("/api/trusted-devices/{}", listed[0]["id"].as_str().unwrap());
    assert_eq!(bob.browser.get("/api/trusted-devices").await.expect(200), json!([]));
    bob.browser.delete(&path).await.assert_problem(404, "not_found");
    assert!(is_trusted(&server, &ada, &device, PASSWORD).await);
    ada.browser.delete(&path).await.expect(204);
    ada.browser.delete(&path).await.assert_problem(404, "not_found");
    assert!(!is_trusted(&server, &ada, &device, PASSWORD).await);
}
