//! One test for each row of the gate's table.

use actix_web::{
    App,
    http::header::{AUTHORIZATION, COOKIE, WWW_AUTHENTICATE},
    test::{self, TestRequest},
};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD as STANDARD, BASE64_STANDARD_NO_PAD as STANDARD_NO_PAD},
};
use portcullis::{
    gate::Session,
    pages,
    store::{Database, users},
    time::{days, seconds},
};
use reqwest::Method;

use crate::support::*;

/// An operation that requires authentication.
const REQUIRES_AUTH: &str = "/api/me";
/// An operation where authentication is optional.
const OPTIONAL_AUTH: &str = "/api/dashboard";

#[apply(on_both_databases)]
async fn request_without_credentials_is_unauthorized(backend: Backend) {
    let server = backend.start().await;
    let reply = server.anonymous.get(REQUIRES_AUTH).await;
    assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    reply.assert_problem(401, "UNAUTHORIZED");
    assert_eq!(server.anonymous.get(OPTIONAL_AUTH).await.expect(200), json!({ "signedIn": false }));
}

#[apply(on_both_databases)]
async fn valid_cookie_authenticates_with_a_session_row(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let me = ada.browser.get(REQUIRES_AUTH).await.expect(200);
    assert_eq!(me["user"]["email"], "ada@example.com");
    assert_eq!(me["session"]["userId"], ada.id.as_str());
    let dashboard = ada.browser.get(OPTIONAL_AUTH).await.expect(200);
    assert_eq!(dashboard, json!({ "signedIn": true, "email": "ada@example.com" }));
}

#[apply(on_both_databases)]
async fn valid_token_authenticates_without_a_session_row(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let script = ada.token(&["read"]).await;
    let me = script.get(REQUIRES_AUTH).await.expect(200);
    assert_eq!(me["user"]["email"], "ada@example.com");
    assert_eq!(me["session"], Value::Null);
    assert_eq!(me["scopes"], json!(["read"]));
}

#[apply(on_both_databases)]
async fn tampered_cookie_is_unauthorized_and_is_not_removed(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let cookie = ada.browser.cookie.clone().unwrap();
    // A signature that was checked once is cached: for this cookie and no other.
    for _ in 0..2 {
        ada.browser.get(REQUIRES_AUTH).await.expect(200);
    }
    let (name, value) = cookie.split_once('=').unwrap();
    let flipped = if value.starts_with('A') { 'B' } else { 'A' };
    for tampered in
        [format!("{name}={flipped}{}", &value[1..]), format!("{name}=junk"), format!("{name}=")]
    {
        let caller = server.anonymous.with_cookie(&tampered);
        for reply in [
            caller.navigate(REQUIRES_AUTH).await,
            caller.get("/api/auth/get-session").await,
            caller.get(REQUIRES_AUTH).await,
        ] {
            assert_eq!(reply.header("set-cookie"), None);
        }
        caller.get(REQUIRES_AUTH).await.assert_problem(401, "UNAUTHORIZED");
        caller.get(OPTIONAL_AUTH).await.expect(200);
        // A request with a cookie comes from a browser, whether or not the cookie is valid.
        let sign_out = caller.bare(Method::POST, "/api/auth/sign-out").header("Cookie", &tampered);
        Reply::of(sign_out).await.assert_problem(403, "MISSING_OR_NULL_ORIGIN");
    }
}

#[apply(on_both_databases)]
async fn cookie_signed_with_another_key_is_unauthorized(backend: Backend) {
    let server = backend.start().await;
    let other = backend.start().await;
    let ada = other.sign_up("ada").await;
    let caller = server.anonymous.with_cookie(ada.browser.cookie.as_ref().unwrap());
    caller.get(REQUIRES_AUTH).await.assert_problem(401, "UNAUTHORIZED");
}

#[apply(on_both_databases)]
async fn cookie_of_an_ended_session_is_unauthorized_and_removed_only_by_sign_out(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    ada.browser.post("/api/auth/sign-out", json!({})).await.expect(200);

    let session = "/api/auth/get-session";
    for path in [REQUIRES_AUTH, OPTIONAL_AUTH, session, "/settings", "/login"] {
        for reply in [ada.browser.get(path).await, ada.browser.navigate(path).await] {
            assert_eq!(
                reply.header("set-cookie"),
                None,
                "{path}: this could remove a newer cookie"
            );
        }
    }
    ada.browser.get(REQUIRES_AUTH).await.assert_problem(401, "UNAUTHORIZED");
    assert_eq!(ada.browser.navigate(REQUIRES_AUTH).await.status, 302);
    assert_eq!(ada.browser.get(OPTIONAL_AUTH).await.expect(200)["signedIn"], false);
    assert_eq!(ada.browser.get(session).await.expect(200), Value::Null);
    assert!(ada.browser.post("/api/auth/sign-out", json!({})).await.removes_cookie());
}

#[apply(on_both_databases)]
async fn session_expires_exactly_at_its_idle_timeout(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    server.advance(days(7));
    server.clock.set(server.now() - seconds(1));
    let as_it_is = format!("{REQUIRES_AUTH}?disableRefresh=1");
    ada.browser.get(&as_it_is).await.expect(200);
    server.advance(seconds(1));
    ada.browser.get(&as_it_is).await.assert_problem(401, "UNAUTHORIZED");
    ada.browser.get(REQUIRES_AUTH).await.assert_problem(401, "UNAUTHORIZED");
}

#[apply(on_both_databases)]
async fn malformed_unknown_or_expired_token_is_unauthorized_with_its_reason(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "short", "expiresInDays": 1 })).await;
    let token = created["token"].as_str().unwrap();
    let script = server.anonymous.with_token(token);
    let challenge = Some(r#"Bearer error="invalid_token""#);

    let cut = server.anonymous.with_token(&token[..token.len() - 1]).get(REQUIRES_AUTH).await;
    assert_eq!(cut.header("www-authenticate"), challenge);
    cut.assert_problem(401, "token_malformed");

    server
        .anonymous
        .with_token(&Server::unknown_token())
        .get(REQUIRES_AUTH)
        .await
        .assert_problem(401, "token_invalid");

    server.clock.set(server.now() + days(1) - seconds(1));
    script.get(REQUIRES_AUTH).await.expect(200);
    server.advance(seconds(1));
    let expired = script.get(REQUIRES_AUTH).await;
    assert_eq!(expired.header("www-authenticate"), challenge);
    let problem = expired.assert_problem(401, "token_expired");
    let date = created["expiresAt"].as_str().unwrap();
    assert!(problem["detail"].as_str().unwrap().contains(date), "{problem}");
}

#[apply(on_both_databases)]
async fn revoked_token_is_unauthorized(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "gone" })).await;
    let script = server.anonymous.with_token(created["token"].as_str().unwrap());
    script.get(REQUIRES_AUTH).await.expect(200);
    let path = format!("/api/tokens/{}", created["id"].as_str().unwrap());
    ada.browser.delete(&path).await.expect(204);
    script.get(REQUIRES_AUTH).await.assert_problem(401, "token_invalid");
    assert_eq!(script.get(OPTIONAL_AUTH).await.expect(200)["signedIn"], false);
}

#[apply(on_both_databases)]
async fn malformed_authorization_header_is_unauthorized(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "test" })).await;
    let token = created["token"].as_str().unwrap();
    let long = format!("Bearer {}", "a".repeat(10_000));
    let broken = [
        (token.to_owned(), "token_invalid"),
        (format!("Token {token}"), "token_invalid"),
        (format!("Digest username=\"{token}\""), "token_invalid"),
        (format!("Basic {}", STANDARD.encode(format!("{token}:"))), "token_invalid"),
        (format!("basic {}", STANDARD_NO_PAD.encode(format!("ada:{token}"))), "token_invalid"),
        (String::new(), "token_invalid"),
        ("Basic".to_owned(), "token_invalid"),
        ("Basic eDp5, Bearer junk".to_owned(), "token_invalid"),
        ("Basic eDp5 eDp5".to_owned(), "token_invalid"),
        ("Bearer: junk".to_owned(), "token_invalid"),
        ("Bearer".to_owned(), "token_malformed"),
        ("Bearer ".to_owned(), "token_malformed"),
        (format!("Bearer\t{token}"), "token_invalid"),
        (format!("Bearer {token} {token}"), "token_malformed"),
        (format!("Bearer \"{token}\""), "token_malformed"),
        (long, "token_malformed"),
    ];
    for (header, code) in broken {
        let ask = |path| server.anonymous.bare(Method::GET, path).header("Authorization", &header);
        Reply::of(ask(REQUIRES_AUTH)).await.assert_problem(401, code);
        assert_eq!(Reply::of(ask(OPTIONAL_AUTH)).await.expect(200)["signedIn"], false);
    }
    let bytes = reqwest::header::HeaderValue::from_bytes(b"Bearer \xff\xfe").unwrap();
    Reply::of(server.anonymous.bare(Method::GET, REQUIRES_AUTH).header("Authorization", bytes))
        .await
        .assert_problem(401, "token_malformed");
    for other in ["Bearer x", "Basic eDp5"] {
        let twice = server.anonymous.bare(Method::GET, REQUIRES_AUTH).bearer_auth(token);
        Reply::of(twice.header("Authorization", other))
            .await
            .assert_problem(401, "token_malformed");
    }
    let twice =
        ada.browser.request(Method::GET, REQUIRES_AUTH).header("Authorization", "Basic eDp5");
    let twice = twice.header("Authorization", "Basic eDp5");
    Reply::of(twice).await.assert_problem(401, "token_malformed");
    for scheme in ["bearer", "BEARER", "Bearer  "] {
        let header = format!("{scheme} {token}");
        Reply::of(
            server.anonymous.bare(Method::GET, REQUIRES_AUTH).header("Authorization", header),
        )
        .await
        .expect(200);
    }
}

/// Schemes by which a proxy in front of us asks for a password of its own.
const FOREIGN: [&str; 4] = [
    "Basic c3RhZ2U6Z2VoZWlt",
    "basic eDp5",
    "Negotiate YII=",
    "Digest username=\"stage\", realm=\"a, b\", uri=\"/\", response=\"5f\"",
];

#[apply(on_both_databases)]
async fn authorization_header_of_another_scheme_is_ignored(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let bare = |method: Method, path: &str, header: &str| {
        server.anonymous.bare(method, path).header("Authorization", header)
    };
    let cookie = ada.browser.cookie.as_ref().unwrap();
    let with_cookie = |method: Method, path: &str, header: &str| {
        bare(method, path, header).header("Cookie", cookie)
    };
    let (own, foreign) = (server.anonymous.base.as_str(), "http://evil.example");
    for header in FOREIGN {
        Reply::of(bare(Method::GET, REQUIRES_AUTH, header))
            .await
            .assert_problem(401, "UNAUTHORIZED");
        let optional = Reply::of(bare(Method::GET, OPTIONAL_AUTH, header)).await;
        assert_eq!(optional.expect(200)["signedIn"], false);
        let page = bare(Method::GET, "/api/settings", header).header("Accept", "text/html");
        assert_eq!(Reply::of(page).await.status, 302, "{header}");

        let me = Reply::of(with_cookie(Method::GET, REQUIRES_AUTH, header)).await;
        assert_eq!(me.expect(200)["user"]["email"], "ada@example.com", "{header}");
        let token = json!({ "name": "x" });
        let post = |origin: &str| {
            let request = with_cookie(Method::POST, TOKENS, header).json(&token);
            Reply::of(request.header("Origin", origin))
        };
        post(own).await.expect(201);
        post(foreign).await.assert_problem(403, "INVALID_ORIGIN");
        let no_origin = with_cookie(Method::POST, TOKENS, header).json(&token);
        Reply::of(no_origin).await.assert_problem(403, "MISSING_OR_NULL_ORIGIN");
        let body = json!({ "email": ada.email, "password": PASSWORD });
        let sign_in = bare(Method::POST, "/api/auth/sign-in/email", header).json(&body);
        let sign_in = sign_in.header("Origin", foreign);
        Reply::of(sign_in).await.assert_problem(403, "INVALID_ORIGIN");
    }
}

#[apply(on_both_databases)]
async fn sign_in_and_sign_out_beside_another_scheme_act_on_the_cookie(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for header in FOREIGN {
        let ask = |caller: &Caller, path, body: Value| {
            let request = caller.request(Method::POST, path).json(&body);
            Reply::of(request.header("Authorization", header))
        };
        let before = server.sign_in(&ada).await;
        let body = json!({ "email": ada.email, "password": PASSWORD });
        let reply = ask(&before, "/api/auth/sign-in/email", body).await;
        let after = server.anonymous.with_cookie(&reply.cookie().unwrap());
        reply.expect(200);
        before.get(REQUIRES_AUTH).await.assert_problem(401, "UNAUTHORIZED");
        after.get(REQUIRES_AUTH).await.expect(200);

        let reply = ask(&after, "/api/auth/sign-out", json!({})).await;
        assert!(reply.removes_cookie(), "{header}");
        after.get(REQUIRES_AUTH).await.assert_problem(401, "UNAUTHORIZED");
    }
}

#[apply(on_both_databases)]
async fn deactivated_user_is_unauthorized_with_cookie_and_token(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let script = ada.token(&["read", "write"]).await;
    let phone = server.sign_in(&ada).await;
    let user = format!("/api/admin/users/{}", ada.id);

    admin.browser.post(&format!("{user}/deactivate"), json!({})).await.expect(200);
    for browser in [&ada.browser, &phone] {
        for reply in [
            browser.get(REQUIRES_AUTH).await,
            browser.navigate(OPTIONAL_AUTH).await,
            browser.get("/api/auth/get-session").await,
        ] {
            assert_eq!(reply.header("set-cookie"), None, "the cookie is not set or removed");
        }
        browser.get(REQUIRES_AUTH).await.assert_problem(401, "UNAUTHORIZED");
        assert_eq!(browser.get(OPTIONAL_AUTH).await.expect(200)["signedIn"], false);
    }
    script.get(REQUIRES_AUTH).await.assert_problem(401, "token_invalid");
    script.delete(CURRENT_TOKEN).await.assert_problem(401, "token_invalid");

    admin.browser.post(&format!("{user}/reactivate"), json!({})).await.expect(200);
    for caller in [&ada.browser, &phone, &script] {
        caller.get(REQUIRES_AUTH).await.expect(200);
    }
}

#[apply(on_both_databases)]
async fn token_takes_precedence_over_the_cookie_even_if_invalid(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let token = ada.token(&["read"]).await.token.unwrap();
    let cookie = grace.browser.cookie.as_ref().unwrap();

    let both = server.anonymous.with_both(cookie, &token);
    assert_eq!(both.get(REQUIRES_AUTH).await.expect(200)["user"]["email"], "ada@example.com");
    for bad in [Server::unknown_token(), "junk".to_owned()] {
        let both = server.anonymous.with_both(cookie, &bad);
        assert_eq!(
            both.get(REQUIRES_AUTH).await.status,
            401,
            "a bad token does not fall back to the cookie"
        );
        assert_eq!(both.get(OPTIONAL_AUTH).await.expect(200)["signedIn"], false);
    }
}

#[apply(on_both_databases)]
async fn sign_in_and_sign_out_beside_an_invalid_token_ignore_the_cookie(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let cookie = ada.browser.cookie.as_ref().unwrap();
    for header in ["Bearer junk", "Basic eDp5, Bearer junk", ""] {
        let ask = |path, body: Value, origin: &str| {
            let request =
                server.anonymous.bare(Method::POST, path).json(&body).header("Origin", origin);
            Reply::of(request.header("Cookie", cookie).header("Authorization", header))
        };
        let sign_in = json!({ "email": ada.email, "password": PASSWORD });
        ask("/api/auth/sign-out", json!({}), "http://evil.example")
            .await
            .assert_problem(403, "INVALID_ORIGIN");
        ask("/api/auth/sign-in/email", sign_in.clone(), "http://evil.example")
            .await
            .assert_problem(403, "INVALID_ORIGIN");
        let reply = ask("/api/auth/sign-out", json!({}), &server.anonymous.base).await;
        assert_eq!(reply.header("set-cookie"), None);
        reply.expect(200);
        ask("/api/auth/sign-in/email", sign_in, &server.anonymous.base).await.expect(200);
        ada.browser.get(REQUIRES_AUTH).await.expect(200);
    }
}

#[apply(on_both_databases)]
async fn cookie_value_sent_as_a_token_is_unauthorized(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let cookie = ada.browser.cookie.clone().unwrap();
    let value = cookie.split_once('=').unwrap().1;
    server
        .anonymous
        .with_token(value)
        .get(REQUIRES_AUTH)
        .await
        .assert_problem(401, "token_malformed");
}

#[apply(on_both_databases)]
async fn csrf_write_from_a_foreign_origin_with_the_cookie_is_forbidden(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up_admin("ada").await;
    let path = reactivation(&ada.id);
    let token = ada.token(&["write", "admin"]).await.token.unwrap();
    let cookie = ada.browser.cookie.clone().unwrap();
    let port = server.anonymous.base.rsplit(':').next().unwrap();
    let ours = [format!("http://127.0.0.1:{port}"), format!("http://localhost:{port}")];
    let ask = |headers: &[(&str, &str)]| {
        let mut request = server.anonymous.bare(Method::POST, &path).json(&json!({}));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Reply::of(request)
    };
    let with_cookie = ("Cookie", cookie.as_str());
    for origin in &ours {
        ask(&[with_cookie, ("Origin", origin)]).await.expect(200);
        ask(&[with_cookie, ("Origin", origin), ("Sec-Fetch-Site", "same-origin")])
            .await
            .expect(200);
        ask(&[with_cookie, ("Referer", &format!("{origin}/docs/"))]).await.expect(200);
    }
    ask(&[with_cookie, ("Sec-Fetch-Site", "same-origin")]).await.expect(200);
    ask(&[with_cookie, ("Sec-Fetch-Site", "none")]).await.expect(200);

    let evil = [
        "http://evil.example",
        "https://127.0.0.1",
        "http://127.0.0.1:1",
        "http://localhost.evil.example",
        "garbage",
    ];
    for origin in evil {
        ask(&[with_cookie, ("Origin", origin)]).await.assert_problem(403, "INVALID_ORIGIN");
        ask(&[with_cookie, ("Origin", origin), ("Sec-Fetch-Site", "same-origin")])
            .await
            .assert_problem(403, "INVALID_ORIGIN");
    }
    ask(&[with_cookie, ("Origin", "null")]).await.assert_problem(403, "MISSING_OR_NULL_ORIGIN");
    ask(&[with_cookie]).await.assert_problem(403, "MISSING_OR_NULL_ORIGIN");
    ask(&[with_cookie, ("Sec-Fetch-Site", "cross-site")])
        .await
        .assert_problem(403, "INVALID_ORIGIN");
    ask(&[with_cookie, ("Sec-Fetch-Site", "same-site")])
        .await
        .assert_problem(403, "INVALID_ORIGIN");
    ask(&[with_cookie, ("Referer", "http://evil.example/")])
        .await
        .assert_problem(403, "INVALID_ORIGIN");
    ask(&[with_cookie, ("Host", "evil.example"), ("Origin", "http://evil.example")])
        .await
        .assert_problem(403, "INVALID_ORIGIN");

    ask(&[("Origin", "http://evil.example")]).await.assert_problem(401, "UNAUTHORIZED");

    let bearer = format!("Bearer {token}");
    ask(&[("Authorization", &bearer), ("Origin", "http://evil.example")]).await.expect(200);
    ask(&[("Authorization", &bearer), with_cookie, ("Origin", "http://evil.example")])
        .await
        .expect(200);
    // A browser does not add this header by itself, so a caller with a bad one is told what is wrong with it.
    ask(&[("Authorization", "Bearer junk"), ("Origin", "http://evil.example")])
        .await
        .assert_problem(401, "token_malformed");
    let sign_out = server.anonymous.bare(Method::POST, "/api/auth/sign-out");
    let sign_out = sign_out.bearer_auth(&token).header("Origin", "http://evil.example");
    Reply::of(sign_out).await.assert_problem(403, "cookie_required");
}

#[apply(on_both_databases)]
async fn csrf_check_accepts_only_trusted_origins_and_the_public_url(backend: Backend) {
    let settings = [
        "--public-url",
        "https://api.example.com",
        "--trusted-origins",
        "https://app.example.com, https://admin.example.com:8443",
    ];
    let server = backend.start_with(&settings).await;
    let sign_up = async |origin: &str, name: &str| {
        let body =
            json!({ "name": name, "email": format!("{name}@example.com"), "password": PASSWORD });
        let request =
            server.anonymous.bare(Method::POST, "/api/auth/sign-up/email").header("Origin", origin);
        Reply::of(request.json(&body)).await
    };
    for (number, origin) in
        ["https://api.example.com", "https://app.example.com", "https://admin.example.com:8443"]
            .iter()
            .enumerate()
    {
        let reply = sign_up(origin, &format!("u{number}")).await;
        let set = reply.header("set-cookie").unwrap().to_owned();
        assert!(set.starts_with("__Host-portcullis=") && set.contains("; Secure"), "{set}");
        reply.expect(200);
    }
    for origin in [
        server.anonymous.base.as_str(),
        "http://api.example.com",
        "https://admin.example.com",
        "https://example.com",
    ] {
        sign_up(origin, "evil").await.assert_problem(403, "INVALID_ORIGIN");
    }
}

#[apply(on_both_databases)]
async fn token_without_the_scope_is_forbidden_and_not_unauthorized(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up_admin("ada").await;
    let write = reactivation(&ada.id);
    let reader = ada.token(&["read", "admin"]).await;
    let writer = ada.token(&["write", "admin"]).await;

    let reply = reader.post(&write, json!({})).await;
    assert_eq!(
        reply.header("www-authenticate"),
        Some(r#"Bearer error="insufficient_scope", scope="write admin""#)
    );
    reply.assert_problem(403, "insufficient_scope");
    reader.get(TOKENS).await.expect(200);
    writer.post(&write, json!({})).await.expect(200);
    let reply = writer.get(TOKENS).await;
    assert_eq!(
        reply.header("www-authenticate"),
        Some(r#"Bearer error="insufficient_scope", scope="read""#)
    );
    reply.assert_problem(403, "insufficient_scope");
    writer.get(OPTIONAL_AUTH).await.assert_problem(403, "insufficient_scope");
}

portcullis::scope!(
    /// A scope that no token can be given, because no component has it.
    Reports = "reports", "see reports"
);

/// A read that requires more of a token than `read`.
async fn read_with_a_scope_of_its_own(session: Session, _: Reports) -> String {
    session.user.email.clone()
}

#[apply(on_both_databases)]
async fn token_needs_the_additional_scope_of_an_operation(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let state = server.state.clone();
    let keys = state.config.signing_keys(&state.config.data.location().unwrap()).unwrap();
    let route = pages::page("/own", read_with_a_scope_of_its_own, &state, &keys);
    let app = test::init_service(App::new().app_data(state).service(route)).await;
    let bearer = |caller: Caller| (AUTHORIZATION, format!("Bearer {}", caller.token.unwrap()));
    for (key, status) in [
        (None, 401),
        (Some((COOKIE, ada.browser.cookie.clone().unwrap())), 200),
        (Some(bearer(ada.token(&["read", "write"]).await)), 403),
    ] {
        let request = TestRequest::get().uri("/own").peer_addr("127.0.0.1:1".parse().unwrap());
        let request = key.into_iter().fold(request, TestRequest::insert_header);
        let response = test::call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), status);
        if status == 403 {
            let expected = r#"Bearer error="insufficient_scope", scope="read reports""#;
            assert_eq!(response.headers().get(WWW_AUTHENTICATE).unwrap(), expected);
        }
    }
}

#[apply(on_both_databases)]
async fn malformed_body_without_credentials_is_unauthorized(backend: Backend) {
    let server = backend.start().await;
    let junk = server
        .anonymous
        .request(Method::POST, TOKENS)
        .header("Content-Type", "application/json")
        .body("{not json");
    Reply::of(junk).await.assert_problem(401, "UNAUTHORIZED");
}

#[apply(on_both_databases)]
async fn database_outage_is_unavailable_and_not_unauthorized(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let script = ada.token(&["read"]).await;
    break_store(&server).await;
    for caller in [&ada.browser, &script] {
        for reply in [
            caller.get(REQUIRES_AUTH).await,
            caller.get(OPTIONAL_AUTH).await,
            caller.navigate(REQUIRES_AUTH).await,
        ] {
            assert!(reply.header("retry-after").is_some());
            assert_eq!(reply.header("set-cookie"), None);
            assert_eq!(reply.header("location"), None);
            reply.assert_problem(503, "store_unavailable");
        }
    }
    assert_eq!(
        server.anonymous.get(OPTIONAL_AUTH).await.expect(200)["signedIn"],
        false,
        "a request without a credential needs no lookup"
    );
}

/// A function for PostgreSQL that fails as in an outage.
pub const OUT_OF_MEMORY: &str = "CREATE FUNCTION out_of_memory() RETURNS BOOLEAN LANGUAGE plpgsql AS \
     $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53200', MESSAGE = 'out of memory'; END $$;";

/// Makes every lookup of a credential fail as in an outage, and waits until no cached credential is left.
pub async fn break_store(server: &Server) {
    match server.state.store.database() {
        Database::Sqlite(_) => {
            let file = server.folder.join("portcullis.db");
            std::fs::rename(&file, file.with_extension("away")).unwrap();
        }
        Database::Postgres(_) => {
            let views = ["sessions", "api_tokens", "epoch"].map(|table| {
                format!(
                    "ALTER TABLE {table} RENAME TO {table}_behind;
                     CREATE VIEW {table} AS SELECT * FROM {table}_behind WHERE out_of_memory();"
                )
            });
            let sql = format!("{OUT_OF_MEMORY} {}", views.concat());
            execute(server, &sql).await;
        }
    }
    tokio::time::sleep(std::time::Duration::from_millis(330)).await;
    let _ = users::any_active_admin(&server.state.store).await;
}

#[apply(on_both_databases)]
async fn clock_set_back_neither_ends_nor_revives_a_session(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let script = ada.token(&["read"]).await;
    server.advance(days(8));
    let browser = server.sign_in(&ada).await;
    server.clock.set(server.now() - days(1));
    for caller in [&browser, &script] {
        caller.get(REQUIRES_AUTH).await.expect(200);
    }
    browser.get("/api/auth/get-session").await.expect(200);
    ada.browser.get(REQUIRES_AUTH).await.assert_problem(401, "UNAUTHORIZED");
    server.advance(days(1));
    browser.get(REQUIRES_AUTH).await.expect(200);
}
