//! The security headers of every response.

use portcullis::store::Database;
use reqwest::Method;

use crate::support::*;

const SITE: &str = "https://example.com";
const ID: &str = "019ab000-0000-7000-8000-000000000000";
const HTML: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

/// Every page.
pub const PAGES: [&str; 23] = [
    "/login",
    "/signup",
    "/forgot-password",
    "/reset-password",
    "/verify-email",
    "/suspend-access",
    "/restore-access",
    "/delete-account",
    "/magic-link",
    "/sign-in-error",
    "/two-factor",
    "/setup",
    "/dashboard",
    "/settings",
    "/settings/tokens",
    "/settings/passkeys",
    "/settings/two-factor",
    "/settings/activity",
    "/admin",
    "/admin/tokens",
    "/admin/activity",
    "/admin/jobs",
    "/admin/users/019ab000-0000-7000-8000-000000000000",
];

/// Returns a directive of a policy, or `default-src` in place of a missing fetch directive.
fn directive<'a>(policy: &'a str, name: &str) -> Option<&'a str> {
    let mut directives = policy.split(';').map(str::trim);
    directives.find_map(|directive| directive.strip_prefix(name)?.strip_prefix(' '))
}

#[track_caller]
fn is_guarded(what: &str, reply: &Reply) {
    let header = |name| reply.header(name).unwrap_or_else(|| panic!("{what} has no {name}"));
    let policy = header("content-security-policy");
    let says = |name| directive(policy, name);
    assert_eq!(says("default-src"), Some("'none'"), "{what}: {policy}");
    assert!(says("object-src").is_none_or(|sources| sources == "'none'"), "{what}: {policy}");
    assert_eq!(says("base-uri"), Some("'none'"), "{what}: {policy}");
    assert_eq!(says("frame-ancestors"), Some("'none'"), "{what}: {policy}");
    assert!(says("form-action").is_some(), "{what}: {policy}");
    let is_docs = what.contains(" /docs/") || what.contains(" /openapi.json");
    assert!(!policy.contains("'unsafe-eval'"), "{what}: {policy}");
    assert!(!says("script-src").unwrap_or_default().contains("unsafe"), "{what}: {policy}");
    assert!(is_docs || !policy.contains("unsafe"), "{what}: {policy}");
    assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
    // A page sends its Origin with forms, but no address to another site.
    let is_page = says("form-action") == Some("'self'");
    let referrer = if is_page { "same-origin" } else { "no-referrer" };
    assert_eq!(header("referrer-policy"), referrer, "{what}");
    assert_eq!(header("cross-origin-opener-policy"), "same-origin", "{what}");
    assert!(header("strict-transport-security").starts_with("max-age="), "{what}");
    if !is_docs && !what.contains(" /assets/") {
        assert_eq!(header("cache-control"), "no-store", "{what}");
    }
}

/// Returns an admin's browser, where the site is behind a proxy with https.
async fn admin_over_https(server: &Server, name: usize) -> Caller {
    let email = format!("root{name}@example.com");
    let body = json!({ "name": "Root", "email": email, "password": PASSWORD });
    let request = server.anonymous.bare(Method::POST, "/api/auth/sign-up/email").json(&body);
    let reply = Reply::of(request.header("Origin", SITE)).await;
    execute(server, "UPDATE users SET role = 'admin'").await;
    server.anonymous.with_cookie(&reply.cookie().expect("sign-up sets the cookie"))
}

#[tokio::test]
async fn every_response_has_security_headers() {
    let server = Backend::Sqlite.start_with(&["--public-url", SITE]).await;
    let document = server.anonymous.get("/openapi.json").await.expect(200);
    let operations = Operation::all(&document);
    let mut requests = Vec::new();
    for operation in &operations {
        let path = operation.path.replace("{id}", ID).replace("{token}", "x");
        requests.push((operation.method.clone(), path.clone()));
        requests.push((Method::TRACE, path));
    }
    let documents = [
        "/",
        "/docs",
        "/docs/",
        "/docs/docs.css",
        "/docs/errors",
        "/docs/nothing",
        "/openapi.json",
    ];
    let assets = ["/assets/app.css", "/assets/app.js", "/assets/mark.svg", "/assets/nothing"];
    for path in PAGES.iter().chain(&documents).chain(&assets).chain(&["/nothing", "/api/nothing"]) {
        requests.push((Method::GET, (*path).to_owned()));
        requests.push((Method::POST, (*path).to_owned()));
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut admin = admin_over_https(&server, 0).await;
    let mut may_have_ended = false;
    for (name, (method, path)) in requests.into_iter().enumerate() {
        // Some of the operations end the session.
        if may_have_ended {
            admin = admin_over_https(&server, name + 1).await;
        }
        may_have_ended =
            path.starts_with("/api/") && ![Method::GET, Method::TRACE].contains(&method);
        for caller in [&server.anonymous, &admin] {
            for accept in [HTML, "application/json"] {
                let mut request = caller.bare(method.clone(), &path).header("Accept", accept);
                request = request.header("Origin", SITE);
                if let Some(cookie) = &caller.cookie {
                    request = request.header("Cookie", cookie);
                }
                let reply = Reply::of(request).await;
                is_guarded(&format!("{method} {path} as {accept}"), &reply);
                seen.insert(reply.status.as_u16());
            }
        }
    }
    // The test has seen every kind of response.
    for status in [200, 302, 401, 403, 404, 405] {
        assert!(seen.contains(&status), "{status} is not among {seen:?}");
    }
}

#[tokio::test]
async fn content_security_policy_allows_own_resources_and_nothing_inline() {
    let server = Backend::Sqlite.start().await;
    let admin = server.sign_up_admin("admin").await;
    for path in PAGES {
        let reply = admin.browser.navigate(path).await;
        let policy = reply.header("content-security-policy").unwrap();
        if reply.status == 302 {
            continue;
        }
        for name in ["script-src", "style-src", "img-src", "connect-src", "form-action"] {
            assert_eq!(directive(policy, name), Some("'self'"), "{path}: {policy}");
        }
        assert_eq!(directive(policy, "require-trusted-types-for"), Some("'script'"), "{path}");
        for inline in ["<script>", " style=", "<style", "javascript:", " onclick=", " onload="] {
            assert!(!reply.text.contains(inline), "{path}: {inline}");
        }
    }
}

#[tokio::test]
async fn http_response_has_no_strict_transport_security() {
    let server = Backend::Sqlite.start().await;
    for path in ["/login", "/api/dashboard", "/nothing", "/assets/app.css"] {
        let reply = server.anonymous.navigate(path).await;
        assert_eq!(reply.header("strict-transport-security"), None, "{path}");
    }
}

#[tokio::test]
async fn asset_is_cached_forever_under_its_hash_and_not_otherwise() {
    let server = Backend::Sqlite.start().await;
    let page = server.anonymous.navigate("/login").await.text;
    let mut assets: Vec<&str> =
        page.split('"').filter(|text| text.starts_with("/assets/")).collect();
    assets.sort_unstable();
    assets.dedup();
    assert_eq!(assets.len(), 3, "{assets:?}");
    for asset in assets {
        let reply = server.anonymous.get(asset).await;
        assert_eq!(reply.status, 200, "{asset}");
        let kept = reply.header("cache-control").unwrap();
        assert!(kept.contains("immutable") && kept.contains("max-age=31536000"), "{asset}: {kept}");
        let (bare, hash) = asset.split_once("?v=").expect("a hash");
        assert!(hash.len() >= 10, "{asset}");
        for other in [bare.to_owned(), format!("{bare}?v=x"), format!("{asset}x")] {
            let reply = server.anonymous.get(&other).await;
            assert_eq!(reply.status, 200, "{other}");
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{other}");
        }
    }
    let reply = server.anonymous.get("/assets/nothing.js").await;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    reply.assert_problem(404, "not_found");
}

/// Asserts that a navigation and a program get the same status, as HTML and as a problem.
async fn assert_same_error(caller: &Caller, path: &str, status: u16, code: &str) {
    let page = caller.navigate(path).await;
    let problem = caller.get(path).await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
    assert_eq!(page.status, status, "{path}");
    for name in ["retry-after", "allow", "cache-control", "set-cookie", "www-authenticate"] {
        assert_eq!(page.header(name), problem.header(name), "{path}: {name}");
    }
    assert!(page.text.starts_with("<!doctype html>") && page.text.contains("<h1>"), "{path}");
    problem.assert_problem(status, code);
}

#[apply(on_both_databases)]
async fn error_is_a_page_for_a_browser_and_a_problem_for_a_client(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    assert_same_error(&server.anonymous, "/nothing", 404, "not_found").await;
    // The API responds with JSON to every kind of request.
    server.anonymous.navigate("/api/nothing").await.assert_problem(404, "not_found");
    assert_same_error(&ada.browser, "/admin", 403, "admin_required").await;
    assert_same_error(&ada.browser, "/login?why=x", 400, "invalid_query").await;
    // A request with a token comes from a program, whatever it accepts.
    let script = ada.token(&["read"]).await;
    script.navigate("/admin").await.assert_problem(403, "admin_required");
}

#[tokio::test]
async fn database_outage_is_a_retrying_page_or_a_problem_with_retry_after() {
    let server = Backend::Sqlite.start_with(&["--database-timeout", "1"]).await;
    let ada = server.sign_up("ada").await;
    server.wait_for_jobs().await;
    let Database::Sqlite(_) = server.state.store.database() else {
        panic!("the server runs on SQLite")
    };
    let file = server.folder.join("portcullis.db");
    let away = file.with_extension("away");
    std::fs::rename(&file, &away).unwrap();
    assert_same_error(&ada.browser, "/settings", 503, "store_unavailable").await;
    let page = ada.browser.navigate("/settings").await;
    assert!(page.header("retry-after").is_some());
    assert_eq!(page.header("set-cookie"), None);
    assert!(page.text.contains("data-retry"), "{}", page.text);
    std::fs::rename(&away, &file).unwrap();
    assert_eq!(ada.browser.navigate("/settings").await.status, 200);
}
