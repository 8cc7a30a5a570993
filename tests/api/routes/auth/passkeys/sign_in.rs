use super::*;

#[apply(on_both_databases)]
async fn passkey_signs_in_without_an_email_and_records_the_method(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for passkey in [server.passkey(), server.passkey().with_ed25519()] {
        let mut passkey = ada.add(passkey).await;
        let (browser, options) = server.anonymous.begin_ceremony(BEGIN_PASSKEY).await;
        assert_eq!(options["rpId"], "localhost");
        assert_eq!(options["userVerification"], "preferred");
        assert_eq!(options.get("allowCredentials"), None, "it names no passkey to a stranger");
        let body = json!({ "response": passkey.sign(&options) });
        let reply = browser.post(FINISH_PASSKEY, body).await;
        let cookie = reply.cookie().expect("the session cookie is set");
        let body = reply.expect(200);
        assert_eq!(body["user"]["id"], ada.id);
        assert_eq!(body["session"]["userId"], ada.id);
        let browser = server.anonymous.with_cookie(&cookie);
        let me = browser.get(ME).await.expect(200);
        assert_eq!(me["session"]["amr"], json!(["pop", "user", "mfa"]));
        assert_eq!(actions(&server, &ada).await[0], "signed-in");
    }
    let used: Vec<_> =
        passkeys_of(&ada).await.iter().map(|row| row["lastUsedAt"].is_string()).collect();
    assert_eq!(used, [true, true]);
}

#[apply(on_both_databases)]
async fn sign_in_by_another_page_for_another_site_or_challenge_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let mut passkey = ada.add(server.passkey()).await;
    let evil = "https://evil.example".to_owned();
    let (origin, rp_id) = (passkey.origin.clone(), passkey.rp_id.clone());
    let port = format!("{origin}0");
    for wrong in [&evil, &port, &server.anonymous.base] {
        passkey.origin.clone_from(wrong);
        let reply = server.anonymous.use_passkey(&mut passkey).await;
        reply.assert_problem(400, "AUTHENTICATION_FAILED");
    }
    passkey.origin = origin;
    passkey.rp_id = "evil.example".into();
    let reply = server.anonymous.use_passkey(&mut passkey).await;
    reply.assert_problem(400, "AUTHENTICATION_FAILED");
    passkey.rp_id = rp_id;
    passkey.kind = Some("webauthn.create");
    let reply = server.anonymous.use_passkey(&mut passkey).await;
    reply.assert_problem(400, "AUTHENTICATION_FAILED");
    passkey.kind = None;
    passkey.challenge = Some("AAAAAAAAAAAAAAAAAAAAAA".to_owned());
    let reply = server.anonymous.use_passkey(&mut passkey).await;
    reply.assert_problem(400, "AUTHENTICATION_FAILED");
    passkey.challenge = None;
    passkey.user_present = false;
    let reply = server.anonymous.use_passkey(&mut passkey).await;
    reply.assert_problem(400, "AUTHENTICATION_FAILED");
    passkey.user_present = true;
    // Whether a passkey may be copied is fixed when it is created.
    (passkey.backup_eligible, passkey.backed_up) = (false, false);
    let reply = server.anonymous.use_passkey(&mut passkey).await;
    reply.assert_problem(400, "AUTHENTICATION_FAILED");
    (passkey.backup_eligible, passkey.backed_up) = (true, false);
    server.anonymous.use_passkey(&mut passkey).await.expect(200);
    assert_eq!(passkeys_of(&ada).await[0]["backedUp"], false);
}

#[apply(on_both_databases)]
async fn sign_in_with_an_unknown_passkey_or_a_wrong_key_or_user_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let passkey = ada.add(server.passkey()).await;
    let of_grace = grace.add(server.passkey()).await;
    let mut stranger = server.passkey();
    stranger.user_handle.clone_from(&passkey.user_handle);
    let reply = server.anonymous.use_passkey(&mut stranger).await;
    reply.assert_problem(401, "PASSKEY_NOT_FOUND");
    // Another key under the same id.
    stranger.credential_id.clone_from(&passkey.credential_id);
    let reply = server.anonymous.use_passkey(&mut stranger).await;
    reply.assert_problem(400, "AUTHENTICATION_FAILED");
    // The right key, with the handle of another user, or with none.
    let mut passkey = passkey;
    passkey.user_handle = of_grace.user_handle;
    let reply = server.anonymous.use_passkey(&mut passkey).await;
    reply.assert_problem(400, "AUTHENTICATION_FAILED");
    passkey.user_handle = None;
    let reply = server.anonymous.use_passkey(&mut passkey).await;
    reply.assert_problem(400, "AUTHENTICATION_FAILED");
    let (browser, _) = server.anonymous.begin_ceremony(BEGIN_PASSKEY).await;
    let junk = browser.post(FINISH_PASSKEY, json!({ "response": {} })).await;
    junk.assert_problem(400, "AUTHENTICATION_FAILED");
}

#[apply(on_both_databases)]
async fn sign_in_ceremony_is_used_once_in_one_browser_within_five_minutes(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let mut passkey = ada.add(server.passkey()).await;
    let (browser, options) = server.anonymous.begin_ceremony(BEGIN_PASSKEY).await;
    let body = json!({ "response": passkey.sign(&options) });
    for other in [server.anonymous.clone(), server.anonymous.begin_ceremony(BEGIN_PASSKEY).await.0]
    {
        let reply = other.post(FINISH_PASSKEY, body.clone()).await;
        let code =
            if other.cookie.is_some() { "AUTHENTICATION_FAILED" } else { "CHALLENGE_NOT_FOUND" };
        reply.assert_problem(400, code);
    }
    browser.post(FINISH_PASSKEY, body.clone()).await.expect(200);
    browser.post(FINISH_PASSKEY, body).await.assert_problem(400, "CHALLENGE_NOT_FOUND");

    let (browser, options) = server.anonymous.begin_ceremony(BEGIN_PASSKEY).await;
    let body = json!({ "response": passkey.sign(&options) });
    server.advance(seconds(5 * 60));
    browser.post(FINISH_PASSKEY, body).await.assert_problem(400, "CHALLENGE_NOT_FOUND");
    // A failed response has used the ceremony as well.
    let (browser, options) = server.anonymous.begin_ceremony(BEGIN_PASSKEY).await;
    let right = passkey.sign(&options);
    passkey.rp_id = "evil.example".into();
    let wrong = json!({ "response": passkey.sign(&options) });
    browser.post(FINISH_PASSKEY, wrong).await.assert_problem(400, "AUTHENTICATION_FAILED");
    let reply = browser.post(FINISH_PASSKEY, json!({ "response": right })).await;
    reply.assert_problem(400, "CHALLENGE_NOT_FOUND");
    // Nor does the ceremony of a registration sign in.
    let (browser, options) = ada.browser.begin_ceremony(BEGIN_REGISTRATION).await;
    passkey.rp_id = "localhost".into();
    let body = json!({ "response": passkey.sign(&options) });
    browser.post(FINISH_PASSKEY, body).await.assert_problem(400, "CHALLENGE_NOT_FOUND");
}

#[apply(on_both_databases)]
async fn concurrent_responses_to_one_ceremony_begin_one_session(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let mut passkey = ada.add(server.passkey()).await;
    let count = format!("SELECT id AS value FROM sessions WHERE user_id = '{}'", ada.id);
    let before = select(&server, &count).await.len();
    let (browser, options) = server.anonymous.begin_ceremony(BEGIN_PASSKEY).await;
    let body = json!({ "response": passkey.sign(&options) });
    let sent = (0..8).map(|_| browser.post(FINISH_PASSKEY, body.clone()));
    let replies = futures_util::future::join_all(sent).await;
    let succeeded = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(succeeded, 1);
    assert_eq!(select(&server, &count).await.len(), before + 1);
}

#[apply(on_both_databases)]
async fn signature_counter_must_grow_and_a_regression_is_recorded(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let mut passkey = ada.add(server.passkey().with_counter()).await;
    server.anonymous.use_passkey(&mut passkey).await.expect(200);
    assert_eq!(passkeys_of(&ada).await[0]["counter"], 2);
    for counter in [0, 1] {
        // The next use signs this number and one more; the last one was 2.
        passkey.counter = counter;
        let reply = server.anonymous.use_passkey(&mut passkey).await;
        reply.assert_problem(400, "AUTHENTICATION_FAILED");
    }
    assert_eq!(passkeys_of(&ada).await[0]["counter"], 2);
    server.state.rejections.flush(&server.state.store, server.now()).await.unwrap();
    assert_eq!(actions(&server, &ada).await[0], "passkey-rejected");
    passkey.counter = 2;
    server.anonymous.use_passkey(&mut passkey).await.expect(200);
}

#[apply(on_both_databases)]
async fn concurrent_responses_with_one_signature_counter_begin_one_session(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let mut passkey = ada.add(server.passkey().with_counter()).await;
    let mut bodies = Vec::new();
    for _ in 0..4 {
        let (browser, options) = server.anonymous.begin_ceremony(BEGIN_PASSKEY).await;
        passkey.counter = 1;
        bodies.push((browser, json!({ "response": passkey.sign(&options) })));
    }
    let sent = bodies.iter().map(|(browser, body)| browser.post(FINISH_PASSKEY, body.clone()));
    let replies = futures_util::future::join_all(sent).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
}

#[apply(on_both_databases)]
async fn passkey_of_a_deactivated_user_or_an_unverified_email_does_not_sign_in(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let mut passkey = ada.add(server.passkey()).await;
    deactivate(&admin, &ada).await;
    let reply = server.anonymous.use_passkey(&mut passkey).await;
    assert_eq!(reply.cookie(), None);
    reply.assert_problem(403, "USER_DEACTIVATED");

    let strict = backend.start_with(&["--email-verification", "required"]).await;
    let grace = verification_required::confirmed(&strict, "grace").await;
    let mut passkey = grace.add(strict.passkey()).await;
    let sql = format!("UPDATE users SET email_verified = FALSE WHERE id = '{}'", grace.id);
    execute(&strict, &sql).await;
    let reply = strict.anonymous.use_passkey(&mut passkey).await;
    reply.assert_problem(403, "EMAIL_NOT_VERIFIED");
}

#[apply(on_both_databases)]
async fn only_a_passkey_with_user_verification_stands_for_both_factors(backend: Backend) {
    let server = backend.start().await;
    let mut ada = server.sign_up("ada").await;
    let app = ada.enable_two_factor(&server).await;
    let mut verified = ada.add(server.passkey()).await;
    let mut present = ada.add(server.passkey().without_verification()).await;
    let browser = signed_in(&server, server.anonymous.use_passkey(&mut verified).await);
    let me = browser.get(ME).await.expect(200);
    assert_eq!(me["session"]["amr"], json!(["pop", "user", "mfa"]));
    // It has proved the second factor: no code is needed now.
    let body = json!({ "password": PASSWORD });
    browser.post("/api/auth/two-factor/get-totp-uri", body).await.expect(200);

    let reply = server.anonymous.use_passkey(&mut present).await;
    assert_eq!(reply.cookie(), None, "there is no session yet");
    let challenge = reply.cookie_named(CHALLENGE).expect("the cookie of the challenge is set");
    let body = reply.expect(200);
    assert_eq!(body, json!({ "twoFactorRedirect": true, "twoFactorMethods": ["totp"] }));
    let browser = server.anonymous.with_cookie(&challenge);
    let code = json!({ "code": app.code(server.now()) });
    let browser = signed_in(&server, browser.post("/api/auth/two-factor/verify-totp", code).await);
    let me = browser.get(ME).await.expect(200);
    assert_eq!(me["session"]["amr"], json!(["otp", "pop", "user", "mfa"]));
}

#[apply(on_both_databases)]
async fn passkey_without_user_verification_signs_in_as_one_factor(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let mut passkey = ada.add(server.passkey().without_verification()).await;
    let browser = signed_in(&server, server.anonymous.use_passkey(&mut passkey).await);
    let me = browser.get(ME).await.expect(200);
    assert_eq!(me["session"]["amr"], json!(["pop", "user"]));
}

#[apply(on_both_databases)]
async fn passkey_session_must_set_up_two_factor_authentication_where_all_users_must(
    backend: Backend,
) {
    let server = backend.start_with(&["--two-factor", "all"]).await;
    let mut ada = server.sign_up("ada").await;
    let reply = ada.browser.get(BEGIN_REGISTRATION).await;
    reply.assert_problem(403, "two_factor_enrolment_required");
    ada.enable_two_factor(&server).await;
    let mut passkey = ada.add(server.passkey()).await;
    let off = format!("UPDATE users SET two_factor_enabled = FALSE WHERE id = '{}'", ada.id);
    execute(&server, &off).await;
    let browser = signed_in(&server, server.anonymous.use_passkey(&mut passkey).await);
    browser.get(BEGIN_REGISTRATION).await.assert_problem(403, "two_factor_enrolment_required");
    browser.get(TOKENS).await.assert_problem(403, "two_factor_enrolment_required");
}

#[apply(on_both_databases)]
async fn proof_of_an_unverified_email_removes_passkeys(backend: Backend) {
    let server = backend.start().await;
    let squatter = server.sign_up("victim").await;
    let mut passkey = squatter.add(server.passkey()).await;
    let body = json!({ "email": squatter.email });
    server.anonymous.post("/api/auth/sign-in/magic-link", body).await.expect(200);
    let secret = server.last_mail_to(&squatter.email).await.secret();
    let body = json!({ "token": secret });
    server.anonymous.post("/api/auth/magic-link/verify", body).await.expect(200);
    let reply = server.anonymous.use_passkey(&mut passkey).await;
    reply.assert_problem(401, "PASSKEY_NOT_FOUND");
}

#[apply(on_both_databases)]
async fn password_reset_removes_passkeys_of_a_verified_user_as_well(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let verify = server.last_mail_to(&ada.email).await.secret();
    confirm_email(&server.anonymous, &verify).await.expect(200);
    let mut passkey = ada.add(server.passkey()).await;
    let reset = reset_link(&server, &ada.email).await;
    reset_password(&server, &reset, NEW_PASSWORD).await.expect(200);
    let reply = server.anonymous.use_passkey(&mut passkey).await;
    reply.assert_problem(401, "PASSKEY_NOT_FOUND");
}

#[apply(on_both_databases)]
async fn verification_link_that_a_scanner_may_have_followed_removes_passkeys(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let link = server.last_mail_to(&ada.email).await.secret();
    let mut passkey = ada.add(server.passkey()).await;
    let path = format!("{VERIFY_EMAIL}?token={link}");
    Reply::of(server.anonymous.bare(Method::GET, &path)).await.expect(200);
    let reply = server.anonymous.use_passkey(&mut passkey).await;
    reply.assert_problem(401, "PASSKEY_NOT_FOUND");
}

#[apply(on_both_databases)]
async fn expired_passkey_ceremonies_are_deleted(backend: Backend) {
    let server = backend.start().await;
    server.anonymous.begin_ceremony(BEGIN_PASSKEY).await;
    let count = "SELECT purpose AS value FROM passkey_ceremonies";
    assert_eq!(select(&server, count).await, ["sign-in"]);
    server.advance(seconds(5 * 60));
    server.delete_old_rows(days(365)).await;
    assert!(select(&server, count).await.is_empty());
}
