//! `POST /api/tokens`

use portcullis::{
    store::users::Role,
    time::{days, seconds},
};

use super::*;

#[apply(on_both_databases)]
async fn create_token_with_token_is_forbidden(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    for scopes in [&["read"] as &[_], &["write"], &["read", "write", "admin"]] {
        let script = admin.token(scopes).await;
        script.post(PATH, json!({ "name": "other" })).await.assert_problem(403, "cookie_required");
    }
    let list = admin.browser.get(PATH).await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 3);
}

#[apply(on_both_databases)]
async fn create_token_with_stale_session_is_forbidden(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let body = json!({ "name": "x" });
    server.clock.set(server.now() + days(1) - seconds(1));
    ada.browser.post(PATH, body.clone()).await.expect(201);
    server.advance(seconds(1));
    ada.browser.post(PATH, body.clone()).await.assert_problem(403, "SESSION_NOT_FRESH");

    ada.browser.with_password_entered().await.post(PATH, body).await.expect(201);
}

#[apply(on_both_databases)]
async fn create_token_with_admin_scope_by_non_admin_fails_validation(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for scopes in [json!(["admin"]), json!(["read", "write", "admin"])] {
        let reply = ada.browser.post(PATH, json!({ "name": "x", "scopes": scopes })).await;
        let problem = reply.assert_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], "scopes");
    }
    assert_eq!(ada.browser.get(PATH).await.expect(200)["items"], json!([]));
}

#[apply(on_both_databases)]
async fn create_token_defaults_to_read_and_write_without_expiry(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let reply = ada.browser.post(PATH, json!({ "name": "deploy script" })).await;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let location = reply.header("location").unwrap().to_owned();
    let created = reply.expect(201);
    assert_eq!(location, token_path(&created));
    let token = created["token"].as_str().unwrap();
    assert_eq!(
        public_token(&created),
        json!({
            "id": created["id"],
            "name": "deploy script",
            "prefix": token[.."sk_live_".len() + 4],
            "scopes": ["read", "write"],
            "state": "active",
            "expiresAt": null,
            "lastUsedAt": null,
            "revokedAt": null,
            "createdAt": server.now().to_string(),
        })
    );
    assert!(token.starts_with("sk_live_"));
    assert_eq!(token.len(), "sk_live_".len() + 32 + 6);

    server.advance(days(36_500));
    let script = token_caller(&server, &created);
    let me = script.get("/api/me").await.expect(200);
    assert_eq!(me["user"]["id"], ada.id.as_str());
    assert_eq!(me["scopes"], json!(["read", "write"]));
}

#[apply(on_both_databases)]
async fn token_may_do_only_what_its_scopes_allow(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    for (requested, granted) in [
        (json!(["read"]), json!(["read"])),
        (json!(["write"]), json!(["write"])),
        (json!(["admin"]), json!(["admin"])),
        (json!(["admin", "read"]), json!(["read", "admin"])),
        (json!(["admin", "write"]), json!(["write", "admin"])),
        (json!(["write", "write"]), json!(["write"])),
    ] {
        let created = admin.create_token(json!({ "name": "x", "scopes": requested })).await;
        assert_eq!(created["scopes"], granted);
        let script = token_caller(&server, &created);
        let has_scope = |scope: &str| granted.as_array().unwrap().contains(&json!(scope));
        let status = |allowed, success| if allowed { success } else { 403 };
        script.get(PATH).await.expect(status(has_scope("read"), 200));
        let write = script.post(&reactivation(&admin.id), json!({})).await;
        write.expect(status(has_scope("write") && has_scope("admin"), 200));
        let admins = script.get("/api/admin/users").await;
        admins.expect(status(has_scope("read") && has_scope("admin"), 200));
    }
}

#[apply(on_both_databases)]
async fn token_expires_exactly_at_its_expiry_time(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for number in [1, 3650] {
        let body = json!({ "name": "x", "expiresInDays": number });
        let created = server.sign_in(&ada).await.post(PATH, body).await.expect(201);
        let end = server.now() + days(number);
        assert_eq!(created["expiresAt"], end.to_string());
        let script = token_caller(&server, &created);
        server.clock.set(end - seconds(1));
        script.get("/api/me").await.expect(200);
        server.clock.set(end);
        script.get("/api/me").await.assert_problem(401, "token_expired");
    }
}

#[apply(on_both_databases)]
async fn create_token_expiry_is_limited_by_max_token_days(backend: Backend) {
    let server = backend.start_with(&["--max-token-days", "30"]).await;
    let ada = server.sign_up("ada").await;
    for number in [31, 3650] {
        let reply = ada.browser.post(PATH, json!({ "name": "x", "expiresInDays": number })).await;
        let problem = reply.assert_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], "expiresInDays");
        assert!(problem["errors"][0]["message"].as_str().unwrap().contains("30"), "{problem}");
    }
    for (requested, granted) in [(json!(null), 30), (json!(30), 30), (json!(7), 7)] {
        let created = ada.create_token(json!({ "name": "x", "expiresInDays": requested })).await;
        assert_eq!(created["expiresAt"], (server.now() + days(granted)).to_string());
    }
    let created = ada.create_token(json!({ "name": "default expiry" })).await;
    assert_eq!(created["expiresAt"], (server.now() + days(30)).to_string());
}

#[apply(on_both_databases)]
async fn create_token_uses_the_configured_prefix(backend: Backend) {
    let server = backend.start_with(&["--token-prefix", "acme_"]).await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "x" })).await;
    let token = created["token"].as_str().unwrap();
    assert!(token.starts_with("acme_"));
    assert_eq!(created["prefix"], token[.."acme_".len() + 4]);
    token_caller(&server, &created).get("/api/me").await.expect(200);
    let other_prefix = server.anonymous.with_token(&Server::unknown_token());
    other_prefix.get("/api/me").await.assert_problem(401, "token_malformed");
}

#[apply(on_both_databases)]
async fn create_token_shows_the_token_once_and_never_stores_it(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let admin = server.sign_up_admin("admin").await;
    let created = ada.create_token(json!({ "name": "secret keeper" })).await;
    let token = created["token"].as_str().unwrap().to_owned();
    let script = token_caller(&server, &created);
    let path = token_path(&created);
    let replies = [
        script.get("/api/me").await,
        script.get("/api/auth/get-session").await,
        script.get(PATH).await,
        script.get(&path).await,
        ada.browser.get(PATH).await,
        ada.browser.get(&path).await,
        ada.browser.patch(&path, json!({ "name": "keeper of secrets" })).await,
        admin.browser.get("/api/admin/tokens").await,
        admin.browser.get("/api/admin/activity").await,
        script.post(PATH, json!({})).await,
        script.get("/api/tokens?x=1").await,
        script.delete("/api/tokens/current").await,
        script.get("/api/me").await,
    ];
    // Without the first characters, which are shown as the prefix.
    let secret = &token["sk_live_".len() + 4..];
    for reply in &replies {
        assert!(!reply.text.contains(secret), "{}", reply.text);
        let headers = format!("{:?}", reply.headers);
        assert!(!headers.contains(secret), "{headers}");
    }

    server.state.last_used.flush(&server.state.store).await.unwrap();
    let stored = dump(&server).await;
    let hex = secret.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    assert!(stored.contains("keeper of secrets"), "the dump contains the row of the token");
    assert!(stored.contains(created["prefix"].as_str().unwrap()));
    assert!(!stored.contains(secret));
    assert!(!stored.to_ascii_lowercase().contains(&hex));
}

#[apply(on_both_databases)]
async fn create_token_returns_a_unique_token_each_time(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..20 {
        let created = ada.create_token(json!({ "name": "the same" })).await;
        assert!(seen.insert(created["token"].as_str().unwrap()[8..40].to_owned()));
        assert!(seen.insert(created["id"].as_str().unwrap().to_owned()));
    }
}

#[apply(on_both_databases)]
async fn concurrent_deactivation_invalidates_a_token_created_meanwhile(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let user = format!("/api/admin/users/{}", ada.id);
    let (deactivate, reactivate) = (format!("{user}/deactivate"), format!("{user}/reactivate"));
    for round in 0..rounds(20) {
        let revoke = round % 2 == 0;
        let browser = server.sign_in(&ada).await;
        let (created, deactivated) = tokio::join!(
            browser.post(PATH, json!({ "name": "raced" })),
            admin.browser.post(&deactivate, json!({ "revokeCredentials": revoke }))
        );
        deactivated.expect(200);
        browser.post(PATH, json!({ "name": "late" })).await.assert_problem(401, "UNAUTHORIZED");
        let script = match created.status.as_u16() {
            201 => Some(token_caller(&server, &created.json())),
            _ => None,
        };
        match &script {
            Some(script) => script.get("/api/me").await.assert_problem(401, "token_invalid"),
            None => created.assert_problem(401, "UNAUTHORIZED"),
        };
        admin.browser.post(&reactivate, json!({})).await.expect(200);
        if let Some(script) = script {
            let expected = if revoke { 401 } else { 200 };
            script.get("/api/me").await.expect(expected);
        }
    }
}

#[apply(on_both_databases)]
async fn concurrent_demotion_leaves_a_new_admin_token_without_admin_access(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let mut ada = server.sign_up_admin("ada").await;
    let user = format!("/api/admin/users/{}", ada.id);
    for _ in 0..rounds(20) {
        let body = json!({ "name": "raced", "scopes": ["read", "admin"] });
        let (created, demoted) = tokio::join!(
            ada.browser.post(PATH, body),
            admin.browser.patch(&user, json!({ "role": "user" }))
        );
        demoted.expect(200);
        if created.status == 201 {
            let script = token_caller(&server, &created.json());
            script.get("/api/admin/users").await.assert_problem(403, "admin_required");
        } else {
            assert!(created.status.is_client_error(), "{created:?}");
        }
        ada = server.make_admin(ada).await;
    }
}

#[apply(on_both_databases)]
async fn demoted_admins_token_loses_admin_access_and_keeps_other_scopes(backend: Backend) {
    let server = backend.start().await;
    server.sign_up_admin("admin").await;
    let ada = server.sign_up_admin("ada").await;
    let script = ada.token(&["read", "write", "admin"]).await;
    script.get("/api/admin/users").await.expect(200);

    server.set_role(&ada, Role::User).await;
    script.get("/api/admin/users").await.assert_problem(403, "admin_required");
    let user = format!("/api/admin/users/{}", ada.id);
    script.patch(&user, json!({ "role": "admin" })).await.assert_problem(403, "admin_required");
    script
        .post(&format!("{user}/deactivate"), json!({}))
        .await
        .assert_problem(403, "admin_required");
    assert_eq!(script.get("/api/me").await.expect(200)["scopes"], json!(["read", "write"]));
    let list = script.get(PATH).await.expect(200);
    assert_eq!(list["items"][0]["scopes"], json!(["read", "write", "admin"]));
}
