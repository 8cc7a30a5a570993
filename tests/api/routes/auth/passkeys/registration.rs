use super::*;

#[apply(on_both_databases)]
async fn registration_without_a_fresh_session_or_with_a_token_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    server.anonymous.get(BEGIN_REGISTRATION).await.assert_problem(401, "UNAUTHORIZED");
    let token = ada.token(&["read", "write"]).await;
    token.get(BEGIN_REGISTRATION).await.assert_problem(403, "cookie_required");
    let (browser, options) = ada.browser.begin_ceremony(BEGIN_REGISTRATION).await;
    let body = json!({ "response": server.passkey().create(&options) });
    let anonymous = server.anonymous.post(FINISH_REGISTRATION, body.clone()).await;
    anonymous.assert_problem(401, "UNAUTHORIZED");
    server.advance(days(1));
    ada.browser.get(BEGIN_REGISTRATION).await.assert_problem(403, "SESSION_NOT_FRESH");
    browser.post(FINISH_REGISTRATION, body).await.assert_problem(403, "SESSION_NOT_FRESH");
    assert!(passkeys_of(&ada).await.is_empty());
}

#[apply(on_both_databases)]
async fn registration_options_offer_verified_algorithms_and_exclude_own_passkeys(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let (_, options) = ada.browser.begin_ceremony(BEGIN_REGISTRATION).await;
    assert_eq!(options["rp"], json!({ "id": "localhost", "name": "Portcullis" }));
    assert_eq!(options["user"]["name"], ada.email);
    let offered: Vec<i64> = options["pubKeyCredParams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|offered| offered["alg"].as_i64().unwrap())
        .collect();
    assert_eq!(offered, [-7, -8, -257]);
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(options["excludeCredentials"], json!([]));
    let passkey = ada.add(server.passkey()).await;
    let path = format!("{BEGIN_REGISTRATION}?authenticatorAttachment=platform");
    let (_, again) = ada.browser.begin_ceremony(&path).await;
    assert_eq!(again["excludeCredentials"][0]["transports"], json!(["internal"]));
    assert_eq!(again["excludeCredentials"].as_array().unwrap().len(), 1);
    assert_eq!(again["authenticatorSelection"]["authenticatorAttachment"], "platform");
    // One handle for each user, so that an authenticator keeps one entry for them.
    assert_eq!(again["user"]["id"], options["user"]["id"]);
    assert_eq!(passkey.user_handle.as_deref(), options["user"]["id"].as_str());
    let grace = server.sign_up("grace").await;
    let (_, others) = grace.browser.begin_ceremony(BEGIN_REGISTRATION).await;
    assert_ne!(others["user"]["id"], options["user"]["id"]);
    assert_ne!(again["challenge"], options["challenge"]);
    let path = format!("{BEGIN_REGISTRATION}?authenticatorAttachment=quantum");
    ada.browser.get(&path).await.assert_problem(400, "VALIDATION_ERROR");
}

#[apply(on_both_databases)]
async fn registered_passkey_is_listed_recorded_and_mailed(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let mut passkey = server.passkey();
    let (browser, options) = ada.browser.begin_ceremony(BEGIN_REGISTRATION).await;
    let body = json!({ "name": " My laptop ", "response": passkey.create(&options) });
    let row = browser.post(FINISH_REGISTRATION, body).await.expect(200);
    assert_eq!(row["name"], "My laptop");
    assert_eq!(row["deviceType"], "multiDevice");
    assert_eq!(row["backedUp"], true);
    assert_eq!(row["userId"], ada.id);
    assert_eq!(row["lastUsedAt"], Value::Null);
    assert_eq!(passkeys_of(&ada).await, [row]);
    assert_eq!(actions(&server, &ada).await[0], "passkey-added");
    let mail = server.last_mail_to(&ada.email).await;
    assert!(mail.subject.contains("passkey"), "{}", mail.subject);
}

#[apply(on_both_databases)]
async fn passkey_without_a_name_is_named_after_the_browser(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let (browser, options) = ada.browser.begin_ceremony(BEGIN_REGISTRATION).await;
    let agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
    let body = json!({ "response": server.passkey().create(&options) });
    let request = browser.request(Method::POST, FINISH_REGISTRATION).header("User-Agent", agent);
    let row = Reply::of(request.json(&body)).await.expect(200);
    assert_eq!(row["name"], "Chrome on Linux");
}

/// Tries to register what an authenticator has created.
async fn register(ada: &TestUser, mut passkey: Passkey) -> Reply {
    let (browser, options) = ada.browser.begin_ceremony(BEGIN_REGISTRATION).await;
    browser.post(FINISH_REGISTRATION, json!({ "response": passkey.create(&options) })).await
}

#[apply(on_both_databases)]
async fn registration_by_another_page_for_another_site_or_challenge_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let valid = || server.passkey();
    let challenge = Some("AAAAAAAAAAAAAAAAAAAAAA".to_owned());
    for passkey in [
        Passkey { origin: "https://evil.example".into(), ..valid() },
        Passkey { origin: server.anonymous.base.clone(), ..valid() },
        Passkey { rp_id: "evil.example".into(), ..valid() },
        Passkey { kind: Some("webauthn.get"), ..valid() },
        Passkey { challenge, ..valid() },
        Passkey { user_present: false, ..valid() },
        Passkey { backup_eligible: false, ..valid() },
    ] {
        register(&ada, passkey).await.assert_problem(400, "FAILED_TO_VERIFY_REGISTRATION");
    }
    let (browser, _) = ada.browser.begin_ceremony(BEGIN_REGISTRATION).await;
    let junk = browser.post(FINISH_REGISTRATION, json!({ "response": {} })).await;
    junk.assert_problem(400, "FAILED_TO_VERIFY_REGISTRATION");
    assert!(passkeys_of(&ada).await.is_empty());
    for algorithm in [valid(), valid().with_ed25519(), valid().without_verification()] {
        register(&ada, algorithm).await.expect(200);
    }
}

#[apply(on_both_databases)]
async fn wrong_origin_names_the_origins_that_are_right(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let passkey = Passkey { origin: server.anonymous.base.clone(), ..server.passkey() };
    let problem =
        register(&ada, passkey).await.assert_problem(400, "FAILED_TO_VERIFY_REGISTRATION");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("http://localhost:"), "{detail}");
}

#[apply(on_both_databases)]
async fn registration_ceremony_is_used_once_by_one_user_within_five_minutes(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let (browser, options) = ada.browser.begin_ceremony(BEGIN_REGISTRATION).await;
    let body = json!({ "response": server.passkey().create(&options) });
    // Without its cookie, and in the session of another user.
    let reply = ada.browser.post(FINISH_REGISTRATION, body.clone()).await;
    reply.assert_problem(400, "CHALLENGE_NOT_FOUND");
    let cookie = browser.cookie.as_ref().unwrap().rsplit("; ").next().unwrap();
    let stranger = grace.browser.and_cookie(cookie).post(FINISH_REGISTRATION, body.clone()).await;
    stranger.assert_problem(401, "YOU_ARE_NOT_ALLOWED_TO_REGISTER_THIS_PASSKEY");
    // The attempt has used it.
    let used = browser.post(FINISH_REGISTRATION, body).await;
    used.assert_problem(400, "CHALLENGE_NOT_FOUND");

    let (browser, options) = ada.browser.begin_ceremony(BEGIN_REGISTRATION).await;
    let body = json!({ "response": server.passkey().create(&options) });
    server.advance(seconds(5 * 60));
    let late = browser.post(FINISH_REGISTRATION, body).await;
    late.assert_problem(400, "CHALLENGE_NOT_FOUND");
    // A ceremony of a sign-in registers nothing.
    let (anonymous, options) = server.anonymous.begin_ceremony(BEGIN_PASSKEY).await;
    let cookie = anonymous.cookie.unwrap();
    let mut passkey = server.passkey();
    let mut own = options;
    own["user"] = json!({ "id": "AA" });
    let body = json!({ "response": passkey.create(&own) });
    let reply = ada.browser.and_cookie(&cookie).post(FINISH_REGISTRATION, body).await;
    reply.assert_problem(400, "CHALLENGE_NOT_FOUND");
    assert!(passkeys_of(&ada).await.is_empty());
}

#[apply(on_both_databases)]
async fn credential_id_belongs_to_one_user(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let passkey = ada.add(server.passkey()).await;
    for user in [&ada, &grace] {
        let copy = Passkey { credential_id: passkey.credential_id.clone(), ..server.passkey() };
        register(user, copy).await.assert_problem(400, "PREVIOUSLY_REGISTERED");
    }
    assert!(passkeys_of(&grace).await.is_empty());
}

#[apply(on_both_databases)]
async fn passkeys_without_a_domain_are_not_available_and_the_error_names_localhost(
    backend: Backend,
) {
    let server = backend.start_with(&["--public-url", "http://127.0.0.1:8080"]).await;
    let reply = server.anonymous.get(BEGIN_PASSKEY).await;
    let problem = reply.assert_problem(400, "PASSKEYS_NOT_CONFIGURED");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("http://localhost"), "{detail}");
}
