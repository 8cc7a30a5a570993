use super::*;

#[apply(on_both_databases)]
async fn passkey_makes_a_session_fresh_again_and_gives_it_another_cookie(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let mut passkey = ada.add(server.passkey()).await;
    let id = ada.browser.session_id().await;
    server.advance(days(1));
    ada.browser.get(BEGIN_REGISTRATION).await.assert_problem(403, "SESSION_NOT_FRESH");
    let (browser, options) = ada.browser.begin_ceremony(BEGIN_PASSKEY).await;
    assert_eq!(options["allowCredentials"].as_array().unwrap().len(), 1);
    let body = json!({ "response": passkey.sign(&options) });
    let reply = browser.post(FINISH_PASSKEY, body).await;
    let renewed = signed_in(&server, reply);
    assert_eq!(renewed.session_id().await, id, "the session goes on");
    renewed.get(BEGIN_REGISTRATION).await.expect(200);
    ada.browser.get(ME).await.assert_problem(401, "UNAUTHORIZED");
    let me = renewed.get(ME).await.expect(200);
    assert_eq!(me["session"]["amr"], json!(["pwd", "pop", "user", "mfa"]));
}

#[apply(on_both_databases)]
async fn authenticating_again_needs_an_own_passkey_in_the_same_session(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let mut passkey = ada.add(server.passkey()).await;
    let mut of_grace = grace.add(server.passkey()).await;
    let (browser, options) = ada.browser.begin_ceremony(BEGIN_PASSKEY).await;
    let body = json!({ "response": of_grace.sign(&options) });
    browser.post(FINISH_PASSKEY, body).await.assert_problem(400, "AUTHENTICATION_FAILED");
    // Another user's session, or none, cannot finish what this one has begun.
    for other in [&grace.browser, &server.anonymous] {
        let (browser, options) = ada.browser.begin_ceremony(BEGIN_PASSKEY).await;
        let cookie = browser.cookie.unwrap().rsplit("; ").next().unwrap().to_owned();
        let body = json!({ "response": passkey.sign(&options) });
        let reply = other.and_cookie(&cookie).post(FINISH_PASSKEY, body).await;
        reply.assert_problem(400, "CHALLENGE_NOT_FOUND");
    }
}

#[apply(on_both_databases)]
async fn security_key_without_a_user_handle_authenticates_again(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let mut passkey = ada.add(server.passkey()).await;
    passkey.user_handle = None;
    ada.browser.use_passkey(&mut passkey).await.expect(200);
}

#[apply(on_both_databases)]
async fn user_without_a_password_can_authenticate_again_and_change_everything(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let mut passkey = ada.add(server.passkey()).await;
    execute(&server, &format!("DELETE FROM accounts WHERE user_id = '{}'", ada.id)).await;
    server.advance(days(1));
    let ada = TestUser {
        browser: signed_in(&server, ada.browser.use_passkey(&mut passkey).await),
        ..ada
    };
    ada.browser.post("/api/auth/two-factor/enable", json!({})).await.expect(200);
    ada.add(server.passkey()).await;
    let body = json!({ "name": "script", "scopes": ["read"] });
    ada.browser.post("/api/tokens", body).await.expect(201);
}
