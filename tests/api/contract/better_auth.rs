//! Runs Better Auth's own client, from npm, against a server on each database: `tests/better-auth/`.

use std::{net::TcpListener, time::Duration};

use portcullis::time::{Clock, seconds};

use crate::support::*;

static CLIENT: Package = Package::of("tests/better-auth");

/// The origin of a front end on another site, to which no request is sent.
const APP: &str = "https://app.example.com";

fn described(server: &Server) -> Value {
    json!({ "url": server.anonymous.base, "outbox": server.folder.join("outbox") })
}

#[apply(on_both_databases)]
async fn better_auth_client_from_npm_works_unmodified(backend: Backend) {
    let plain = backend.start_with(&["--trusted-origins", APP]).await;
    let admin = plain.sign_up_admin("admin").await;
    let verifying = backend.start_with(&["--email-verification", "required"]).await;
    let closed = backend.start_with(&["--sign-up", "closed"]).await;
    let stale = backend.start().await;
    let sleeper = stale.sign_up("sleeper").await;
    stale.wait_for_jobs().await;
    stale.advance(seconds(25 * 60 * 60 - 60));

    let provider = OpenIdProvider::start().await;
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("providers.toml");
    std::fs::write(&file, provider.table("op", "")).unwrap();
    let social = backend.start_with(&["--providers-file", &file.display().to_string()]).await;
    provider.register(&social, &["op"]).await;
    // The provider's clock goes on while the client is tested.
    let clock = social.clock.clone();
    let ticking = tokio::spawn(async move {
        loop {
            clock.set(Clock::System.now());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });

    let mut servers = json!({
        "plain": described(&plain),
        "verifying": described(&verifying),
        "closed": described(&closed),
        "stale": described(&stale),
        "social": described(&social),
    });
    servers["social"]["issuer"] = json!(provider.issuer);
    servers["plain"]["app"] = json!(APP);
    servers["plain"]["admin"] = json!({ "email": admin.email, "password": PASSWORD });
    servers["stale"]["email"] = json!(sleeper.email);
    servers["stale"]["password"] = json!(PASSWORD);
    servers["stale"]["cookie"] = json!(sleeper.browser.cookie);
    CLIENT.run("test", &[("SERVERS", &servers)]).await;
    ticking.abort();
}

/// Runs a front end on another origin in Chromium, which applies CORS and SameSite.
#[tokio::test]
async fn cross_origin_front_end_works_in_a_browser_with_cors_and_same_site() {
    let folder = tempfile::TempDir::new().unwrap();
    let hosts = ["api.site.test", "app.site.test", "front.example", "evil.example"];
    let generated = rcgen::generate_simple_self_signed(hosts.map(String::from)).unwrap();
    let [certificate, key] = ["server.crt", "server.key"].map(|name| folder.path().join(name));
    std::fs::write(&certificate, generated.cert.pem()).unwrap();
    std::fs::write(&key, generated.signing_key.serialize_pem()).unwrap();

    let mut sites = json!({ "certificate": certificate, "key": key, "servers": {} });
    let mut running = Vec::new();
    for same_site in ["lax", "none"] {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let public_url = format!("https://api.site.test:{port}");
        let trusted = format!("https://app.site.test:{port},https://front.example:{port}");
        let settings = [
            "--public-url",
            &public_url,
            "--trusted-origins",
            &trusted,
            "--cookie-same-site",
            same_site,
        ];
        let server = Backend::Sqlite.start_with(&settings).await;
        sites["servers"][same_site] = json!({ "port": port, "upstream": server.anonymous.base });
        running.push(server);
    }
    CLIENT.run("test:browser", &[("SITES", &sites)]).await;
}
