use portcullis::time::{days, seconds};

mod unicode;

use super::*;

async fn verify(browser: &Caller, password: &str) -> Reply {
    browser.post(VERIFY_PASSWORD, json!({ "password": password })).await
}

#[apply(on_both_databases)]
async fn verify_password_without_session_cookie_is_unauthorized_or_forbidden(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    verify(&server.anonymous, PASSWORD).await.assert_problem(401, "UNAUTHORIZED");
    let script = ada.token(&["read", "write"]).await;
    verify(&script, PASSWORD).await.assert_problem(403, "cookie_required");
}

#[apply(on_both_databases)]
async fn verify_password_with_wrong_password_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = with_field(sign_up_body("grace"), "password", NEW_PASSWORD);
    server.anonymous.post(SIGN_UP, grace).await.expect(200);
    for password in ["", "not the password", NEW_PASSWORD, &"x".repeat(129), &"x".repeat(60_000)] {
        let reply = verify(&ada.browser, password).await;
        assert_eq!(reply.header("set-cookie"), None);
        reply.assert_problem(400, "INVALID_PASSWORD");
    }
    ada.browser
        .post(VERIFY_PASSWORD, json!({ "password": 1 }))
        .await
        .assert_problem(400, "VALIDATION_ERROR");
    ada.browser.post(VERIFY_PASSWORD, json!({})).await.assert_problem(400, "VALIDATION_ERROR");
    let sql = format!("UPDATE accounts SET password_hash = NULL WHERE user_id = '{}'", ada.id);
    execute(&server, &sql).await;
    verify(&ada.browser, PASSWORD).await.assert_problem(400, "INVALID_PASSWORD");
}

#[apply(on_both_databases)]
async fn verify_password_with_wrong_password_leaves_the_session_stale(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    server.advance(days(1));
    verify(&ada.browser, "not the password").await.assert_problem(400, "INVALID_PASSWORD");
    create_token(&ada.browser).await.assert_problem(403, "SESSION_NOT_FRESH");
}

#[apply(on_both_databases)]
async fn session_is_fresh_for_one_day_after_sign_up(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    advance_to_just_before(&server, days(1));
    create_token(&ada.browser).await.expect(201);
    server.advance(seconds(1));
    create_token(&ada.browser).await.assert_problem(403, "SESSION_NOT_FRESH");
    ada.browser.get(GET_SESSION).await.expect(200);
    create_token(&ada.browser).await.assert_problem(403, "SESSION_NOT_FRESH");
    ada.browser.get(LIST_SESSIONS).await.expect(200);
    ada.browser.get("/api/tokens").await.expect(200);
}

#[apply(on_both_databases)]
async fn verify_password_makes_the_session_fresh(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let phone = server.sign_in(&ada).await;
    server.advance(days(1));
    let reply = verify(&ada.browser, PASSWORD).await;
    let laptop = server.anonymous.with_cookie(&reply.cookie().unwrap());
    assert_eq!(reply.expect(200), json!({ "status": true }));
    create_token(&laptop).await.expect(201);
    create_token(&phone).await.assert_problem(403, "SESSION_NOT_FRESH");
    let session = laptop.get(ME).await.expect(200)["session"].clone();
    assert_eq!(session["authenticatedAt"], server.now().to_string());

    advance_to_just_before(&server, days(1));
    create_token(&laptop).await.expect(201);
    server.advance(seconds(1));
    create_token(&laptop).await.assert_problem(403, "SESSION_NOT_FRESH");
    let phone = server.sign_in(&ada).await;
    create_token(&phone).await.expect(201);
}

#[apply(on_both_databases)]
async fn verify_password_rotates_the_session_cookie(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let browser = ada.browser.with_password_entered().await;
    let (old, new) = (ada.browser.cookie.as_deref().unwrap(), browser.cookie.as_deref().unwrap());
    assert_ne!(secret_of(old), secret_of(new));
    assert!(!is_signed_in(&ada.browser).await, "the previous cookie is rejected");
    assert!(is_signed_in(&browser).await);
    let list = browser.get(LIST_SESSIONS).await.expect(200);
    assert_eq!(list.as_array().unwrap().len(), 1, "it is the same session");
}

#[apply(on_both_databases)]
async fn concurrent_verify_password_sets_one_new_cookie(backend: Backend) {
    let server = backend.start_with_slow_hashing(&[]).await;
    let ada = server.sign_up("ada").await;
    let mut browser = ada.browser;
    for _ in 0..rounds(4) {
        let (one, other) = tokio::join!(verify(&browser, PASSWORD), verify(&browser, PASSWORD));
        let cookies: Vec<String> = [&one, &other].into_iter().filter_map(Reply::cookie).collect();
        let [cookie] = &cookies[..] else { panic!("{cookies:?}") };
        browser = browser.with_cookie(cookie);
        assert!(is_signed_in(&browser).await);
    }
}
