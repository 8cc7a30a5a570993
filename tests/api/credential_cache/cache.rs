//! The credential cache of one instance: which requests are served without the database, and which no longer
//! are once the response to a revocation has been sent. Several instances are in `instances.rs`.

use std::time::{Duration, Instant};

use portcullis::store::lease_settings;

use crate::{
    routes::auth::{CHANGE_PASSWORD, SIGN_OUT},
    support::*,
};

const LEASE: i32 = 300;

/// Starts a server with the cache enabled. With PostgreSQL it is disabled by default.
async fn start(backend: Backend) -> Server {
    let server = backend.start().await;
    assert_eq!(lease_settings::set(&server.state.store, LEASE).await.unwrap().wait_ms, 330);
    server
}

fn lookups(server: &Server) -> u64 {
    server.state.store.stats().lookups
}

/// Sends requests until one is served from the cache, so that the following ones would be, too.
async fn warm_cache(server: &Server, caller: &Caller) {
    within_timeout(async {
        loop {
            let before = lookups(server);
            caller.get("/api/me").await.expect(200);
            if lookups(server) == before {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// Waits until twenty requests in a row are served from the cache. On a busy machine a lease may end in between,
/// so the first attempts may fail.
async fn assert_cached_eventually(server: &Server, mut prepare: impl AsyncFnMut() -> Caller) {
    within_timeout(async {
        loop {
            let caller = prepare().await;
            let before = lookups(server);
            for _ in 0..20 {
                caller.get("/api/me").await.expect(200);
            }
            if lookups(server) == before {
                return;
            }
        }
    })
    .await;
}

#[apply(on_both_databases)]
async fn cached_credential_is_accepted_without_a_database_lookup(backend: Backend) {
    let server = start(backend).await;
    let ada = server.sign_up("ada").await;
    let script = ada.token(&["read"]).await;
    for caller in [&ada.browser, &script] {
        assert_cached_eventually(&server, async || {
            warm_cache(&server, caller).await;
            caller.clone()
        })
        .await;
    }
}

#[apply(on_both_databases)]
async fn cache_without_size_or_lease_looks_up_every_request(backend: Backend) {
    let none = backend.start_with(&["--cache-size", "0"]).await;
    let off = start(backend).await;
    lease_settings::set(&off.state.store, 0).await.unwrap();
    for (server, looks) in [(none, false), (off, true)] {
        wait_for_lease_end(&server).await;
        let ada = server.sign_up("ada").await;
        let before = lookups(&server);
        for _ in 0..5 {
            ada.browser.get("/api/me").await.expect(200);
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        assert_eq!(lookups(&server), before + 5);
        assert_eq!(server.state.store.stats().epoch_reads > 0, looks, "whether the epoch is read");
    }
}

#[apply(on_both_databases)]
async fn unknown_token_is_not_cached_and_is_looked_up_every_time(backend: Backend) {
    let server = start(backend).await;
    let stranger = server.anonymous.with_token(&Server::unknown_token());
    wait_for_lease_end(&server).await;
    let before = lookups(&server);
    for _ in 0..3 {
        stranger.get("/api/me").await.expect(401);
    }
    assert_eq!(lookups(&server), before + 3);
}

/// Tries every operation that takes rights away, and whether it takes them from the cookie and from the token.
#[apply(on_both_databases)]
async fn revoked_credential_is_unauthorized_at_once_although_cached(backend: Backend) {
    let server = start(backend).await;
    let admin = server.sign_up_admin("root").await;
    for (name, cookie, token) in [
        ("deactivate", false, false),
        ("deactivate for good", false, false),
        ("sign out", false, true),
        ("end sessions", false, true),
        ("revoke session", false, true),
        ("revoke tokens", true, false),
        ("revoke token", true, false),
        ("revoke own token", true, false),
        ("change password", false, true),
        ("delete", false, false),
    ] {
        let ada = server.sign_up(&name.replace(' ', "-")).await;
        let script = ada.token(&["read", "write"]).await;
        let tokens = ada.browser.get("/api/tokens").await.expect(200);
        let own = tokens["items"][0]["id"].as_str().unwrap().to_owned();
        for caller in [&ada.browser, &script] {
            warm_cache(&server, caller).await;
        }
        let user = format!("/api/admin/users/{}", ada.id);
        let password = json!({ "password": PASSWORD });
        let reply = match name {
            "deactivate" => admin.browser.post(&format!("{user}/deactivate"), json!({})).await,
            "deactivate for good" => {
                let body = json!({ "revokeCredentials": true });
                admin.browser.post(&format!("{user}/deactivate"), body).await
            }
            "sign out" => ada.browser.post(SIGN_OUT, json!({})).await,
            "end sessions" => admin.browser.delete(&format!("{user}/sessions")).await,
            "revoke session" => {
                let body = json!({ "token": ada.browser.session_id().await });
                ada.browser.post("/api/auth/revoke-session", body).await
            }
            "revoke tokens" => admin.browser.delete(&format!("{user}/tokens")).await,
            "revoke token" => ada.browser.delete(&format!("/api/tokens/{own}")).await,
            "revoke own token" => script.delete("/api/tokens/current").await,
            "change password" => {
                let body =
                    json!({ "currentPassword": PASSWORD, "newPassword": "other horse battery" });
                ada.browser.post(CHANGE_PASSWORD, body).await
            }
            "delete" => ada.browser.post("/api/auth/delete-user", password).await,
            _ => unreachable!(),
        };
        assert!(reply.status.is_success(), "{name}: {}", reply.text);
        for (caller, works) in [(&ada.browser, cookie), (&script, token)] {
            let status = caller.get("/api/me").await.status;
            assert_eq!(status, if works { 200 } else { 401 }, "{name}");
        }
    }
}

#[apply(on_both_databases)]
async fn demoted_admin_is_forbidden_at_once_although_cached(backend: Backend) {
    let server = start(backend).await;
    let (root, other) = (server.sign_up_admin("root").await, server.sign_up_admin("other").await);
    let script = other.token(&["read", "admin"]).await;
    for caller in [&other.browser, &script] {
        warm_cache(&server, caller).await;
        caller.get("/api/admin/users").await.expect(200);
    }
    let user = format!("/api/admin/users/{}", other.id);
    root.browser.patch(&user, json!({ "role": "user" })).await.expect(200);
    for caller in [&other.browser, &script] {
        caller.get("/api/admin/users").await.expect(403);
    }
}

#[apply(on_both_databases)]
async fn updated_name_is_shown_at_once_although_the_user_is_cached(backend: Backend) {
    let server = start(backend).await;
    let ada = server.sign_up("ada").await;
    for name in ["Augusta", "Ada again"] {
        warm_cache(&server, &ada.browser).await;
        ada.browser.post("/api/auth/update-user", json!({ "name": name })).await.expect(200);
        assert_eq!(ada.browser.get("/api/me").await.expect(200)["user"]["name"], name);
    }
}

#[apply(on_both_databases)]
async fn revocation_leaves_other_users_cached(backend: Backend) {
    let server = start(backend).await;
    // The number of epochs so far makes no difference.
    execute(&server, "UPDATE epoch SET number = 1000000").await;
    let bob = server.sign_up("bob").await;
    let mut others = 0;
    assert_cached_eventually(&server, async || {
        others += 1;
        let ada = server.sign_up(&format!("ada-{others}")).await;
        for caller in [&bob.browser, &ada.browser] {
            warm_cache(&server, caller).await;
        }
        ada.browser.post(SIGN_OUT, json!({})).await.expect(200);
        // Waits until the server holds a lease again.
        wait_for_lease_end(&server).await;
        bob.browser.clone()
    })
    .await;
}

#[apply(on_both_databases)]
async fn deactivation_or_deletion_by_sql_takes_effect_within_the_lease_wait(backend: Backend) {
    let server = start(backend).await;
    for (name, sql) in [
        ("ada", "UPDATE users SET deactivated_at = created_at WHERE name = 'ada'"),
        ("bob", "DELETE FROM users WHERE name = 'bob'"),
    ] {
        let person = server.sign_up(name).await;
        let script = person.token(&["read"]).await;
        for caller in [&person.browser, &script] {
            warm_cache(&server, caller).await;
        }
        // Waits for a lease and a tenth.
        execute(&server, sql).await;
        for caller in [&person.browser, &script] {
            caller.get("/api/me").await.expect(401);
        }
    }
}

#[apply(on_both_databases)]
async fn cached_token_and_session_expire_on_time(backend: Backend) {
    let server = start(backend).await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "short", "expiresInDays": 1 })).await;
    let script = server.anonymous.with_token(created["token"].as_str().unwrap());
    warm_cache(&server, &script).await;
    warm_cache(&server, &ada.browser).await;
    server.advance(portcullis::time::days(1));
    script.get("/api/me").await.expect(401);
    ada.browser.get("/api/me?disableRefresh=1").await.expect(200);
    server.advance(portcullis::time::days(6));
    ada.browser.get("/api/me").await.expect(401);
}

#[apply(on_both_databases)]
async fn extended_session_is_cached_with_its_new_expiry(backend: Backend) {
    let server = start(backend).await;
    let ada = server.sign_up("ada").await;
    warm_cache(&server, &ada.browser).await;
    server.advance(portcullis::time::days(2));
    let refreshed = ada.browser.get("/api/auth/get-session").await.expect(200);
    let end = refreshed["session"]["expiresAt"].clone();
    assert_eq!(ada.browser.get("/api/me").await.expect(200)["session"]["expiresAt"], end);
    server.write_last_uses().await;
    // A stale cache entry would extend the session again, from now.
    server.advance(portcullis::time::seconds(10));
    assert_eq!(ada.browser.get("/api/me").await.expect(200)["session"]["expiresAt"], end);
    warm_cache(&server, &ada.browser).await;
    assert_eq!(ada.browser.get("/api/me").await.expect(200)["session"]["expiresAt"], end);
    server.advance(portcullis::time::days(6));
    ada.browser.get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn shortened_lease_waits_until_longer_leases_expire(backend: Backend) {
    let server = start(backend).await;
    let store = &server.state.store;
    assert_eq!(lease_settings::set(store, 10_000).await.unwrap().wait_ms, 11_000);
    let shorter = async {
        while lease_settings::show(store).await.unwrap().lease_ms != 20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        _ = lease_settings::set(store, 20) => unreachable!("an instance may hold a lease of ten seconds"),
        () = within_timeout(shorter) => {}
    }
    assert_eq!(lease_settings::show(store).await.unwrap().wait_ms, 11_000);
}

/// Asserts a lower bound without measuring: another instance may hold a lease for as long.
#[tokio::test]
async fn deactivation_on_postgresql_responds_after_all_leases_expire() {
    let server = start(Backend::Postgres).await;
    let root = server.sign_up_admin("root").await;
    let ada = server.sign_up("ada").await;
    let path = format!("/api/admin/users/{}/deactivate", ada.id);
    for round in ["done", "found done"] {
        let begun = Instant::now();
        root.browser.post(&path, json!({})).await.expect(200);
        assert!(begun.elapsed() >= Duration::from_millis(330), "{round}");
    }
    lease_settings::set(&server.state.store, 0).await.unwrap();
    assert_eq!(lease_settings::show(&server.state.store).await.unwrap().wait_ms, 0);
}

/// The command does not know that it is alone, so it waits; only the server's own revocations need no wait with
/// SQLite.
#[tokio::test]
async fn user_command_waits_until_a_running_server_has_invalidated_its_cache() {
    let home = tempfile::TempDir::new().unwrap();
    let server = ServerProcess::start(home.path(), &[]);
    let ada = OutageProbe::sign_up(&server.anonymous).await;
    for command in [["user", "deactivate", &ada.email], ["user", "reactivate", &ada.email]] {
        for _ in 0..10 {
            let _ = ada.browser.get("/api/me").await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let begun = Instant::now();
        succeeds(run(home.path(), &[], &command, ""));
        assert!(begun.elapsed() >= Duration::from_millis(330));
        let works = command[1] == "reactivate";
        for caller in [&ada.browser, &ada.script] {
            assert_eq!(caller.get("/api/me").await.status, if works { 200 } else { 401 });
        }
    }
}

#[apply(on_both_databases)]
async fn cache_command_enables_disables_and_shows_the_cache(backend: Backend) {
    let home = tempfile::TempDir::new().unwrap();
    let url = backend.database(home.path()).await;
    let secret = portcullis::secrets::SigningKey::generate().reveal();
    let settings = [("DATABASE_URL", url.as_str()), ("PORTCULLIS_SECRET", secret.as_str())];
    let say = |arguments: &[&str]| succeeds(run(home.path(), &settings, arguments, ""));
    assert_eq!(say(&["cache", "status"]).contains("are cached"), backend == Backend::Sqlite);
    assert!(say(&["cache", "enable", "--milliseconds", "1001"]).contains("1102 ms"));
    assert!(say(&["cache", "enable"]).contains("330 ms"));
    assert!(say(&["cache", "disable"]).contains("Caching is disabled"));
    assert!(say(&["cache", "status"]).contains("Caching is disabled"));
    let short = fails(run(home.path(), &settings, &["cache", "enable", "--milliseconds", "1"], ""));
    assert!(short.contains("20..=10000"), "{short}");
}
