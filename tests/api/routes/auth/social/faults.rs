use super::*;

const ERRORS: &str = "/oops";

/// Begins a sign-in whose errors go to a page of its own.
async fn begin(site: &Site) -> Flow {
    site.begin(json!({ "callbackURL": "/done", "errorCallbackURL": ERRORS })).await
}

async fn sign_in(site: &Site) -> Reply {
    let body = json!({ "callbackURL": "/done", "errorCallbackURL": ERRORS });
    site.sign_in(body, verified("ada", "ada@example.com")).await
}

#[apply(on_both_databases)]
async fn callback_in_another_browser_is_rejected_and_does_not_end_the_sign_in(backend: Backend) {
    let site = Site::start(backend).await;
    let flow = begin(&site).await;
    let callback = site.at_provider(&flow, verified("eve", "eve@example.com")).await;
    let other = begin(&site).await;
    let (name, _) = flow.cookie.split_once('=').unwrap();
    let (_, secret) = other.cookie.split_once('=').unwrap();
    for cookie in [&other.cookie, &format!("{name}={secret}"), "x=y"] {
        let victim = site.server.anonymous.with_cookie(cookie);
        let reply = victim.navigate(&path_of(&callback)).await;
        assert_eq!(
            place(&reply),
            "/sign-in-error?error=state_mismatch",
            "not to the error page of the flow"
        );
        assert!(reply.cookie().is_none());
    }
    let reply = site.server.anonymous.navigate("/api/auth/callback/op?code=x").await;
    assert_eq!(place(&reply), "/sign-in-error?error=state_not_found");
    assert_eq!(place(&site.follow(&flow, &callback).await), "/done");
    let again = site.follow(&flow, &callback).await;
    assert_eq!(place(&again), "/sign-in-error?error=state_mismatch", "it works once");
}

#[tokio::test]
async fn callback_of_another_provider_is_rejected() {
    let site = Site::start(Backend::Sqlite).await;
    let flow = begin(&site).await;
    let callback = site.at_provider(&flow, verified("ada", "ada@example.com")).await;
    let path = path_of(&callback).replace("/callback/op", "/callback/twin");
    let reply = site.server.anonymous.with_cookie(&flow.cookie).navigate(&path).await;
    assert_eq!(place(&reply), "/sign-in-error?error=state_mismatch");
}

#[tokio::test]
async fn sign_in_at_a_provider_expires_after_ten_minutes() {
    let site = Site::start(Backend::Sqlite).await;
    for (wait, expected) in
        [(9 * 60, "/oops?error=no_code"), (10 * 60, "/sign-in-error?error=state_mismatch")]
    {
        let flow = begin(&site).await;
        site.server.advance(seconds(wait));
        let state: Url = flow.url.parse().unwrap();
        let state = state.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let path = format!("/api/auth/callback/op?state={state}&iss={}", site.provider.issuer);
        let reply = site.server.anonymous.with_cookie(&flow.cookie).navigate(&path).await;
        assert_eq!(place(&reply), expected);
    }
}

#[tokio::test]
async fn response_of_another_issuer_is_rejected() {
    let site = Site::start(Backend::Sqlite).await;
    for issuer in [Some("https://evil.example"), None] {
        let flow = begin(&site).await;
        let mut callback = site.at_provider(&flow, verified("ada", "ada@example.com")).await;
        let pairs: Vec<_> = callback.query_pairs().into_owned().collect();
        let others = pairs.into_iter().filter(|(name, _)| name != "iss");
        callback.query_pairs_mut().clear().extend_pairs(others);
        if let Some(issuer) = issuer {
            callback.query_pairs_mut().append_pair("iss", issuer);
        }
        let reply = site.follow(&flow, &callback).await;
        // The provider declares that it always sends it (RFC 9207).
        assert_eq!(place(&reply), "/oops?error=issuer_mismatch");
    }
}

#[tokio::test]
async fn error_of_the_provider_is_passed_on_and_a_malformed_one_is_not() {
    let site = Site::start(Backend::Sqlite).await;
    site.provider.fail(json!({ "denied": true })).await;
    assert_eq!(place(&sign_in(&site).await), "/oops?error=access_denied");
    let flow = begin(&site).await;
    let callback = site.at_provider(&flow, verified("ada", "ada@example.com")).await;
    let path = path_of(&callback).replace("access_denied", "%3Cb%3E");
    let reply = site.server.anonymous.with_cookie(&flow.cookie).navigate(&path).await;
    assert_eq!(place(&reply), "/oops?error=access_denied");
}

#[tokio::test]
async fn code_that_the_provider_rejects_is_reported() {
    let site = Site::start(Backend::Sqlite).await;
    let flow = begin(&site).await;
    let mut callback = site.at_provider(&flow, verified("ada", "ada@example.com")).await;
    let pairs: Vec<_> = callback.query_pairs().into_owned().collect();
    let others = pairs.into_iter().filter(|(name, _)| name != "code");
    callback.query_pairs_mut().clear().extend_pairs(others).append_pair("code", "made-up");
    assert_eq!(place(&site.follow(&flow, &callback).await), "/oops?error=invalid_code");
}

#[tokio::test]
async fn invalid_id_token_signs_no_user_in() {
    let site = Site::start(Backend::Sqlite).await;
    for claims in [
        json!({ "wrongKey": true }),
        json!({ "nonce": "another" }),
        json!({ "nonce": null }),
        json!({ "aud": "another" }),
        json!({ "aud": ["portcullis", "another"] }),
        json!({ "iss": "https://evil.example" }),
        json!({ "exp": 1 }),
        json!({ "iat": 4_000_000_000u32, "exp": 4_000_000_600u32 }),
        json!({ "sub": null }),
    ] {
        site.provider.fail(json!({ "idToken": claims })).await;
        let reply = sign_in(&site).await;
        let error = place(&reply);
        let expected = ["/oops?error=unable_to_get_user_info", "/oops?error=provider_unavailable"];
        assert!(expected.contains(&error.as_str()), "{claims}: {error}");
        assert!(reply.cookie().is_none());
    }
    site.provider.fail(json!({})).await;
    assert_eq!(place(&sign_in(&site).await), "/done");
    assert_eq!(site.emails().await.len(), 1);
}

#[tokio::test]
async fn new_key_of_the_provider_is_fetched_once() {
    let site = Site::start(Backend::Sqlite).await;
    assert_eq!(place(&sign_in(&site).await), "/done");
    site.provider.control("rotate", json!({})).await;
    assert_eq!(place(&sign_in(&site).await), "/done");
    let requests = |of: Value| of["/jwks"].as_u64().unwrap();
    let before = requests(site.provider.control("requests", json!({})).await);
    // Another one so soon is not: otherwise anyone could make this server send requests.
    site.provider.control("rotate", json!({})).await;
    for _ in 0..3 {
        assert_eq!(place(&sign_in(&site).await), "/oops?error=unable_to_get_user_info");
    }
    assert_eq!(requests(site.provider.control("requests", json!({})).await), before);
}

#[tokio::test]
async fn unavailable_provider_affects_nothing_else_and_is_tried_again() {
    let site = Site::start(Backend::Sqlite).await;
    site.provider.fail(json!({ "down": ["/.well-known"] })).await;
    let anonymous = &site.server.anonymous;
    for _ in 0..3 {
        let reply = anonymous.post(SOCIAL, json!({ "provider": "op" })).await;
        reply.assert_problem(503, "provider_unavailable");
    }
    let requests = site.provider.control("requests", json!({})).await;
    assert_eq!(requests["/.well-known/openid-configuration"], 1, "a failure is remembered");
    site.server.sign_up("ada").await.browser.get(ME).await.expect(200);
    site.provider.fail(json!({})).await;
    let body = json!({ "provider": "twin" });
    anonymous.post(SOCIAL, body).await.expect(200);
    for _ in 0..100 {
        let reply = anonymous.post(SOCIAL, json!({ "provider": "op" })).await;
        if reply.status == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the provider is not tried again");
}

#[tokio::test]
async fn concurrent_first_sign_ins_share_one_discovery() {
    let site = Site::start(Backend::Sqlite).await;
    let begin = [(); 8].map(|()| site.begin(json!({})));
    futures_util::future::join_all(begin).await;
    let requests = site.provider.control("requests", json!({})).await;
    assert_eq!(requests["/.well-known/openid-configuration"], 1);
}

#[tokio::test]
async fn provider_that_fails_in_the_middle_of_a_sign_in_is_reported() {
    let site = Site::start(Backend::Sqlite).await;
    for faults in [json!({ "down": ["/token"] }), json!({ "slow": ["/token"] })] {
        site.provider.fail(faults).await;
        assert_eq!(place(&sign_in(&site).await), "/oops?error=provider_unavailable");
    }
}

#[tokio::test]
async fn metadata_of_another_issuer_is_rejected() {
    let site = Site::start(Backend::Sqlite).await;
    site.provider.fail(json!({ "metadata": { "issuer": "https://evil.example" } })).await;
    let reply = site.server.anonymous.post(SOCIAL, json!({ "provider": "op" })).await;
    reply.assert_problem(503, "provider_unavailable");
}

#[tokio::test]
async fn database_failure_in_a_callback_is_unavailable_and_not_signed_out() {
    let site = Site::start(Backend::Sqlite).await;
    let flow = begin(&site).await;
    let callback = site.at_provider(&flow, verified("ada", "ada@example.com")).await;
    execute(&site.server, "ALTER TABLE provider_flows RENAME TO elsewhere").await;
    let caller = site.server.anonymous.with_cookie(&flow.cookie);
    let status = caller.get(&path_of(&callback)).await.status.as_u16();
    assert!([500, 503].contains(&status), "{status}");
    execute(&site.server, "ALTER TABLE elsewhere RENAME TO provider_flows").await;
    assert_eq!(place(&site.follow(&flow, &callback).await), "/done");
}
