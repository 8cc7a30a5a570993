//! `--trusted-origins` and `--cookie-same-site`: whose pages may send requests, and where links may lead.

use portcullis::{app, time::Clock};
use reqwest::RequestBuilder;
use tempfile::TempDir;

use super::*;

const APP: &str = "https://app.example.com";
const TRUSTED: [&str; 2] = ["--trusted-origins", APP];

/// Origins that are not the trusted one, though some resemble it.
const FOREIGN: [&str; 15] = [
    "null",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com.evil.example",
    "https://app.example.com.",
    "https://evil-app.example.com",
    "https://xapp.example.com",
    "https://pp.example.com",
    "https://sub.app.example.com",
    "https://example.com",
    "https://app.example.co",
    "https://app.example.comevil.example",
    "https://app.example.com@evil.example",
    "https://evil.example",
    "https://evil.example/https://app.example.com",
];

/// Returns the CORS headers of a response.
fn cors(reply: &Reply) -> Vec<&str> {
    let names = reply.headers.keys().map(reqwest::header::HeaderName::as_str);
    names.filter(|name| name.starts_with("access-control-")).collect()
}

fn varies_by_origin(reply: &Reply) -> bool {
    let mut vary = reply.headers.get_all("vary").iter();
    vary.any(|value| value.to_str().unwrap().to_lowercase().contains("origin"))
}

/// Asserts that pages of this origin may read a response, and send the cookie.
#[track_caller]
fn opened_to(reply: &Reply, origin: &str) {
    assert_eq!(reply.header("access-control-allow-origin"), Some(origin), "{reply:?}");
    assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
    assert!(varies_by_origin(reply), "{reply:?}");
}

fn preflight(server: &Server, path: &str, origin: &str) -> RequestBuilder {
    preflight_of(server, path, origin, "POST", "content-type")
}

/// Returns a preflight for a request of this method with these headers.
fn preflight_of(
    server: &Server,
    path: &str,
    origin: &str,
    method: &str,
    headers: &str,
) -> RequestBuilder {
    server
        .anonymous
        .bare(Method::OPTIONS, path)
        .header("Origin", origin)
        .header("Access-Control-Request-Method", method)
        .header("Access-Control-Request-Headers", headers)
}

/// Returns a request as a browser sends it for a page on another site.
fn from_page(caller: &Caller, method: Method, path: &str, origin: &str) -> RequestBuilder {
    let mut request = caller
        .bare(method, path)
        .header("Origin", origin)
        .header("Sec-Fetch-Site", "cross-site")
        .header("Sec-Fetch-Mode", "cors");
    if let Some(cookie) = &caller.cookie {
        request = request.header("Cookie", cookie);
    }
    request
}

/// Redirect targets outside our origin, though some resemble it.
fn foreign_targets(server: &Server) -> Vec<String> {
    let port = server.anonymous.base.rsplit(':').next().unwrap();
    let mut places = [
        "",
        " ",
        "welcome",
        "?x",
        "#x",
        "./welcome",
        "//evil.example",
        "///evil.example",
        "////evil.example",
        " //evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "\\\\evil.example",
        "/welcome\\..\\..\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        "\u{0}//evil.example",
        "/welcome\r\nSet-Cookie: x=y",
        "/welcome\u{0}",
        "/welcome\u{7f}",
        "/welcome\u{85}",
        "/%2fevil.example",
        "/%2Fevil.example",
        "/%5cevil.example",
        "/%5Cevil.example",
        "/%0d%0aSet-Cookie:x=y",
        "/%00",
        "/.//evil.example",
        "/..//evil.example",
        "/a/../..//evil.example",
        "/%2e//evil.example",
        "https://evil.example",
        "https:evil.example",
        "https:/evil.example",
        "https:\\\\evil.example",
        "HTTPS://EVIL.EXAMPLE",
        "http://evil.example",
        "ftp://app.example.com",
        "ws://app.example.com",
        "javascript:alert(1)",
        "JavaScript://app.example.com/%0aalert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "about:blank",
        "blob:https://app.example.com/x",
        "view-source:https://app.example.com",
        "http://app.example.com/",
        "https://app.example.com:8443/",
        "https://app.example.com.evil.example/",
        "https://app.example.com./",
        "https://xapp.example.com/",
        "https://sub.app.example.com/",
        "https://example.com/",
        "https://app.example.co/",
        "https://app.example.com@evil.example/",
        "https://app.example.com:443@evil.example/",
        "https://user@app.example.com/",
        "https://user:password@app.example.com/",
        "https://:@evil.example/https://app.example.com/",
        "https://evil.example/?https://app.example.com/",
        "https://evil.example#https://app.example.com/",
        "https://evil.example\\@app.example.com/",
        "https://app.example.com%2f@evil.example/",
        "https://app.example.com%00.evil.example/",
        "https://app.example.com\u{ff0e}evil.example/",
        "https://app\u{3002}example.com.evil.example/",
        "https://app.example.com\t.evil.example/",
        " https://app.example.com/",
        "https://",
        "https:///",
        "http://[::1]/",
    ]
    .map(ToOwned::to_owned)
    .to_vec();
    places.extend([
        format!("https://127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}0/"),
        "http://127.0.0.1:1/".to_owned(),
        "http://127.0.0.1/".to_owned(),
        format!("http://127.0.0.1:{port}@evil.example/"),
        format!("http://127.0.0.1:{port}.evil.example/"),
        format!("http://evil.example#@127.0.0.1:{port}/"),
        format!("http://localhost.evil.example:{port}/"),
        format!("http://notlocalhost:{port}/"),
        format!("http://user@localhost:{port}/"),
        format!("http://0.0.0.0:{port}/"),
    ]);
    places
}

#[apply(on_both_databases)]
async fn callback_url_to_foreign_origin_is_forbidden_in_every_operation(backend: Backend) {
    let server = backend.start_with(&TRUSTED).await;
    let ada = server.sign_up("ada").await;
    let verify = server.last_mail_to(&ada.email).await.secret();
    let reset = reset_link(&server, &ada.email).await;
    let delete = deletion_link(&server, &ada).await;
    let mails = server.outbox().await.len();
    let sessions = ada.browser.get(LIST_SESSIONS).await.expect(200);
    let eve = sign_up_body("eve");
    let own = json!({ "email": ada.email });
    let operations = [
        (SIGN_UP, eve, "callbackURL", "INVALID_CALLBACK_URL"),
        (SIGN_IN, sign_up_body("ada"), "callbackURL", "INVALID_CALLBACK_URL"),
        (REQUEST_RESET, own.clone(), "redirectTo", "INVALID_REDIRECT_URL"),
        (SEND_VERIFICATION, own, "callbackURL", "INVALID_CALLBACK_URL"),
        (
            CHANGE_EMAIL,
            json!({ "newEmail": "ada@new.example" }),
            "callbackURL",
            "INVALID_CALLBACK_URL",
        ),
        (DELETE_USER, json!({ "token": delete }), "callbackURL", "INVALID_CALLBACK_URL"),
    ];
    let links = [
        format!("{VERIFY_EMAIL}?token={verify}"),
        format!("{RESET_PASSWORD}/{reset}?x=y"),
        format!("{CONFIRM_DELETION}?token={delete}"),
    ];
    for target in foreign_targets(&server) {
        for (path, body, field, code) in &operations {
            let reply =
                ada.browser.post(path, with_field(body.clone(), field, target.as_str())).await;
            assert_eq!(reply.status, 403, "{path} {target:?}: {}", reply.text);
            assert_eq!(reply.header("set-cookie"), None);
            reply.assert_problem(403, code);
        }
        let target: String = url::form_urlencoded::byte_serialize(target.as_bytes()).collect();
        for link in &links {
            let reply = ada.browser.navigate(&format!("{link}&callbackURL={target}")).await;
            assert_eq!(reply.status, 403, "{link} {target:?}: {:?}", reply.headers);
            assert_eq!(reply.header("location"), None);
            reply.assert_problem(403, "INVALID_CALLBACK_URL");
        }
    }
    assert_eq!(server.outbox().await.len(), mails, "no mail was sent");
    assert_eq!(ada.browser.get(LIST_SESSIONS).await.expect(200), sessions, "nothing was changed");
    confirm_email(&server.anonymous, &verify).await.expect(200);
    ada.browser.post(DELETE_USER, json!({ "token": delete })).await.expect(200);
}

#[apply(on_both_databases)]
async fn callback_url_to_own_or_trusted_origin_is_followed(backend: Backend) {
    let server = backend.start_with(&TRUSTED).await;
    let ours = server.state.site.public_url.clone();
    let base = server.anonymous.base.clone();
    let ada = server.sign_up("ada").await;
    for (number, (target, leads_to)) in [
        ("/", ours.to_string()),
        (
            "/a/b?c=/d&e=https://evil.example//f#//g",
            format!("{ours}a/b?c=/d&e=https://evil.example//f#//g"),
        ),
        ("/ünï?ü", format!("{ours}%C3%BCn%C3%AF?%C3%BC")),
        (APP, format!("{APP}/")),
        ("https://app.example.com:443/in?x=1#top", format!("{APP}/in?x=1#top")),
        ("https://app.example.com/a//b", format!("{APP}/a//b")),
        (&format!("{base}/welcome"), format!("{base}/welcome")),
        (&format!("{ours}welcome"), format!("{ours}welcome")),
    ]
    .into_iter()
    .enumerate()
    {
        let wanted = format!("ada{number}@new.example");
        let body = json!({ "newEmail": wanted, "callbackURL": target });
        ada.browser.post(CHANGE_EMAIL, body).await.expect(200);
        let link = server.last_mail_to(&wanted).await.link();
        assert_eq!(link.origin(), ours.origin(), "the link itself is on our origin");
        assert_eq!(location(&follow_link(&server.anonymous, &link).await), leads_to, "{target}");

        if !target.starts_with(APP) && !target.starts_with("https://app.example.com:443") {
            continue;
        }
        let body = json!({ "email": wanted, "redirectTo": target });
        server.anonymous.post(REQUEST_RESET, body).await.expect(200);
        let mail = server.last_mail_to(&wanted).await;
        let reply = follow_link(&server.anonymous, &mail.link()).await;
        let mut expected: Url = leads_to.parse().unwrap();
        expected.query_pairs_mut().append_pair("token", &mail.secret());
        assert_eq!(location(&reply), expected.as_str(), "{target}");
    }
}

#[apply(on_both_databases)]
async fn cors_preflight_from_trusted_origin_is_allowed(backend: Backend) {
    let server = backend.start_with(&TRUSTED).await;
    for path in [SIGN_IN, TOKENS, "/api/nothing"] {
        let reply = Reply::of(preflight(&server, path, APP)).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        opened_to(&reply, APP);
        let list = |name: &str| {
            let text = reply.header(name).unwrap().to_lowercase();
            let mut words: Vec<String> = text.split(',').map(|word| word.trim().into()).collect();
            words.sort();
            words
        };
        let methods = ["delete", "get", "head", "patch", "post"];
        assert_eq!(list("access-control-allow-methods"), methods);
        assert_eq!(list("access-control-allow-headers"), ["content-type"]);
        assert_eq!(reply.header("access-control-max-age"), Some("3600"));
        assert_eq!(reply.header("set-cookie"), None);
        assert!(reply.header("x-request-id").is_some());
    }
}

#[apply(on_both_databases)]
async fn cors_preflight_for_unsupported_method_is_rejected(backend: Backend) {
    let server = backend.start_with(&TRUSTED).await;
    let ask = |method: &str, headers: &str| {
        Reply::of(preflight_of(&server, SIGN_IN, APP, method, headers))
    };
    for (method, headers) in [("POST", "content-type, authorization"), ("PATCH", "Content-Type")] {
        opened_to(&ask(method, headers).await, APP);
    }
    for method in ["PUT", "TRACE", "CONNECT"] {
        let reply = ask(method, "content-type").await;
        assert!(!reply.status.is_success(), "{method}: {}", reply.status);
        assert_eq!(reply.header("access-control-allow-origin"), None, "{method}");
    }
}

#[apply(on_both_databases)]
async fn cors_preflight_allows_any_header_from_trusted_origins_only(backend: Backend) {
    let server = backend.start_with(&TRUSTED).await;
    let ask =
        |origin: &str, headers: &str| Reply::of(preflight_of(&server, ME, origin, "GET", headers));
    for headers in [
        "authorization,sentry-trace,baggage",
        "traceparent, tracestate",
        "x-request-id",
        "x-requested-with, x-made-up-today",
    ] {
        let reply = ask(APP, headers).await;
        assert_eq!(reply.status, 200, "{headers}: {}", reply.text);
        opened_to(&reply, APP);
        // Not `*`, which has no meaning where credentials are sent (Fetch, 3.3.5).
        assert_eq!(reply.header("access-control-allow-headers"), Some(headers));
        for origin in FOREIGN {
            let reply = ask(origin, headers).await;
            assert!(!reply.status.is_success(), "{origin}: {}", reply.status);
            assert_eq!(cors(&reply), [""; 0], "{origin}");
        }
    }
}

#[apply(on_both_databases)]
async fn cors_request_from_trusted_origin_acts_with_the_session_cookie(backend: Backend) {
    let server = backend.start_with(&TRUSTED).await;
    let body = sign_up_body("ada");
    let reply =
        Reply::of(from_page(&server.anonymous, Method::POST, SIGN_UP, APP).json(&body)).await;
    opened_to(&reply, APP);
    let ada = server.anonymous.with_cookie(&reply.cookie().unwrap());
    reply.expect(200);

    let reply = Reply::of(from_page(&ada, Method::GET, ME, APP)).await;
    opened_to(&reply, APP);
    let exposed = reply.header("access-control-expose-headers").unwrap().to_lowercase();
    for name in ["x-request-id", "retry-after", "www-authenticate"] {
        assert!(exposed.contains(name), "{exposed}");
    }
    assert_eq!(reply.expect(200)["user"]["email"], "ada@example.com");
    let token = json!({ "name": "Analytical Engine" });
    let created = Reply::of(from_page(&ada, Method::POST, TOKENS, APP).json(&token)).await;
    opened_to(&created, APP);
    let target = created.header("location").unwrap().to_owned();
    created.expect(201);
    let renamed = json!({ "name": "Difference Engine" });
    let reply = Reply::of(from_page(&ada, Method::PATCH, &target, APP).json(&renamed)).await;
    opened_to(&reply, APP);
    let reply = Reply::of(from_page(&ada, Method::DELETE, &target, APP)).await;
    opened_to(&reply, APP);
    assert_eq!(reply.status, 204);
    let reply = Reply::of(from_page(&ada, Method::POST, SIGN_OUT, APP)).await;
    opened_to(&reply, APP);
    assert!(reply.removes_cookie());
}

#[apply(on_both_databases)]
async fn cors_error_responses_are_readable_by_trusted_origins(backend: Backend) {
    let server = backend.start_with(&TRUSTED).await;
    let ada = server.sign_up("ada").await;
    let large = json!({ "name": "x".repeat(70_000) });
    let get = |caller: &Caller, path: &str| from_page(caller, Method::GET, path, APP);
    let post = |caller: &Caller, path: &str| from_page(caller, Method::POST, path, APP);
    for (request, status, code) in [
        (get(&server.anonymous, ME), 401, "UNAUTHORIZED"),
        (get(&server.anonymous, ME).bearer_auth("junk"), 401, "token_malformed"),
        (get(&ada.browser, "/api/nothing"), 404, "not_found"),
        (get(&ada.browser, "/api/tokens/none"), 404, "not_found"),
        (get(&ada.browser, "/api/tokens?limit=0"), 400, "invalid_query"),
        (get(&ada.browser, "/api/admin/users"), 403, "admin_required"),
        (from_page(&ada.browser, Method::PUT, ME, APP), 405, "method_not_allowed"),
        (from_page(&ada.browser, Method::OPTIONS, ME, APP), 405, "method_not_allowed"),
        (post(&ada.browser, TOKENS).json(&json!({})), 422, "validation_failed"),
        (post(&ada.browser, TOKENS).json(&large), 413, "payload_too_large"),
        (post(&ada.browser, TOKENS).body("x"), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (post(&server.anonymous, SIGN_IN).json(&json!({})), 400, "VALIDATION_ERROR"),
    ] {
        let reply = Reply::of(request).await;
        opened_to(&reply, APP);
        reply.assert_problem(status, code);
    }
    // A request by a script is not a navigation, whatever it accepts.
    let reply = Reply::of(get(&server.anonymous, ME).header("Accept", "text/html")).await;
    opened_to(&reply, APP);
    reply.assert_problem(401, "UNAUTHORIZED");
    // An older browser sends no Fetch metadata.
    let older = server.anonymous.bare(Method::GET, ME).header("Origin", APP);
    let reply = Reply::of(older.header("Accept", "text/html")).await;
    opened_to(&reply, APP);
    location(&reply);
}

#[apply(on_both_databases)]
async fn csrf_requests_from_foreign_origins_are_forbidden_and_unreadable(backend: Backend) {
    let server = backend.start_with(&TRUSTED).await;
    let ada = server.sign_up("ada").await;
    let change = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
    for origin in FOREIGN {
        let reply = Reply::of(preflight(&server, CHANGE_PASSWORD, origin)).await;
        assert_eq!(reply.header("access-control-allow-origin"), None, "{origin}");
        for caller in [&ada.browser, &server.anonymous] {
            let reply = Reply::of(from_page(caller, Method::GET, "/api/dashboard", origin)).await;
            assert_eq!(reply.header("access-control-allow-origin"), None, "{origin}");
            assert!(varies_by_origin(&reply), "caches must vary by origin");
            reply.expect(200);
        }
        let code = if origin == "null" { "MISSING_OR_NULL_ORIGIN" } else { "INVALID_ORIGIN" };
        for (caller, path, body) in [
            (&ada.browser, CHANGE_PASSWORD, &change),
            (&ada.browser, SIGN_OUT, &json!({})),
            (&ada.browser, TOKENS, &json!({ "name": "theirs" })),
            (&server.anonymous, SIGN_IN, &sign_up_body("ada")),
            (&server.anonymous, SIGN_UP, &sign_up_body("eve")),
        ] {
            let reply = Reply::of(from_page(caller, Method::POST, path, origin).json(body)).await;
            assert_eq!(reply.header("access-control-allow-origin"), None, "{origin} {path}");
            assert_eq!(reply.header("set-cookie"), None);
            reply.assert_problem(403, code);
        }
    }
    assert!(is_signed_in(&ada.browser).await);
    let tokens = ada.browser.get(TOKENS).await.expect(200);
    assert_eq!(tokens["items"], json!([]));
    server.sign_in(&ada).await;
}

#[apply(on_both_databases)]
async fn cors_headers_are_absent_for_foreign_origins(backend: Backend) {
    let server = backend.start_with(&TRUSTED).await;
    for origin in FOREIGN {
        let reply = Reply::of(from_page(&server.anonymous, Method::GET, ME, origin)).await;
        assert_eq!(cors(&reply), [""; 0], "{origin}");
        let reply = Reply::of(preflight(&server, SIGN_IN, origin)).await;
        assert_eq!(cors(&reply), [""; 0], "{origin}");
    }
    let reply = Reply::of(server.anonymous.bare(Method::GET, ME)).await;
    assert_eq!(cors(&reply), [""; 0], "nor a client that is not a page");
}

#[apply(on_both_databases)]
async fn cors_preflight_that_is_rejected_returns_a_problem(backend: Backend) {
    let server = backend.start_with(&TRUSTED).await;
    let foreign = preflight(&server, SIGN_IN, "https://evil.example");
    let method = server
        .anonymous
        .bare(Method::OPTIONS, SIGN_IN)
        .header("Origin", APP)
        .header("Access-Control-Request-Method", "PUT");
    for request in [foreign, method] {
        let reply = Reply::of(request).await;
        let kind = reply.header("content-type");
        assert_eq!(kind, Some("application/problem+json"), "{} {}", reply.status, reply.text);
        assert!(varies_by_origin(&reply));
    }
}

#[apply(on_both_databases)]
async fn cors_response_names_only_the_requesting_trusted_origin(backend: Backend) {
    let origins = "https://APP.example.com:443/, http://localhost:5173";
    let server = backend.start_with(&["--trusted-origins", origins]).await;
    let ada = server.sign_up("ada").await;
    for origin in [APP, "http://localhost:5173"] {
        opened_to(&Reply::of(preflight(&server, SIGN_IN, origin)).await, origin);
        let reply = Reply::of(from_page(&ada.browser, Method::GET, ME, origin)).await;
        opened_to(&reply, origin);
        let body = json!({ "name": "Ada" });
        let request = from_page(&ada.browser, Method::POST, UPDATE_USER, origin).json(&body);
        opened_to(&Reply::of(request).await, origin);
    }
    for origin in ["https://localhost:5173", "http://localhost:5174", "http://127.0.0.1:5173"] {
        let reply = Reply::of(from_page(&ada.browser, Method::GET, ME, origin)).await;
        assert_eq!(reply.header("access-control-allow-origin"), None, "{origin}");
    }
}

/// Apps serve their pages from a scheme of their own, whose origin a URL parser reports as opaque.
#[apply(on_both_databases)]
async fn trusted_origin_with_an_app_scheme_is_allowed(backend: Backend) {
    let apps = ["capacitor://localhost", "tauri://localhost", "ionic://localhost:8100"];
    let server = backend.start_with(&["--trusted-origins", &apps.join(",")]).await;
    let ada = server.sign_up("ada").await;
    let rename = json!({ "name": "Ada" });
    for origin in apps {
        opened_to(&Reply::of(preflight(&server, SIGN_IN, origin)).await, origin);
        let request = from_page(&ada.browser, Method::POST, UPDATE_USER, origin).json(&rename);
        let reply = Reply::of(request).await;
        opened_to(&reply, origin);
        reply.expect(200);
        // Some send no Origin with it, but a Referer.
        let request = ada.browser.bare(Method::POST, UPDATE_USER).json(&rename);
        let request = request.header("Cookie", ada.browser.cookie.as_ref().unwrap());
        Reply::of(request.header("Referer", format!("{origin}/index.html"))).await.expect(200);
    }
    for origin in [
        "null",
        "capacitor://localhost/",
        "capacitor://localhost:80",
        "capacitor://evil.example",
        "capacitor://localhost.evil.example",
        "capacitor://",
        "capacitor:localhost",
        "CAPACITOR://localhost",
        "ionic://localhost",
        "electron://localhost",
        "http://localhost",
        "https://localhost",
    ] {
        let request = from_page(&ada.browser, Method::POST, UPDATE_USER, origin).json(&rename);
        let reply = Reply::of(request).await;
        assert_eq!(reply.header("access-control-allow-origin"), None, "{origin}");
        assert_eq!(reply.status, 403, "{origin}: {}", reply.text);
    }
}

/// A browser serialises an origin in exactly one way. Another spelling was not sent by a browser, even if it
/// parses to the same origin.
#[apply(on_both_databases)]
async fn trusted_origin_is_compared_as_exact_text(backend: Backend) {
    let server = backend.start_with(&["--trusted-origins", "https://Bücher.example:443/"]).await;
    let ada = server.sign_up("ada").await;
    let rename = json!({ "name": "Ada" });
    let written = "https://xn--bcher-kva.example";
    let request = from_page(&ada.browser, Method::POST, UPDATE_USER, written).json(&rename);
    Reply::of(request).await.expect(200);
    for origin in [
        "https://xn--bcher-kva.example/",
        "https://xn--bcher-kva.example:443",
        "https://XN--BCHER-KVA.example",
        "HTTPS://xn--bcher-kva.example",
        "https:xn--bcher-kva.example",
        "https://xn--bcher-kva.example/path",
        "https://user@xn--bcher-kva.example",
        "https://xn--bcher-kva.example https://evil.example",
    ] {
        let request = from_page(&ada.browser, Method::POST, UPDATE_USER, origin).json(&rename);
        Reply::of(request).await.assert_problem(403, "INVALID_ORIGIN");
    }
}

#[apply(on_both_databases)]
async fn own_origin_needs_no_trusted_origins_entry(backend: Backend) {
    let server = backend.start_with(&TRUSTED).await;
    let ada = server.sign_up("ada").await;
    for origin in [&server.anonymous.base, &server.anonymous.base.replace("127.0.0.1", "localhost")]
    {
        let body = json!({ "name": "Ada" });
        post_from_origin(&ada.browser, Some(origin), UPDATE_USER, &body).await.expect(200);
    }
}

#[apply(on_both_databases)]
async fn cors_headers_are_absent_without_trusted_origins(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let own = server.anonymous.base.clone();
    for origin in FOREIGN.into_iter().chain([APP, &own]) {
        for path in [SIGN_IN, ME, TOKENS] {
            let reply = Reply::of(preflight(&server, path, origin)).await;
            assert_eq!(cors(&reply), [""; 0], "{origin}");
            assert!(reply.header("allow").is_some());
            reply.assert_problem(405, "method_not_allowed");
        }
        let reply = Reply::of(preflight(&server, "/api/nothing", origin)).await;
        reply.assert_problem(404, "not_found");
        let reply = Reply::of(from_page(&ada.browser, Method::GET, ME, origin)).await;
        assert_eq!(cors(&reply), [""; 0], "{origin}");
        reply.expect(200);
        let reply = Reply::of(from_page(&server.anonymous, Method::GET, ME, origin)).await;
        assert_eq!(cors(&reply), [""; 0], "{origin}");
    }
    let request = from_page(&ada.browser, Method::POST, SIGN_OUT, APP);
    Reply::of(request).await.assert_problem(403, "INVALID_ORIGIN");
}

#[apply(on_both_databases)]
async fn cookie_same_site_none_is_secure_and_still_prevents_csrf(backend: Backend) {
    let https = ["--public-url", "https://api.example.com"];
    let settings = [&https[..], &TRUSTED, &["--cookie-same-site", "none"]].concat();
    let server = backend.start_with(&settings).await;
    let body = sign_up_body("ada");
    for path in [SIGN_UP, SIGN_IN] {
        let reply =
            Reply::of(from_page(&server.anonymous, Method::POST, path, APP).json(&body)).await;
        opened_to(&reply, APP);
        assert_eq!(set_cookie(&reply).0, "__Host-portcullis");
        assert_eq!(
            cookie_attributes(&reply),
            ["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=None", "Secure"]
        );
        reply.expect(200);
    }
    let body = with_field(body, "rememberMe", false);
    let reply =
        Reply::of(from_page(&server.anonymous, Method::POST, SIGN_IN, APP).json(&body)).await;
    assert_eq!(cookie_attributes(&reply), ["HttpOnly", "Path=/", "SameSite=None", "Secure"]);
    let ada = server.anonymous.with_cookie(&reply.cookie().unwrap());

    // With SameSite=None the browser sends the cookie from any page: the origin is still checked.
    let rename = json!({ "name": "Ada" });
    for origin in FOREIGN {
        let request = from_page(&ada, Method::POST, UPDATE_USER, origin).json(&rename);
        assert_eq!(Reply::of(request).await.status, 403, "{origin}");
    }
    let request = from_page(&ada, Method::POST, UPDATE_USER, APP).json(&rename);
    Reply::of(request).await.expect(200);
    let reply = Reply::of(from_page(&ada, Method::POST, SIGN_OUT, APP)).await;
    let mut removed = cookie_attributes(&reply);
    removed.retain(|attribute| !attribute.starts_with("Expires="));
    assert_eq!(removed, ["HttpOnly", "Max-Age=0", "Path=/", "SameSite=None", "Secure"]);
}

#[tokio::test]
async fn cookie_same_site_none_without_https_public_url_fails_to_start() {
    for public_url in [None, Some("http://api.example.com")] {
        let folder = TempDir::new().unwrap();
        let url = Backend::Sqlite.database(folder.path()).await;
        let mut settings = vec!["--cookie-same-site", "none"];
        settings.extend(public_url.iter().flat_map(|url| ["--public-url", url]));
        let config = config(&url, folder.path(), &settings);
        let Err(refusal) = app::Server::start(&product(), config, Clock::System, true).await else {
            panic!("the server started")
        };
        assert_eq!(
            refusal.to_string(),
            "PORTCULLIS_COOKIE_SAME_SITE=none needs a PORTCULLIS_PUBLIC_URL that begins with https://"
        );
    }
}
