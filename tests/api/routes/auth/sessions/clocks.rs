//! Sessions that were created while the clock was wrong.

use portcullis::{store::lease_settings, time::days};

use super::*;

async fn session(browser: &Caller) -> Value {
    browser.get(GET_SESSION).await.expect(200)["session"].clone()
}

/// Whether the session counts as fresh.
async fn is_fresh(browser: &Caller) -> bool {
    let reply = browser.post("/api/tokens", json!({ "name": "t" })).await;
    let is_fresh = reply.status == 201;
    if !is_fresh {
        reply.assert_problem(403, "SESSION_NOT_FRESH");
    }
    is_fresh
}

#[apply(on_both_databases)]
async fn session_from_a_clock_a_year_ahead_is_bounded_and_not_fresh(backend: Backend) {
    let server = backend.start().await;
    lease_settings::set(&server.state.store, 300).await.unwrap();
    let ada = server.sign_up("ada").await;
    let right = server.now();
    server.clock.step(right + days(400));
    let (remembered, for_now) =
        (server.sign_in(&ada).await, sign_in_without_remember_me(&server, &ada).await);
    server.clock.step(right);
    for (browser, life) in [(&remembered, 30), (&for_now, 1)] {
        let until = (right + days(life)).to_string();
        assert!(!is_fresh(browser).await);
        assert_eq!(session(browser).await["expiresAt"], until, "before the use is written");
        server.write_last_uses().await;
        let written = session(browser).await;
        assert_eq!(written["expiresAt"], until);
        assert_eq!(written["createdAt"], right.to_string());
        let renewed = browser.with_password_entered().await;
        assert!(is_fresh(&renewed).await);
        server.clock.set(right + days(life) - seconds(1));
        assert!(is_signed_in(&renewed).await);
        server.write_last_uses().await;
        server.advance(seconds(1));
        assert!(!is_signed_in(&renewed).await, "{life}: despite its use");
        server.clock.set(right);
    }
}

#[apply(on_both_databases)]
async fn session_from_a_clock_five_minutes_ahead_is_fresh_and_unchanged(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let right = server.now();
    server.clock.step(right + seconds(300));
    let browser = server.sign_in(&ada).await;
    let begun = session(&browser).await;
    server.clock.step(right);
    assert!(is_fresh(&browser).await);
    assert_eq!(session(&browser).await, begun);
    server.write_last_uses().await;
    assert_eq!(session(&browser).await, begun);
    server.clock.step(right - seconds(1));
    assert!(!is_fresh(&browser).await, "a second more is not tolerated");
    assert!(is_signed_in(&browser).await);
}

#[apply(on_both_databases)]
async fn session_expiry_beyond_the_absolute_timeout_is_bounded_on_use(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let end = match backend {
        Backend::Sqlite => "expires_at + 400 * 86400000000",
        Backend::Postgres => "expires_at + interval '400 days'",
    };
    execute(&server, &format!("UPDATE sessions SET expires_at = {end}")).await;
    let until = (server.now() + days(30)).to_string();
    assert_eq!(session(&ada.browser).await["expiresAt"], until);
    server.advance(seconds(60));
    server.write_last_uses().await;
    assert_eq!(session(&ada.browser).await["expiresAt"], until, "counted from its first use");
    server.advance(days(30));
    assert!(!is_signed_in(&ada.browser).await);
}
