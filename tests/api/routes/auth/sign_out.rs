use super::*;

#[apply(on_both_databases)]
async fn sign_out_with_token_is_forbidden(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let script = ada.token(&["read", "write"]).await;
    script.post(SIGN_OUT, json!({})).await.assert_problem(403, "cookie_required");
    let both = server
        .anonymous
        .with_both(ada.browser.cookie.as_ref().unwrap(), script.token.as_ref().unwrap());
    both.post(SIGN_OUT, json!({})).await.assert_problem(403, "cookie_required");
    assert!(is_signed_in(&ada.browser).await);
    assert!(is_signed_in(&script).await);
}

#[apply(on_both_databases)]
async fn csrf_sign_out_from_foreign_origin_is_forbidden(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let cookie = ada.browser.cookie.clone().unwrap();
    for (headers, code) in [
        (vec![("Origin", "http://evil.example")], "INVALID_ORIGIN"),
        (vec![("Origin", "null")], "MISSING_OR_NULL_ORIGIN"),
        (vec![], "MISSING_OR_NULL_ORIGIN"),
        (vec![("Sec-Fetch-Site", "cross-site")], "INVALID_ORIGIN"),
    ] {
        let headers = [headers, vec![("Cookie", cookie.as_str())]].concat();
        let reply = post_with_headers(&server, SIGN_OUT, &headers, &json!({})).await;
        assert_eq!(reply.header("set-cookie"), None);
        reply.assert_problem(403, code);
    }
    assert!(is_signed_in(&ada.browser).await);
}

#[apply(on_both_databases)]
async fn sign_out_without_session_succeeds(backend: Backend) {
    let server = backend.start().await;
    let reply = server.anonymous.post(SIGN_OUT, json!({})).await;
    assert_eq!(reply.header("set-cookie"), None, "there is no cookie to remove");
    assert_eq!(reply.expect(200), json!({ "success": true }));
    let bare = Reply::of(server.anonymous.request(Method::POST, SIGN_OUT)).await;
    assert_eq!(bare.expect(200), json!({ "success": true }));
    let tampered = server.anonymous.with_cookie("portcullis=junk").post(SIGN_OUT, json!({})).await;
    assert_eq!(tampered.expect(200), json!({ "success": true }));
}

#[apply(on_both_databases)]
async fn sign_out_revokes_the_session_and_is_idempotent(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let phone = server.sign_in(&ada).await;
    let script = ada.token(&["read"]).await;
    let reply = ada.browser.post(SIGN_OUT, json!({})).await;
    assert!(reply.removes_cookie());
    assert_eq!(reply.expect(200), json!({ "success": true }));

    ada.browser.get(ME).await.assert_problem(401, "UNAUTHORIZED");
    ada.browser.get(LIST_SESSIONS).await.assert_problem(401, "UNAUTHORIZED");
    assert_eq!(ada.browser.get(GET_SESSION).await.expect(200), Value::Null);
    assert!(is_signed_in(&phone).await, "the session of the other device stays valid");
    assert!(is_signed_in(&script).await, "tokens stay valid");
    let sessions = phone.get(LIST_SESSIONS).await.expect(200);
    assert_eq!(sessions.as_array().unwrap().len(), 1);
    assert_eq!(
        ada.browser.post(SIGN_OUT, json!({})).await.expect(200),
        json!({ "success": true }),
        "a second sign-out is no error"
    );
}

#[apply(on_both_databases)]
async fn sign_out_removes_the_cookie_with_its_original_attributes(backend: Backend) {
    let https: &[&str] = &["--public-url", "https://example.com"];
    for settings in [&[], https] {
        let server = backend.start_with(settings).await;
        let base = server.anonymous.base.clone();
        let origin = if settings.is_empty() { base.as_str() } else { "https://example.com" };
        let signed_up =
            post_with_headers(&server, SIGN_UP, &[("Origin", origin)], &sign_up_body("ada")).await;
        let cookie = signed_up.cookie().unwrap();
        let headers = [("Origin", origin), ("Cookie", cookie.as_str())];
        let signed_out = post_with_headers(&server, SIGN_OUT, &headers, &json!({})).await;

        let (name, value, _) = set_cookie(&signed_out);
        assert_eq!(name, set_cookie(&signed_up).0);
        assert_eq!(value, "");
        let stays = |reply: &Reply| {
            let mut kept = cookie_attributes(reply);
            kept.retain(|text| !text.starts_with("Max-Age=") && !text.starts_with("Expires="));
            kept
        };
        assert_eq!(stays(&signed_out), stays(&signed_up));
        assert!(cookie_attributes(&signed_out).contains(&"Max-Age=0".to_owned()));
        assert!(!is_signed_in(&server.anonymous.with_cookie(&cookie)).await);
    }
}

#[apply(on_both_databases)]
async fn sign_out_by_deactivated_user_ends_the_session(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let phone = server.sign_in(&ada).await;
    deactivate(&admin, &ada).await;
    let reply = ada.browser.post(SIGN_OUT, json!({})).await;
    assert!(reply.removes_cookie());
    assert_eq!(reply.expect(200), json!({ "success": true }));
    reactivate(&admin, &ada).await;
    assert!(!is_signed_in(&ada.browser).await, "the session stays revoked");
    assert!(is_signed_in(&phone).await);
}

#[apply(on_both_databases)]
async fn concurrent_requests_do_not_revive_a_signed_out_session(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for _ in 0..rounds(8) {
        let browser = server.sign_in(&ada).await;
        server.advance(portcullis::time::days(1));
        let (out, _, _) = tokio::join!(
            browser.post(SIGN_OUT, json!({})),
            browser.get(GET_SESSION),
            browser.get(GET_SESSION),
        );
        out.expect(200);
        assert_eq!(browser.get(GET_SESSION).await.expect(200), Value::Null);
    }
}
