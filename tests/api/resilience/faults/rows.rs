//! Rows that this binary cannot read as it wrote them: entered by hand, or by a newer release. Each list shows
//! them.

use std::{fs, path::Path};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use tempfile::TempDir;

use crate::support::*;

/// Starts a server on this database that logs to a file and caches nothing.
pub async fn logging(backend: Backend, home: &Path) -> (ServerProcess, String) {
    let url = backend.database(home).await;
    let secret = portcullis::secrets::SigningKey::generate().reveal();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("PORTCULLIS_SECRET", secret.as_str()),
        ("PORTCULLIS_CACHE_SIZE", "0"),
    ];
    (ServerProcess::start_logging(home, &settings), url)
}

/// Changes a database from outside, past its constraints.
pub async fn alter(backend: Backend, url: &str, sql: &str) {
    match backend {
        Backend::Sqlite => {
            let file = url.strip_prefix("sqlite:").unwrap();
            let mut beside = SqliteConnection::establish(file).unwrap();
            let ready = "PRAGMA busy_timeout = 5000; PRAGMA ignore_check_constraints = ON";
            beside.batch_execute(ready).unwrap();
            beside.batch_execute(sql).unwrap();
        }
        Backend::Postgres => connect(url).await.batch_execute(sql).await.unwrap(),
    }
}

/// Returns the last moment, the first, and one in the year 20000, as SQL.
pub fn moments(backend: Backend) -> [String; 3] {
    match backend {
        Backend::Sqlite => [i64::MAX, i64::MIN, 568_971_820_800_000_000].map(|at| at.to_string()),
        Backend::Postgres => ["'infinity'", "'-infinity'", "'20000-01-01'"].map(ToOwned::to_owned),
    }
}

pub async fn admin_of(home: &Path, server: &ServerProcess, settings: &[(&str, &str)]) -> Caller {
    let create = ["user", "create", "--admin", "--name", "Root", "--email", "root@example.com"];
    succeeds(run(home, settings, &create, PASSWORD));
    let body = json!({ "email": "root@example.com", "password": PASSWORD });
    let reply = server.anonymous.post("/api/auth/sign-in/email", body).await;
    server.anonymous.with_cookie(&reply.cookie().unwrap())
}

#[apply(on_both_databases)]
async fn row_with_unknown_values_is_shown_in_every_list(backend: Backend) {
    let home = TempDir::new().unwrap();
    let (server, url) = logging(backend, home.path()).await;
    let settings = [("DATABASE_URL", url.as_str())];
    let admin = admin_of(home.path(), &server, &settings).await;
    let probe = OutageProbe::sign_up(&server.anonymous).await;
    for name in ["first", "second"] {
        probe.browser.post(TOKENS, json!({ "name": name })).await.expect(201);
    }
    let token = json!({ "name": "script", "scopes": ["read", "write", "admin"] });
    let created = admin.post(TOKENS, token).await.expect(201);
    let script = admin.with_token(created["token"].as_str().unwrap());
    let me = admin.get("/api/me").await.expect(200)["user"]["id"].as_str().unwrap().to_owned();
    script.post(&reactivation(&me), json!({})).await.expect(200);
    let updatable = allow_activity_updates(backend);
    let unchecked = match backend {
        Backend::Sqlite => String::new(),
        Backend::Postgres => "ALTER TABLE users DROP CONSTRAINT users_role_check;".to_owned(),
    };
    let [last, first, far] = moments(backend);
    alter(
        backend,
        &url,
        &format!(
            "{unchecked} {updatable};
             UPDATE api_tokens SET scopes = 'read admin reports:write', expires_at = {last},
                 last_used_at = {first}, created_at = {far};
             UPDATE sessions SET created_at = {first}, last_seen_at = {far};
             UPDATE accounts SET created_at = {first}, updated_at = {last};
             UPDATE activity SET created_at = {last}, action = 'new-action', detail = '[1';
             UPDATE users SET created_at = {first}, updated_at = {far};
             UPDATE users SET role = 'owner' WHERE role = 'user';
             UPDATE jobs SET created_at = {last}, given_up_at = {last}, kind = 'new', payload = '7'"
        ),
    )
    .await;

    let browser = &probe.browser;
    let tokens = browser.get(TOKENS).await.expect(200);
    let token = &tokens["items"][0];
    assert_eq!(token["scopes"], json!(["read", "admin", "reports:write"]));
    assert_eq!(token["state"], "active");
    assert_eq!(token["expiresAt"], "9999-12-30T21:59:59.999Z");
    assert_eq!(token["lastUsedAt"], "0001-01-01T00:00:00.000Z");
    probe.script.get(TOKENS).await.expect(200);
    script.get("/api/admin/tokens").await.expect(200);
    let refused = script.post(&reactivation(&me), json!({})).await;
    refused.assert_problem(403, "insufficient_scope");
    let users = admin.get("/api/admin/users?search=root").await.expect(200);
    assert_eq!(users["items"][0]["role"], "admin");
    assert_eq!(browser.get("/api/me").await.expect(200)["user"]["role"], "owner");
    browser.get("/api/admin/users").await.assert_problem(403, "admin_required");

    assert!(pages(browser, &format!("{TOKENS}?limit=1")).await.len() > 1);
    let path = "/api/admin/tokens?state=active&limit=1";
    assert_eq!(pages(&admin, path).await.len(), 4);
    for (path, least) in [("users", 2), ("tokens", 4), ("activity", 1), ("jobs", 0)] {
        let list = admin.get(&format!("/api/admin/{path}")).await.expect(200);
        assert!(list["items"].as_array().unwrap().len() >= least, "{path}: {list}");
    }
    let events = admin.get("/api/admin/activity").await.expect(200);
    assert_eq!(events["items"][0]["detail"], json!({ "text": "[1" }));
    for path in ["/api/auth/list-sessions", "/api/auth/list-accounts"] {
        let list = browser.get(path).await.expect(200);
        assert_eq!(list.as_array().unwrap().len(), 1, "{path}: {list}");
    }
    assert_eq!(browser.navigate("/settings").await.status, 200);
    for page in ["/admin", "/admin/tokens", "/admin/activity", "/admin/jobs"] {
        let shown = admin.navigate(page).await;
        assert_eq!(shown.status, 200, "{page}: {}", shown.text);
    }
    for command in [["user", "list"], ["token", "list"]] {
        succeeds(run(home.path(), &settings, &command, ""));
    }

    let log = fs::read_to_string(home.path().join("log")).unwrap();
    let times = |what: &str| log.lines().filter(|line| line.contains(what)).count();
    assert_eq!(times("reports:write"), 1, "{log}");
    assert_eq!(times("owner"), 1, "{log}");
    assert_eq!(times("a row holds a time outside the years 1 to 9999"), 1, "{log}");
    assert_eq!(times("the store is unavailable"), 0, "{log}");
}
