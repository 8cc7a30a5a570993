use super::*;
use crate::security::access::add_account;

const VERIFY: &str = "/api/auth/verify-social";
/// Requires a fresh session.
const CHANGE_EMAIL: &str = "/api/auth/change-email";

/// Signs up a user without a password who has the account `sub` at the provider. Their session is not fresh any more.
async fn stale_user(site: &Site, sub: &str) -> TestUser {
    let user = site.server.sign_up(sub).await;
    add_account(&site.server, &user, "op", sub).await;
    let sql = format!(
        "DELETE FROM accounts WHERE provider_id = 'credential' AND user_id = '{}'",
        user.id
    );
    execute(&site.server, &sql).await;
    make_stale(site, &user).await;
    user
}

async fn make_stale(site: &Site, user: &TestUser) {
    // The provider's clock is the machine's, and may differ by 30 seconds: a test can take longer than that.
    site.server.clock.set(portcullis::time::Clock::System.now());
    let long_ago = site.server.now() - seconds(25 * 60 * 60);
    let long_ago = moment(Backend::of_server(&site.server), long_ago);
    let sql = format!(
        "UPDATE sessions SET authenticated_at = {long_ago}, second_factor_at = NULL WHERE user_id = '{}'",
        user.id
    );
    execute(&site.server, &sql).await;
}

async fn begin(browser: &Caller) -> Flow {
    let body =
        json!({ "provider": "op", "callbackURL": "/settings?x=y", "errorCallbackURL": "/oops" });
    Flow::of(browser.post(VERIFY, body).await)
}

/// Signs in at the provider, and follows the callback in a browser that also has the cookie of the flow.
async fn finish(site: &Site, flow: &Flow, browser: &Caller, sub: &str) -> Reply {
    let claims = verified(sub, &format!("{sub}@example.com"));
    let callback = site.at_provider(flow, claims).await;
    browser.and_cookie(&flow.cookie).navigate(&path_of(&callback)).await
}

/// Returns whether the browser's session is fresh.
async fn is_fresh(browser: &Caller) -> bool {
    let body = json!({ "newEmail": "new@example.com" });
    let reply = browser.post(CHANGE_EMAIL, body).await;
    let is_fresh = reply.status == 200;
    if !is_fresh {
        reply.assert_problem(403, "SESSION_NOT_FRESH");
    }
    is_fresh
}

#[track_caller]
fn assert_refused(reply: &Reply, error: &str) {
    assert_eq!(place(reply), format!("/oops?error={error}"));
    assert!(reply.cookie().is_none(), "{error}: the session is as it was");
}

#[apply(on_both_databases)]
async fn provider_makes_a_session_fresh_again_and_gives_it_another_cookie(backend: Backend) {
    let site = Site::start(backend).await;
    let ada = stale_user(&site, "ada").await;
    let id = ada.browser.session_id().await;
    assert!(!is_fresh(&ada.browser).await);
    let flow = begin(&ada.browser).await;
    let reply = finish(&site, &flow, &ada.browser, "ada").await;
    assert_eq!(place(&reply), "/settings?x=y");
    let renewed = site.server.anonymous.with_cookie(&reply.cookie().expect("another cookie"));
    assert_eq!(renewed.session_id().await, id, "the session goes on");
    ada.browser.get(ME).await.assert_problem(401, "UNAUTHORIZED");
    assert!(is_fresh(&renewed).await);
    let body = json!({ "name": "script", "scopes": ["read"] });
    renewed.post("/api/tokens", body).await.expect(201);
    let sessions = select(&site.server, "SELECT methods AS value FROM sessions").await;
    assert_eq!(sessions, ["password provider"]);
}

#[tokio::test]
async fn provider_is_asked_to_authenticate_the_user_now_whatever_the_settings_say() {
    let site = Site::start_with(Backend::Sqlite, &[], "prompt = \"select_account\"").await;
    let ada = stale_user(&site, "ada").await;
    let url: Url = begin(&ada.browser).await.url.parse().unwrap();
    let query: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!((query["max_age"].as_str(), query["prompt"].as_str()), ("0", "login"));
    let flow = site.begin(json!({})).await;
    assert!(!flow.url.contains("max_age"), "a sign-in asks for nothing more");
}

#[apply(on_both_databases)]
async fn id_token_without_a_new_authentication_makes_no_session_fresh(backend: Backend) {
    let site = Site::start(backend).await;
    let ada = stale_user(&site, "ada").await;
    let now = site.server.now().micros() / 1_000_000;
    for (claims, error) in [
        (json!({ "auth_time": null }), "auth_time_missing"),
        (json!({ "auth_time": now - 60 }), "auth_time_too_old"),
        (json!({ "auth_time": now + 3600 }), "auth_time_too_old"),
        (json!({ "nonce": "another" }), "unable_to_get_user_info"),
        (json!({ "wrongKey": true }), "unable_to_get_user_info"),
    ] {
        site.provider.fail(json!({ "idToken": claims })).await;
        let flow = begin(&ada.browser).await;
        assert_refused(&finish(&site, &flow, &ada.browser, "ada").await, error);
    }
    site.provider.fail(json!({ "denied": true })).await;
    let flow = begin(&ada.browser).await;
    assert_refused(&finish(&site, &flow, &ada.browser, "ada").await, "access_denied");
    assert!(!is_fresh(&ada.browser).await);
}

#[apply(on_both_databases)]
async fn account_that_is_not_the_users_makes_no_session_fresh(backend: Backend) {
    let site = Site::start(backend).await;
    let ada = stale_user(&site, "ada").await;
    stale_user(&site, "eve").await;
    for sub in ["eve", "mallory"] {
        let flow = begin(&ada.browser).await;
        assert_refused(&finish(&site, &flow, &ada.browser, sub).await, "account_mismatch");
    }
    // It was unlinked in the meantime.
    let flow = begin(&ada.browser).await;
    execute(&site.server, "DELETE FROM accounts WHERE account_id = 'ada'").await;
    assert_refused(&finish(&site, &flow, &ada.browser, "ada").await, "account_mismatch");
    assert!(!is_fresh(&ada.browser).await);
    let accounts = select(&site.server, "SELECT account_id AS value FROM accounts").await;
    assert_eq!(accounts, ["eve"], "nothing is linked");
}

#[apply(on_both_databases)]
async fn only_the_session_that_asked_for_it_becomes_fresh(backend: Backend) {
    let site = Site::start(backend).await;
    let (ada, eve) = (stale_user(&site, "ada").await, stale_user(&site, "eve").await);
    let elsewhere = site.signed_in(verified("ada", &ada.email)).await;
    make_stale(&site, &ada).await;
    for other in [&site.server.anonymous, &eve.browser, &elsewhere] {
        let flow = begin(&ada.browser).await;
        assert_refused(&finish(&site, &flow, other, "ada").await, "session_mismatch");
    }
    assert!(!is_fresh(&ada.browser).await && !is_fresh(&elsewhere).await);
    // Another browser has no cookie of the flow.
    let flow = begin(&ada.browser).await;
    let callback = site.at_provider(&flow, verified("ada", &ada.email)).await;
    let reply = ada.browser.navigate(&path_of(&callback)).await;
    assert_eq!(place(&reply), "/sign-in-error?error=state_mismatch");
    ada.browser.post(SIGN_OUT, json!({})).await.expect(200);
    assert_refused(&finish(&site, &flow, &ada.browser, "ada").await, "session_mismatch");
}

#[apply(on_both_databases)]
async fn user_who_lost_access_in_the_meantime_cannot_authenticate_again(backend: Backend) {
    let site = Site::start(backend).await;
    let ada = stale_user(&site, "ada").await;
    let flow = begin(&ada.browser).await;
    site.server.suspend(&ada).await;
    assert_refused(&finish(&site, &flow, &ada.browser, "ada").await, "session_mismatch");
    let grace = stale_user(&site, "grace").await;
    let flow = begin(&grace.browser).await;
    execute(&site.server, "UPDATE users SET deactivated_at = created_at").await;
    assert_refused(&finish(&site, &flow, &grace.browser, "grace").await, "session_mismatch");
}

#[apply(on_both_databases)]
async fn authenticating_again_at_a_provider_proves_no_second_factor(backend: Backend) {
    let site = Site::start_with(backend, &[], "second_factor = [\"mfa\"]").await;
    let mut ada = site.server.sign_up("ada").await;
    add_account(&site.server, &ada, "op", "ada").await;
    ada.enable_two_factor(&site.server).await;
    for amr in [json!([]), json!(["mfa"])] {
        make_stale(&site, &ada).await;
        site.provider.fail(json!({ "idToken": { "amr": amr } })).await;
        let flow = begin(&ada.browser).await;
        let reply = finish(&site, &flow, &ada.browser, "ada").await;
        ada.browser = site.server.anonymous.with_cookie(&reply.cookie().unwrap());
        // As after a password: what needs the second factor asks for a code.
        let reply = ada.browser.post("/api/auth/two-factor/disable", json!({})).await;
        reply.assert_problem(403, "second_factor_required");
    }
}

#[tokio::test]
async fn provider_that_cannot_authenticate_again_is_refused() {
    let keys = "client_id = \"x\"\nclient_secret = \"x\"\n";
    let more =
        format!("[github]\npreset = \"github\"\n{keys}[google]\npreset = \"google\"\n{keys}");
    let site = Site::start_with(Backend::Sqlite, &[], &more).await;
    let ada = stale_user(&site, "ada").await;
    for provider in ["github", "google"] {
        add_account(&site.server, &ada, provider, provider).await;
        let reply = ada.browser.post(VERIFY, json!({ "provider": provider })).await;
        reply.assert_problem(400, "reauthentication_not_supported");
    }
    let reply = ada.browser.post(VERIFY, json!({ "provider": "twin" })).await;
    reply.assert_problem(400, "ACCOUNT_NOT_FOUND");
    let reply = ada.browser.post(VERIFY, json!({ "provider": "nowhere" })).await;
    reply.assert_problem(404, "PROVIDER_NOT_FOUND");
    let text = ada.browser.navigate("/settings").await.text;
    assert!(text.contains("data-account-at=\"op\""), "{text}");
    assert!(!text.contains("data-account-at=\"github\""), "the dialog does not offer it");
    assert!(!text.contains("data-account-at=\"google\""));
}

#[tokio::test]
async fn provider_is_reached_again_without_javascript_and_a_failure_says_what_to_do() {
    let site = Site::start(Backend::Sqlite).await;
    let ada = stale_user(&site, "ada").await;
    let form = ada
        .browser
        .request(Method::POST, VERIFY)
        .header("Accept", "text/html")
        .header("Sec-Fetch-Mode", "navigate")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("provider=op&callbackURL=/settings");
    let reply = Reply::of(form).await;
    assert!(reply.text.contains(&format!("href=\"{}", site.provider.issuer)), "{}", reply.text);
    let page = "/sign-in-error?error=auth_time_too_old";
    let text = ada.browser.navigate(page).await.text;
    assert!(text.contains("Sign out there and try again"));
    assert!(text.contains("href=\"/login?why=fresh\">Sign in again another way"));
}
