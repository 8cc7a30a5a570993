//! Rate limits and the login throttle, and the responses of a client that exceeds one.

mod clock;
mod instances;
mod mailbox;
mod throttle;

use portcullis::time::seconds;
use reqwest::Method;

use crate::support::*;

const SIGN_IN: &str = "/api/auth/sign-in/email";
const SIGN_UP: &str = "/api/auth/sign-up/email";
const REQUEST_RESET: &str = "/api/auth/request-password-reset";
const WRONG: &str = "not the password of anybody";

fn credentials(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

/// Asserts that a request was rejected with 429, and returns the seconds of Retry-After.
#[track_caller]
fn waits(reply: &Reply) -> u32 {
    assert_eq!(reply.status, 429, "{}", reply.text);
    assert_eq!(reply.json()["code"], "too_many_requests");
    assert_eq!(reply.header("set-cookie"), None);
    let wait = reply.header("retry-after").expect("429 has Retry-After");
    assert_eq!(
        reply.header("x-retry-after"),
        Some(wait),
        "X-Retry-After, which Better Auth's client reads"
    );
    wait.parse().unwrap()
}

/// Sends a request through a proxy, for this client.
async fn forwarded(server: &Server, client: &str, path: &str, body: &Value) -> Reply {
    forwarded_by(&server.anonymous, client, path, body).await
}

async fn forwarded_by(caller: &Caller, client: &str, path: &str, body: &Value) -> Reply {
    let request = caller.request(Method::POST, path).header("X-Forwarded-For", client);
    Reply::of(request.json(body)).await
}

#[apply(on_both_databases)]
async fn sign_in_rate_limit_counts_per_ip_address_across_accounts(backend: Backend) {
    let server = backend.start_with(&["--limit-sign-in", "3/1m"]).await;
    let ada = server.sign_up("ada").await;
    for (email, left) in [("one@example.com", 2), ("two@example.com", 1)] {
        let reply = server.anonymous.post(SIGN_IN, credentials(email, WRONG)).await;
        assert_eq!(reply.header("ratelimit-policy"), Some(r#""sign-in";q=3;w=60"#));
        assert_eq!(reply.header("ratelimit"), Some(&*format!(r#""sign-in";r={left};t=20"#)));
        reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    }
    // A correct password does not reset the limit.
    server.anonymous.post(SIGN_IN, credentials(&ada.email, PASSWORD)).await.expect(200);
    for _ in 0..3 {
        let reply = server.anonymous.post(SIGN_IN, credentials(&ada.email, PASSWORD)).await;
        assert_eq!(waits(&reply), 20);
        assert_eq!(reply.header("ratelimit"), Some(r#""sign-in";r=0;t=20"#));
    }
    ada.browser.get("/api/me").await.expect(200);
    server.advance(seconds(19));
    assert_eq!(waits(&server.anonymous.post(SIGN_IN, credentials(&ada.email, PASSWORD)).await), 1);
    server.advance(seconds(1));
    server.anonymous.post(SIGN_IN, credentials(&ada.email, PASSWORD)).await.expect(200);
}

#[apply(on_both_databases)]
async fn rate_limits_of_sign_up_mail_and_tokens_are_independent(backend: Backend) {
    let limits = ["--limit-sign-up", "2/1h", "--limit-mail", "2/1h", "--limit-tokens", "2/1h"];
    let server = backend.start_with(&limits).await;
    let ada = server.sign_up("ada").await;
    server.sign_up("grace").await;
    let third = json!({ "name": "x", "email": "x@example.com", "password": PASSWORD });
    waits(&server.anonymous.post(SIGN_UP, third).await);
    for _ in 0..2 {
        ada.create_token(json!({ "name": "t" })).await;
    }
    waits(&ada.browser.post("/api/tokens", json!({ "name": "t" })).await);
    for _ in 0..2 {
        let body = json!({ "email": "nobody@example.com" });
        server.anonymous.post(REQUEST_RESET, body).await.expect(200);
    }
    waits(&server.anonymous.post(REQUEST_RESET, json!({ "email": "nobody@example.com" })).await);
    let body = json!({ "newEmail": "new@example.com" });
    waits(&ada.browser.post("/api/auth/change-email", body).await);
    server.sign_in(&ada).await;
}

#[apply(on_both_databases)]
async fn request_rate_limit_counts_per_user_across_cookie_and_token(backend: Backend) {
    let server = backend.start_with(&["--limit-requests", "20/1m"]).await;
    let proxied = &["--trusted-proxies", "127.0.0.1", "--limit-requests", "20/1m"];
    let behind = backend.start_with(proxied).await;
    let ada = behind.sign_up("ada").await;
    let script = ada.token(&["read"]).await;
    let mut seen = Vec::new();
    for number in 0..40 {
        // Each from an IP address of its own: the limit that is reached is the account's.
        let key = if number % 2 == 0 { &ada.browser } else { &script };
        let request = key.request(Method::GET, "/api/me");
        let reply = Reply::of(request.header("X-Forwarded-For", format!("192.0.2.{number}"))).await;
        seen.push(reply.status.as_u16());
    }
    assert!(seen[..18].iter().all(|status| *status == 200), "{seen:?}");
    assert!(seen[20..].iter().all(|status| *status == 429), "{seen:?}");
    // Without a credential, requests count for the IP address.
    let mut codes = Vec::new();
    for _ in 0..21 {
        codes.push(server.anonymous.get("/api/dashboard").await.status.as_u16());
    }
    assert_eq!(codes.iter().filter(|code| **code == 200).count(), 20, "{codes:?}");
    server.anonymous.get("/health/ready").await.expect(200);
}

#[apply(on_both_databases)]
async fn forwarded_ip_address_is_used_only_from_a_trusted_proxy(backend: Backend) {
    let limit = ["--limit-sign-in", "1/1h"];
    let body = credentials("nobody@example.com", WRONG);
    let open = backend.start_with(&limit).await;
    forwarded(&open, "192.0.2.1", SIGN_IN, &body).await.expect(401);
    waits(&forwarded(&open, "192.0.2.2", SIGN_IN, &body).await);

    let trusting = ["--trusted-proxies", "10.0.0.0/8,127.0.0.1"];
    let behind = backend.start_with(&[&limit[..], &trusting].concat()).await;
    for client in ["192.0.2.1", "192.0.2.2", "2001:db8:0:1::1"] {
        forwarded(&behind, client, SIGN_IN, &body).await.expect(401);
        waits(&forwarded(&behind, client, SIGN_IN, &body).await);
        // What a client writes before its own IP address has no effect.
        let lie = format!("203.0.113.77, {client}");
        waits(&forwarded(&behind, &lie, SIGN_IN, &body).await);
    }
    waits(&forwarded(&behind, "2001:db8:0:1::2", SIGN_IN, &body).await);
    forwarded(&behind, "2001:db8:0:2::1", SIGN_IN, &body).await.expect(401);
    let ada = json!({ "name": "ada", "email": "ada@example.com", "password": PASSWORD });
    let reply = forwarded(&behind, "192.0.2.9, 10.1.1.1", SIGN_UP, &ada).await;
    let browser = behind.anonymous.with_cookie(&reply.cookie().unwrap());
    let session = browser.get("/api/auth/get-session").await.expect(200);
    assert_eq!(session["session"]["ipAddress"], "192.0.2.9");
}

#[apply(on_both_databases)]
async fn login_throttle_delays_sign_ins_after_failures_except_from_known_networks(
    backend: Backend,
) {
    let settings = ["--max-failed-logins", "3", "--trusted-proxies", "127.0.0.1"];
    let server = backend.start_with(&settings).await;
    let ada = server.sign_up("ada").await;
    let home = "198.51.100.1";
    let right = credentials(&ada.email, PASSWORD);
    forwarded(&server, home, SIGN_IN, &right).await.expect(200);

    // From several IP addresses, for her account and for one that does not exist: the same responses.
    for email in [&ada.email, "nobody@example.com"] {
        let wrong = credentials(email, WRONG);
        for number in 0..3 {
            let ip_address = format!("192.0.2.{number}");
            let reply = forwarded(&server, &ip_address, SIGN_IN, &wrong).await;
            reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
        }
        assert_eq!(waits(&forwarded(&server, "192.0.2.9", SIGN_IN, &wrong).await), 60);
    }
    // A correct password is not checked either, except from a known network.
    assert_eq!(waits(&forwarded(&server, "192.0.2.9", SIGN_IN, &right).await), 60);
    forwarded(&server, home, SIGN_IN, &right).await.expect(200);
    ada.browser.get("/api/me").await.expect(200);

    // After the wait one attempt is accepted; the next wait is twice as long, and attempts during it do not
    // extend it.
    server.advance(seconds(60));
    let wrong = credentials(&ada.email, WRONG);
    forwarded(&server, "192.0.2.9", SIGN_IN, &wrong).await.expect(401);
    for _ in 0..3 {
        assert_eq!(waits(&forwarded(&server, "192.0.2.9", SIGN_IN, &right).await), 120);
    }
    server.advance(seconds(120));
    forwarded(&server, "192.0.2.9", SIGN_IN, &right).await.expect(200);
    // A successful sign-in ends the throttle, and makes that network a known one.
    for _ in 0..3 {
        forwarded(&server, "192.0.2.8", SIGN_IN, &wrong).await.expect(401);
    }
    waits(&forwarded(&server, "192.0.2.8", SIGN_IN, &right).await);
    forwarded(&server, "192.0.2.9", SIGN_IN, &right).await.expect(200);
}

#[apply(on_both_databases)]
async fn login_throttle_counts_wrong_passwords_within_a_session(backend: Backend) {
    let server = backend.start_with(&["--max-failed-logins", "2"]).await;
    let ada = server.sign_up("ada").await;
    for (path, body) in [
        ("/api/auth/verify-password", json!({ "password": WRONG })),
        ("/api/auth/delete-user", json!({ "password": WRONG })),
    ] {
        ada.browser.post(path, body).await.assert_problem(400, "INVALID_PASSWORD");
    }
    let change = json!({ "currentPassword": PASSWORD, "newPassword": "another good password" });
    for (path, body) in [
        ("/api/auth/verify-password", json!({ "password": PASSWORD })),
        ("/api/auth/delete-user", json!({ "password": PASSWORD })),
        ("/api/auth/change-password", change),
    ] {
        waits(&ada.browser.post(path, body).await);
    }
}

#[apply(on_both_databases)]
async fn login_throttle_survives_a_restart(backend: Backend) {
    let folder = tempfile::TempDir::new().unwrap();
    let url = backend.database(folder.path()).await;
    let settings = ["--max-failed-logins", "1"];
    let wrong = credentials("nobody@example.com", WRONG);
    let first = Server::on(&url, tempfile::TempDir::new().unwrap(), &settings).await;
    first.anonymous.post(SIGN_IN, wrong.clone()).await.expect(401);
    first.stop().await;
    let second = Server::on(&url, tempfile::TempDir::new().unwrap(), &settings).await;
    waits(&second.anonymous.post(SIGN_IN, wrong).await);
}

/// Each from an IP address of its own: a path, its method, and its status until the limit is reached.
const COUNTED: [(&str, &str, u16); 13] = [
    ("GET", "/nothing", 404),
    ("BREW", "/api/me", 405),
    ("POST", "/openapi.json", 405),
    ("POST", "/health/live", 405),
    ("GET", "/health/%6cive", 200),
    ("GET", "/openapi.json", 200),
    ("GET", "/docs/", 200),
    ("GET", "/assets/app.js", 200),
    ("GET", "/api/auth/ok", 200),
    ("GET", "/login", 200),
    ("GET", "/", 302),
    ("GET", "/api/dashboard", 200),
    ("OPTIONS", "/api/me", 200),
];

#[tokio::test]
async fn request_rate_limit_counts_every_request_but_health_checks_once() {
    let trusted = ["--trusted-origins", "https://app.example.com"];
    let limits = ["--limit-requests", "3/1m", "--trusted-proxies", "127.0.0.1"];
    let server = Backend::Sqlite.start_with(&[&trusted[..], &limits].concat()).await;
    let ask = async |client: &str, method: &str, path: &str| {
        let request = server.anonymous.bare(Method::from_bytes(method.as_bytes()).unwrap(), path);
        let request = request
            .header("X-Forwarded-For", client)
            .header("Origin", "https://app.example.com")
            .header("Access-Control-Request-Method", "GET");
        Reply::of(request).await
    };
    for (number, (method, path, status)) in COUNTED.into_iter().enumerate() {
        let client = format!("192.0.2.{number}");
        for _ in 0..3 {
            let reply = ask(&client, method, path).await;
            assert_eq!(reply.status, status, "{method} {path}: {}", reply.text);
        }
        let reply = ask(&client, method, path).await;
        assert_eq!(waits(&reply), 20, "{method} {path}");
        assert_eq!(reply.header("ratelimit"), Some(r#""requests";r=0;t=20"#), "{method} {path}");
        if method != "OPTIONS" {
            // Lets a page of another origin read the reason.
            let origin = reply.header("access-control-allow-origin");
            assert_eq!(origin, Some("https://app.example.com"), "{method} {path}");
        }
        for path in ["/health/live", "/health/ready"] {
            ask(&client, "GET", path).await.expect(200);
        }
    }
    let page = server.anonymous.request(Method::GET, "/nothing").header("Accept", "text/html");
    let page = Reply::of(page.header("X-Forwarded-For", "192.0.2.0")).await;
    assert_eq!(page.status, 429);
    assert!(page.text.contains("<html"), "a navigation gets a page: {}", page.text);
}

/// Includes operations outside the gate. Only a supervisor's probes must never be rejected.
#[tokio::test]
async fn rate_limit_is_enforced_and_documented_for_all_but_health_checks() {
    let server = Backend::Sqlite.start_with(&["--limit-requests", "1/1h"]).await;
    let document = server.anonymous.get("/openapi.json").await.expect(200);
    for operation in Operation::all(&document) {
        let path = operation.path.replace(['{', '}'], "");
        let reply = Reply::of(server.anonymous.request(operation.method.clone(), &path)).await;
        let is_probe = portcullis::api::health::PATHS.contains(&operation.path);
        if is_probe {
            reply.expect(200);
        } else {
            assert_eq!(waits(&reply), 3600, "{}", operation.id);
        }
        assert_eq!(
            operation.value["responses"].get("429").is_some(),
            !is_probe,
            "{}",
            operation.id
        );
    }
}
