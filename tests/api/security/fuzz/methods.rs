//! Methods that a path does not support.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;

use crate::support::*;

const METHODS: [&str; 14] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "PROPFIND",
    "MKCOL", "QUERY", "BREW", "X",
];

/// Invariant: a path accepts the documented methods, and HEAD where it accepts GET unless that has side
/// effects; any other method is answered 405, and `Allow` names exactly those that are accepted.
#[tokio::test]
async fn path_allows_exactly_the_documented_methods() {
    let server = Backend::Sqlite.start().await;
    let document = server.anonymous.get("/openapi.json").await.expect(200);
    let once: BTreeSet<&str> = product()
        .rows()
        .into_iter()
        .filter(|operation| operation.access.once)
        .map(|operation| operation.id)
        .collect();
    let mut paths: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for operation in Operation::all(&document) {
        let path = operation.path.replace("{id}", "019ab000-0000-7000-8000-000000000000");
        let accepted = paths.entry(path.replace("{token}", "x")).or_default();
        accepted.insert(operation.method.to_string());
        if operation.method == Method::GET && !once.contains(operation.id) {
            accepted.insert("HEAD".to_owned());
        }
    }
    for (path, accepted) in &paths {
        for method in METHODS {
            let sent = Method::from_bytes(method.as_bytes()).unwrap();
            let reply = Reply::of(server.anonymous.request(sent, path)).await;
            if accepted.contains(method) {
                assert!(reply.status != 405 && reply.status.as_u16() < 500, "{method} {path}");
                continue;
            }
            let allowed = reply.header("allow").unwrap_or_else(|| panic!("{method} {path}"));
            assert_eq!(allowed.split(", ").map(str::to_owned).collect::<BTreeSet<_>>(), *accepted);
            assert_eq!(reply.status, 405, "{method} {path}");
            if method != "HEAD" {
                reply.assert_problem(405, "method_not_allowed");
            }
        }
    }
}

/// Invariant: paths outside the API accept GET and HEAD, and no other method does anything there.
#[tokio::test]
async fn pages_and_documents_allow_only_get_and_head() {
    let server = Backend::Sqlite.start().await;
    let admin = server.sign_up_admin("admin").await;
    let paths = [
        "/",
        "/login",
        "/signup",
        "/dashboard",
        "/settings",
        "/admin",
        "/admin/jobs",
        "/docs",
        "/docs/",
        "/openapi.json",
        "/assets/app.js",
    ];
    for path in paths {
        for method in METHODS {
            let sent = Method::from_bytes(method.as_bytes()).unwrap();
            let reply = Reply::of(admin.browser.request(sent, path)).await;
            if ["GET", "HEAD"].contains(&method) {
                assert!(reply.status == 200 || reply.status == 302, "{method} {path}");
            } else {
                assert_eq!(reply.header("allow"), Some("HEAD, GET"), "{method} {path}");
                reply.assert_problem(405, "method_not_allowed");
            }
        }
    }
}

/// Invariant: CONNECT opens no tunnel, to this server or elsewhere. Clients send CONNECT only to proxies, so
/// the test sends raw bytes.
#[tokio::test]
async fn connect_method_opens_no_tunnel() {
    let server = Backend::Sqlite.start().await;
    let ada = server.sign_up("ada").await;
    let cookie_header = format!("Cookie: {}\r\n", ada.browser.cookie.as_deref().unwrap());
    for (target, status) in [
        ("/api/me", "405"),
        ("/api/auth/sign-in/email", "405"),
        ("/health/live", "405"),
        ("/login", "405"),
        ("/openapi.json", "405"),
        ("/nowhere", "404"),
        ("example.com:443", "404"),
        ("127.0.0.1:1", "404"),
        ("http://example.com/api/me", "405"),
    ] {
        for cookie_header in ["", &cookie_header] {
            // The request that would go through a tunnel.
            let inner = "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            let head =
                format!("CONNECT {target} HTTP/1.1\r\nHost: x\r\n{cookie_header}\r\n{inner}");
            let seen = crate::contract::http::raw(&server, &head).await;
            assert_eq!(seen.split(' ').nth(1), Some(status), "{target}: {seen}");
            assert!(!seen.contains("HTTP/1.1 200"), "{target}: {seen}");
        }
    }
}
