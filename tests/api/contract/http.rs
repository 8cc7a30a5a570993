//! Rules of HTTP that hold for every request and every path.

use reqwest::{Method, header::HeaderValue};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::*;

#[apply(on_both_databases)]
async fn unknown_path_or_malformed_id_is_a_not_found_problem(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for path in
        ["/api", "/api/", "/api/nothing", "/nothing", "/api/tokens/not-an-id", "/api/tokens/%00"]
    {
        ada.browser.get(path).await.assert_problem(404, "not_found");
    }
}

#[apply(on_both_databases)]
async fn unmatched_path_is_not_found_without_checking_credentials(backend: Backend) {
    let server = backend.start().await;
    let junk = server.anonymous.with_cookie("portcullis=junk").with_token("junk");
    let reply = junk.navigate("/api/nothing").await;
    assert_eq!(reply.header("set-cookie"), None);
    reply.assert_problem(404, "not_found");
}

#[apply(on_both_databases)]
async fn alternative_path_spelling_is_unauthorized_or_not_found(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for path in [
        "//api/me",
        "/api//me",
        "/api/me/",
        "/./api/me",
        "/api/../api/me",
        "/API/me",
        "/api/%6de",
        "/api/me%2f",
        "/api;x/me",
    ] {
        let seen =
            raw(&server, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
                .await;
        let status = seen.split(' ').nth(1).unwrap();
        assert!(["401", "404"].contains(&status), "{path}: {seen}");
    }
    ada.browser.get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn unsupported_method_is_not_allowed_and_names_the_allowed_methods(backend: Backend) {
    let server = backend.start().await;
    let document = server.anonymous.get("/openapi.json").await.expect(200);
    for operation in Operation::all(&document) {
        let path = operation.path.replace("{id}", "019ab000-0000-7000-8000-000000000000");
        for method in ["TRACE", "PUT", "BREW"] {
            let method: Method = method.parse().unwrap();
            let reply = Reply::of(server.anonymous.request(method, &path)).await;
            let allowed = reply.header("allow").expect("405 has an Allow header").to_owned();
            assert!(
                allowed.split(", ").any(|allowed| allowed == operation.method.as_str()),
                "{path}: {allowed}"
            );
            reply.assert_problem(405, "method_not_allowed");
        }
    }
}

#[apply(on_both_databases)]
async fn head_request_is_authenticated_and_answered_like_get(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    assert_eq!(Reply::of(server.anonymous.request(Method::HEAD, "/api/me")).await.status, 401);
    for path in ["/openapi.json", "/docs", "/login"] {
        let status = Reply::of(server.anonymous.request(Method::HEAD, path)).await.status;
        assert_eq!(status, server.anonymous.get(path).await.status, "{path}");
    }
    let head = Reply::of(ada.browser.request(Method::HEAD, "/api/me")).await;
    let get = ada.browser.get("/api/me").await;
    assert_eq!(head.status, 200);
    assert_eq!(head.text, "");
    assert_eq!(head.header("content-length"), get.header("content-length"));
}

#[apply(on_both_databases)]
async fn every_response_has_a_request_id_and_security_headers(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let replies = [
        ada.browser.get("/api/me").await,
        server.anonymous.get("/api/me").await,
        server.anonymous.get("/nothing").await,
        server.anonymous.get("/openapi.json").await,
        server.anonymous.get("/docs/").await,
        server.anonymous.get("/health/live").await,
    ];
    for reply in &replies {
        assert!(reply.header("x-request-id").is_some());
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(reply.header("x-frame-options"), Some("DENY"));
        assert_eq!(reply.header("strict-transport-security"), None, "http on localhost");
    }
    for reply in &replies[..2] {
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
    let id = replies[1].header("x-request-id").unwrap();
    assert_eq!(replies[1].json()["requestId"], id);
}

#[apply(on_both_databases)]
async fn client_request_id_is_echoed_if_plain_and_replaced_otherwise(backend: Backend) {
    let server = backend.start().await;
    let ask = |id: &[u8]| {
        let id = HeaderValue::from_bytes(id).unwrap();
        Reply::of(server.anonymous.request(Method::GET, "/api/me").header("X-Request-Id", id))
    };
    for id in ["a3f2b1c4d5e6f7a8b9c0d1e2f3a4b5c6", "01JABC.fra_1-x", &"a".repeat(128)] {
        let reply = ask(id.as_bytes()).await;
        assert_eq!(reply.header("x-request-id"), Some(id));
        assert_eq!(reply.expect(401)["requestId"], id);
    }
    for id in [&b""[..], b"a b", b"a\tb", b"{\"id\":1}", b"\xff", &[b'a'; 129]] {
        let reply = ask(id).await;
        let ours = reply.header("x-request-id").unwrap().to_owned();
        assert_eq!(ours.len(), 36, "{ours}");
        assert_eq!(reply.expect(401)["requestId"], ours.as_str());
    }
}

#[apply(on_both_databases)]
async fn response_is_not_cacheable_for_any_path_spelling(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for path in ["/api/me", "/%61pi/me", "/nothing", "/login"] {
        let reply = ada.browser.get(path).await;
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}: {}", reply.status);
    }
}

#[apply(on_both_databases)]
async fn malformed_email_is_invalid_at_sign_in_and_sign_up(backend: Backend) {
    let server = backend.start().await;
    for email in [
        "a@\0[1.1.1.1]",
        "a@\r\nx[1.1.1.1]",
        "a@\u{1b}[31m[::1]",
        "a@[127.0.0.1]",
        "a b@example.com",
        "a@b@example.com",
        "a..b@example.com",
        ".a@example.com",
        "a.@example.com",
    ] {
        let sign_in = json!({ "email": email, "password": PASSWORD });
        server
            .anonymous
            .post("/api/auth/sign-in/email", sign_in)
            .await
            .assert_problem(400, "INVALID_EMAIL");
        let sign_up = json!({ "name": "x", "email": email, "password": PASSWORD });
        server
            .anonymous
            .post("/api/auth/sign-up/email", sign_up)
            .await
            .assert_problem(400, "VALIDATION_ERROR");
    }
}

#[apply(on_both_databases)]
async fn https_public_url_sends_strict_transport_security(backend: Backend) {
    let server = backend.start_with(&["--public-url", "https://example.com"]).await;
    let reply = server.anonymous.get("/health/live").await;
    assert!(reply.header("strict-transport-security").is_some());
}

#[apply(on_both_databases)]
async fn anonymous_browser_navigation_redirects_to_login_with_next(backend: Backend) {
    let server = backend.start().await;
    let next = |path: &'static str| {
        let anonymous = server.anonymous.clone();
        async move {
            let reply = anonymous.navigate(path).await;
            assert_eq!(reply.status, 302, "{}", reply.text);
            reply.header("location").unwrap().to_owned()
        }
    };
    assert_eq!(next("/api/settings").await, "/login?next=%2Fapi%2Fsettings");
    assert_eq!(next("/api/tokens?limit=2").await, "/login?next=%2Fapi%2Ftokens%3Flimit%3D2");
    // A request with a token does not come from a browser, and a POST is not a navigation.
    server
        .anonymous
        .with_token("junk")
        .navigate("/api/settings")
        .await
        .assert_problem(401, "token_malformed");
    let post = server
        .anonymous
        .request(Method::POST, TOKENS)
        .header("Accept", "text/html")
        .json(&json!({}));
    Reply::of(post).await.assert_problem(401, "UNAUTHORIZED");
    let json =
        server.anonymous.request(Method::GET, "/api/settings").header("Accept", "application/json");
    Reply::of(json).await.assert_problem(401, "UNAUTHORIZED");
    let head =
        server.anonymous.request(Method::HEAD, "/api/settings").header("Accept", "text/html");
    assert_eq!(Reply::of(head).await.status, 302);
}

/// Tries every combination of the headers by which a request describes itself.
#[apply(on_both_databases)]
async fn login_redirect_requires_a_navigation_without_a_token(backend: Backend) {
    const ID: &str = "/api/tokens/019ab000-0000-7000-8000-000000000000";
    let server = backend.start().await;
    let unknown = format!("Bearer {}", Server::unknown_token());
    let methods = [
        ("GET", "/api/settings", true),
        ("HEAD", "/api/settings", true),
        ("POST", TOKENS, false),
        ("DELETE", ID, false),
    ];
    let accepts = [(None, false), (Some("*/*"), false), (Some("text/html,*/*;q=0.8"), true)];
    // These headers decide whether the client is redirected.
    let modes = [
        (None, None),
        (Some("navigate"), Some(true)),
        (Some("cors"), Some(false)),
        (Some("junk"), Some(false)),
    ];
    let authorizations = [
        (None, true),
        (Some("Basic eDp5"), true),
        (Some(""), false),
        (Some("Bearer junk"), false),
        (Some(unknown.as_str()), false),
    ];
    // These headers decide nothing.
    let others =
        [None, Some(("Cookie", "portcullis=junk")), Some(("X-Requested-With", "XMLHttpRequest"))];
    for (method, path, reads) in methods {
        for (accept, html) in accepts {
            for (mode, navigates) in modes {
                for (authorization, none) in authorizations {
                    for other in others {
                        let mut request = server.anonymous.request(method.parse().unwrap(), path);
                        let said = [
                            accept.map(|value| ("Accept", value)),
                            mode.map(|value| ("Sec-Fetch-Mode", value)),
                            authorization.map(|value| ("Authorization", value)),
                            other,
                        ];
                        for (name, value) in said.into_iter().flatten() {
                            request = request.header(name, value);
                        }
                        let reply = Reply::of(request).await;
                        let led = reply.header("location");
                        let is_led = reads && navigates.unwrap_or(html) && none;
                        let expected = if is_led { 302 } else { 401 };
                        assert_eq!(reply.status, expected, "{method} {said:?}");
                        assert_eq!(led, is_led.then_some("/login?next=%2Fapi%2Fsettings"));
                    }
                }
            }
        }
    }
}

#[apply(on_both_databases)]
async fn login_redirect_requires_an_accept_header_that_names_html(backend: Backend) {
    let server = backend.start().await;
    let ask = async |accepts: &[&str]| {
        let mut request = server.anonymous.bare(Method::GET, "/api/settings");
        for accept in accepts {
            request = request.header("Accept", HeaderValue::from_bytes(accept.as_bytes()).unwrap());
        }
        Reply::of(request).await.status
    };
    for accept in [
        "text/html",
        "Text/HTML; charset=utf-8",
        "text/html;q=0.001",
        "application/xhtml+xml, text/html;q=0.9, */*;q=0.8",
        "application/json, , text/html ; q=0.1",
        "junk, text/html",
        "text/html;level=1;q=0.4, text/html;q=0",
    ] {
        assert_eq!(ask(&[accept]).await, 302, "{accept}");
    }
    assert_eq!(ask(&["application/json", "text/html"]).await, 302);
    for accept in [
        "",
        "*/*",
        "text/*",
        "application/json",
        "application/xhtml+xml",
        "text/html-like",
        "x-text/html",
        "application/json;profile=text/html",
        "application/json, text/html;q=0",
        "text/html; q=0.000, */*",
        "TEXT/HTML;charset=utf-8;Q=0",
        "text/html;q=junk",
        "text/html;q=-1",
        "text/html;q=2",
        "text/html;q",
        "text/html é",
    ] {
        assert_eq!(ask(&[accept]).await, 401, "{accept}");
    }
}

#[apply(on_both_databases)]
async fn login_redirect_goes_to_the_configured_login_url(backend: Backend) {
    let server = backend.start_with(&["--login-url", "https://app.example.com/in?from=api"]).await;
    let reply = server.anonymous.navigate("/api/settings").await;
    assert_eq!(
        reply.header("location"),
        Some("https://app.example.com/in?from=api&next=%2Fapi%2Fsettings")
    );
}

#[apply(on_both_databases)]
async fn login_redirect_ignores_a_foreign_host_in_the_request_target(backend: Backend) {
    let server = backend.start().await;
    for target in ["http://evil.example/api/settings", "/api/settings?x=//evil.example"] {
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: evil.example\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
        );
        let seen = raw(&server, &request).await.to_lowercase();
        let location = seen.lines().find(|line| line.starts_with("location:")).unwrap();
        assert!(location.starts_with("location: /login?next=%2fapi%2fsettings"), "{location}");
    }
}

#[apply(on_both_databases)]
async fn malformed_http_request_causes_no_server_error(backend: Backend) {
    let server = backend.start().await;
    for junk in [
        "\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "\0\0\0\0".to_owned(),
        format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(200_000)),
        format!("GET /api/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", "a".repeat(200_000)),
        "GET /api/me HTTP/1.1\r\nHost: x\r\nCookie: portcullis=%ff%fe%00; portcullis=\u{1}\r\nConnection: close\r\n\r\n".to_owned(),
    ] {
        let seen = raw(&server, &junk).await;
        assert!(!seen.starts_with("HTTP/1.1 5"), "{seen}");
    }
    server.anonymous.get("/health/ready").await.expect(200);
}

#[apply(on_both_databases)]
async fn token_in_the_query_string_is_unauthorized(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let token = ada.token(&["read"]).await.token.unwrap();
    for name in ["token", "access_token", "api_key", "authorization"] {
        server
            .anonymous
            .get(&format!("/api/me?{name}={token}"))
            .await
            .assert_problem(401, "UNAUTHORIZED");
    }
}

#[apply(on_both_databases)]
async fn readiness_is_unavailable_while_draining_and_liveness_stays_ok(backend: Backend) {
    let server = backend.start().await;
    server.anonymous.get("/health/live").await.expect(200);
    server.anonymous.get("/health/ready").await.expect(200);
    server.state.draining.cancel();
    server.anonymous.get("/health/live").await.expect(200);
    assert!(server.anonymous.get("/health/ready").await.header("retry-after").is_some());
    server.anonymous.get("/health/ready").await.assert_problem(503, "store_unavailable");
}

#[apply(on_both_databases)]
async fn invalid_body_is_a_validation_error_that_names_the_field(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let fields = async |body: Value| {
        let problem =
            ada.browser.post("/api/tokens", body).await.assert_problem(422, "validation_failed");
        problem["errors"][0].clone()
    };
    assert_eq!(fields(json!({})).await["field"], "name");
    assert_eq!(fields(json!({ "name": 7 })).await["field"], "name");
    assert_eq!(
        fields(json!({ "name": "x", "scopes": ["read", "all"] })).await["field"],
        "scopes[1]"
    );
    assert_eq!(fields(json!({ "name": "x", "userId": ada.id })).await["field"], "userId");
    for odd in [json!(7), json!(null), json!({ "admin": null }), json!(["read"])] {
        assert_eq!(fields(json!({ "name": "x", "scopes": [odd] })).await["field"], "scopes[0]");
    }
    assert_eq!(fields(json!({ "name": "two\u{2028}lines" })).await["field"], "name");
    assert_eq!(fields(json!(["x"])).await["message"], "must be an object");
    let problem = server
        .anonymous
        .post("/api/auth/sign-up/email", json!({}))
        .await
        .assert_problem(400, "VALIDATION_ERROR");
    assert_eq!(problem["message"], "[body.name] is required");
    let arrays = json!(["eve", "eve@example.com", PASSWORD, null, null, true]);
    server
        .anonymous
        .post("/api/auth/sign-up/email", arrays)
        .await
        .assert_problem(400, "VALIDATION_ERROR");
}

/// Sends exactly these bytes, and reads until the server closes the connection or is silent for a while.
pub async fn raw(server: &Server, request: &str) -> String {
    let address = server.anonymous.base.trim_start_matches("http://");
    let mut socket = TcpStream::connect(address).await.unwrap();
    let _ = socket.write_all(request.as_bytes()).await;
    let mut seen = Vec::new();
    let timeout = std::time::Duration::from_secs(2);
    let _ = tokio::time::timeout(timeout, socket.read_to_end(&mut seen)).await;
    String::from_utf8_lossy(&seen).into_owned()
}
