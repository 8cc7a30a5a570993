use super::*;

#[apply(on_both_databases)]
async fn provider_creates_a_user_once_and_knows_them_by_their_subject(backend: Backend) {
    let site = Site::start(backend).await;
    let body = json!({ "callbackURL": "/home", "newUserCallbackURL": "/welcome" });
    let reply = site.sign_in(body.clone(), verified("ada", "Ada@Example.com")).await;
    assert_eq!(place(&reply), "/welcome");
    let ada = site.server.anonymous.with_cookie(&reply.cookie().unwrap());
    let session = ada.get(GET_SESSION).await.expect(200);
    assert_eq!(session["user"]["email"], "ada@example.com");
    assert_eq!(session["user"]["emailVerified"], true);
    assert_eq!(session["user"]["name"], "Ada");
    assert_eq!(session["session"]["amr"], json!([]));

    // With another email there, which changes nothing here.
    let reply = site.sign_in(body, verified("ada", "countess@example.com")).await;
    assert_eq!(place(&reply), "/home");
    assert_eq!(site.emails().await, ["ada@example.com"]);
    let accounts = ada.get(LIST_ACCOUNTS).await.expect(200);
    assert_eq!(accounts[0]["providerId"], "op");
    assert_eq!(accounts[0]["accountId"], "ada");
    let sql = "SELECT action AS value FROM activity ORDER BY id";
    assert_eq!(select(&site.server, sql).await, ["signed-up", "signed-in", "signed-in"]);
}

#[tokio::test]
async fn request_to_the_provider_has_pkce_a_nonce_and_the_exact_redirect_uri() {
    let site = Site::start_with(Backend::Sqlite, &[], "prompt = \"select_account\"").await;
    let flow = site.begin(json!({ "loginHint": "ada", "scopes": ["everything"] })).await;
    let url: Url = flow.url.parse().unwrap();
    let query: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!(query["response_type"], "code");
    assert_eq!(query["scope"], "openid email profile");
    assert_eq!(query["code_challenge_method"], "S256");
    assert_eq!(query["login_hint"], "ada");
    assert_eq!(query["prompt"], "select_account");
    assert_eq!(query["nonce"].len(), 43);
    let uri = site.server.state.site.link("/api/auth/callback/op", &[]);
    assert_eq!(query["redirect_uri"], uri.as_str());
    let (name, secret) = flow.cookie.split_once('=').unwrap();
    assert_eq!(name, format!("portcullis-flow-{}", &query["state"][..12]));
    assert!(!flow.url.contains(secret));
}

#[tokio::test]
async fn client_may_open_the_provider_by_itself() {
    let site = Site::start(Backend::Sqlite).await;
    let body = json!({ "provider": "op", "disableRedirect": true });
    let reply = site.server.anonymous.post(SOCIAL, body).await;
    assert_eq!(reply.header("location"), None);
    assert_eq!(reply.expect(200)["redirect"], false);
    let reply = site.server.anonymous.post(SOCIAL, json!({ "provider": "op" })).await;
    let location = reply.header("location").unwrap().to_owned();
    assert_eq!(reply.expect(200), json!({ "url": location, "redirect": true }));
}

#[tokio::test]
async fn unknown_provider_and_foreign_destinations_are_rejected() {
    let site = Site::start(Backend::Sqlite).await;
    let anonymous = &site.server.anonymous;
    let body = json!({ "provider": "nowhere" });
    anonymous.post(SOCIAL, body).await.assert_problem(404, "PROVIDER_NOT_FOUND");
    for (name, code) in [
        ("callbackURL", "INVALID_CALLBACK_URL"),
        ("newUserCallbackURL", "INVALID_NEW_USER_CALLBACK_URL"),
        ("errorCallbackURL", "INVALID_ERROR_CALLBACK_URL"),
    ] {
        let body = json!({ "provider": "op", name: "https://evil.example/" });
        anonymous.post(SOCIAL, body).await.assert_problem(403, code);
    }
    let request = anonymous.bare(Method::POST, SOCIAL).header("Origin", "https://evil.example");
    let reply = Reply::of(request.json(&json!({ "provider": "op" }))).await;
    reply.assert_problem(403, "INVALID_ORIGIN");
    let reply = anonymous.navigate("/api/auth/callback/nowhere?code=x&state=x").await;
    assert_eq!(place(&reply), "/sign-in-error?error=oauth_provider_not_found");
}

#[apply(on_both_databases)]
async fn two_sign_ins_in_one_browser_do_not_disturb_each_other(backend: Backend) {
    let site = Site::start(backend).await;
    let flows = [site.begin(json!({})).await, site.begin(json!({})).await];
    let browser = format!("{}; {}", flows[0].cookie, flows[1].cookie);
    for flow in &flows {
        let callback = site.at_provider(flow, verified("ada", "ada@example.com")).await;
        let caller = site.server.anonymous.with_cookie(&browser);
        let reply = caller.navigate(&path_of(&callback)).await;
        assert_eq!(place(&reply), "/");
        assert!(reply.cookie().is_some());
        let (name, _) = flow.cookie.split_once('=').unwrap();
        assert!(reply.set_cookie(name).unwrap().contains("Max-Age=0"));
    }
}

#[tokio::test]
async fn browser_keeps_only_a_few_sign_ins_that_have_begun() {
    let site = Site::start(Backend::Sqlite).await;
    let cookies: Vec<String> = (0..4).map(|n| format!("portcullis-flow-{n}=x")).collect();
    let caller = site.server.anonymous.with_cookie(&cookies.join("; "));
    let reply = caller.post(SOCIAL, json!({ "provider": "op" })).await;
    for n in 0..4 {
        let set = reply.set_cookie(&format!("portcullis-flow-{n}")).unwrap();
        assert!(set.contains("Max-Age=0"));
    }
    let kept = flow_cookie(&reply).unwrap();
    let (name, _) = kept.split_once('=').unwrap();
    let set = reply.set_cookie(name).unwrap();
    assert!(
        set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Max-Age=600")
    );
}

#[tokio::test]
async fn provider_that_submits_a_form_is_redirected_to_the_callback() {
    let site = Site::start(Backend::Sqlite).await;
    let flow = site.begin(json!({ "callbackURL": "/done" })).await;
    let callback = site.at_provider(&flow, verified("ada", "ada@example.com")).await;
    // As a browser submits a form of another site: without the cookie, and with that site's Origin.
    let form = site
        .server
        .anonymous
        .bare(Method::POST, callback.path())
        .header("Origin", &site.provider.issuer)
        .header("Sec-Fetch-Mode", "navigate")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("{}&unknown=x", callback.query().unwrap()));
    let reply = Reply::of(form).await;
    assert_eq!(place(&reply), path_of(&callback));
    assert!(reply.cookie().is_none());
    let caller = site.server.anonymous.with_cookie(&flow.cookie);
    assert_eq!(place(&caller.navigate(&place(&reply)).await), "/done");
}

#[apply(on_both_databases)]
async fn second_factor_is_asked_for_after_a_sign_in_with_a_provider(backend: Backend) {
    let site = Site::start(backend).await;
    let mut ada = site.server.sign_up("ada").await;
    site.confirm_email_of(&ada).await;
    let app = ada.enable_two_factor(&site.server).await;
    let claims = verified("ada", "ada@example.com");
    let reply = site.sign_in(json!({ "callbackURL": "/done" }), claims).await;
    assert_eq!(place(&reply), "/two-factor?callbackURL=%2Fdone");
    assert!(reply.cookie().is_none(), "there is no session yet");
    let waiting = reply.cookie_named(CHALLENGE).unwrap();
    let browser = site.server.anonymous.with_cookie(&waiting);
    browser.get(ME).await.assert_problem(401, "UNAUTHORIZED");
    let code = app.code(site.server.now());
    let reply = browser.post("/api/auth/two-factor/verify-totp", json!({ "code": code })).await;
    let browser = browser.with_cookie(&reply.cookie().unwrap());
    let session = browser.get(GET_SESSION).await.expect(200);
    assert_eq!(session["session"]["amr"], json!(["otp", "mfa"]));
}

#[apply(on_both_databases)]
async fn second_factor_of_the_provider_counts_only_where_the_settings_say_so(backend: Backend) {
    for (more, amr, asks) in [
        ("", json!(["pwd", "mfa"]), true),
        ("second_factor = [\"mfa\"]", json!(["pwd"]), true),
        ("second_factor = [\"mfa\"]", json!(["pwd", "mfa"]), false),
    ] {
        let site = Site::start_with(backend, &[], more).await;
        let mut ada = site.server.sign_up("ada").await;
        site.confirm_email_of(&ada).await;
        ada.enable_two_factor(&site.server).await;
        site.provider.fail(json!({ "idToken": { "amr": amr } })).await;
        let claims = verified("ada", "ada@example.com");
        let reply = site.sign_in(json!({ "callbackURL": "/done" }), claims).await;
        assert_eq!(reply.cookie().is_none(), asks, "{more} {amr}");
        if !asks {
            let browser = site.server.anonymous.with_cookie(&reply.cookie().unwrap());
            let session = browser.get(GET_SESSION).await.expect(200);
            assert_eq!(session["session"]["amr"], json!(["mfa"]));
        }
    }
}

#[apply(on_both_databases)]
async fn concurrent_callbacks_of_one_sign_in_start_one_session(backend: Backend) {
    let site = Site::start(backend).await;
    for round in 0..rounds(4) {
        let flow = site.begin(json!({ "callbackURL": "/done" })).await;
        let claims = verified(&format!("user{round}"), &format!("user{round}@example.com"));
        let callback = site.at_provider(&flow, claims).await;
        let replies =
            futures_util::future::join_all([(); 4].map(|()| site.follow(&flow, &callback))).await;
        let places: Vec<String> = replies.iter().map(place).collect();
        let done = places.iter().filter(|place| *place == "/done").count();
        assert_eq!(done, 1, "{places:?}");
    }
    let sessions = select(&site.server, "SELECT id AS value FROM sessions").await;
    assert_eq!(sessions.len(), rounds(4));
}

#[apply(on_both_databases)]
async fn concurrent_first_sign_ins_with_one_email_create_one_user(backend: Backend) {
    let site = Site::start(backend).await;
    for round in 0..rounds(4) {
        let mut ready = Vec::new();
        for sub in ["one", "two", "three"] {
            let flow = site.begin(json!({ "callbackURL": "/done" })).await;
            let claims = verified(&format!("{sub}{round}"), &format!("u{round}@example.com"));
            let callback = site.at_provider(&flow, claims).await;
            ready.push((flow, callback));
        }
        let follow = ready.iter().map(|(flow, callback)| site.follow(flow, callback));
        for reply in futures_util::future::join_all(follow).await {
            assert_eq!(place(&reply), "/done");
        }
        assert_eq!(site.emails().await.len(), round + 1);
    }
}
