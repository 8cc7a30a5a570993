use portcullis::{
    store::last_used::{CredentialId, LastUsed},
    time::{Timestamp, days, seconds},
};

mod clocks;
mod tabs;

use super::*;

/// Returns the browser's own session.
async fn current(browser: &Caller) -> Value {
    browser.get(GET_SESSION).await.expect(200)["session"].clone()
}

/// Returns the id of the browser's own session.
async fn id_of(browser: &Caller) -> String {
    let look = format!("{GET_SESSION}?disableRefresh=1");
    browser.get(&look).await.expect(200)["session"]["id"].as_str().unwrap().to_owned()
}

/// Returns the ids of the sessions that a browser is shown.
async fn listed(browser: &Caller) -> Vec<String> {
    let sessions = browser.get(LIST_SESSIONS).await.expect(200);
    let ids = sessions.as_array().unwrap().iter().map(|session| session["id"].as_str().unwrap());
    ids.map(ToOwned::to_owned).collect()
}

async fn revoke(browser: &Caller, id: &str) -> Reply {
    browser.post(REVOKE_SESSION, json!({ "token": id })).await
}

/// Returns the browser's own session, without extending it.
async fn seen(browser: &Caller) -> Value {
    browser.get(&format!("{GET_SESSION}?disableRefresh=1")).await.expect(200)["session"].clone()
}

#[apply(on_both_databases)]
async fn list_or_revoke_sessions_without_credentials_is_unauthorized(backend: Backend) {
    let server = backend.start().await;
    server.anonymous.get(LIST_SESSIONS).await.assert_problem(401, "UNAUTHORIZED");
    for path in [REVOKE_SESSION, REVOKE_SESSIONS, REVOKE_OTHERS] {
        server
            .anonymous
            .post(path, json!({ "token": "x" }))
            .await
            .assert_problem(401, "UNAUTHORIZED");
    }
}

#[apply(on_both_databases)]
async fn list_or_revoke_sessions_with_token_is_forbidden(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up_admin("ada").await;
    let script = ada.token(&["read", "write", "admin"]).await;
    let id = id_of(&ada.browser).await;
    script.get(LIST_SESSIONS).await.assert_problem(403, "cookie_required");
    for path in [REVOKE_SESSION, REVOKE_SESSIONS, REVOKE_OTHERS] {
        script.post(path, json!({ "token": id })).await.assert_problem(403, "cookie_required");
    }
    assert!(is_signed_in(&ada.browser).await);
}

#[apply(on_both_databases)]
async fn revoke_session_with_invalid_id_fails_validation(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for token in [json!("x".repeat(101)), json!("x\0"), json!(1), Value::Null] {
        let reply = ada.browser.post(REVOKE_SESSION, json!({ "token": token })).await;
        let problem = reply.assert_problem(400, "VALIDATION_ERROR");
        assert!(problem["message"].as_str().unwrap().starts_with("[body.token] "), "{problem}");
    }
    ada.browser.post(REVOKE_SESSION, json!({})).await.assert_problem(400, "VALIDATION_ERROR");
    assert!(is_signed_in(&ada.browser).await);
}

#[apply(on_both_databases)]
async fn id_with_nul_in_any_body_fails_validation(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for (path, field) in [
        (REVOKE_SESSION, "token"),
        ("/api/auth/passkey/update-passkey", "id"),
        ("/api/auth/passkey/delete-passkey", "id"),
        ("/api/auth/unlink-account", "accountId"),
    ] {
        let reply = ada.browser.post(path, json!({ field: "x\0", "name": "Key" })).await;
        let problem = reply.assert_problem(400, "VALIDATION_ERROR");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
}

#[apply(on_both_databases)]
async fn get_session_without_valid_credentials_is_null(backend: Backend) {
    let server = backend.start().await;
    let junk = server.anonymous.with_cookie("portcullis=junk");
    let unknown = server.anonymous.with_token(&Server::unknown_token());
    for caller in [&server.anonymous, &junk, &unknown] {
        let reply = caller.get(GET_SESSION).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.text, "null");
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.header("pragma"), Some("no-cache"));
        assert_eq!(reply.header("set-cookie"), None);
    }
}

#[apply(on_both_databases)]
async fn get_session_shows_every_field(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let signed_in = server
        .anonymous
        .request(Method::POST, SIGN_IN)
        .header("User-Agent", format!("Browser/1.0 {}", "x".repeat(600)))
        .header("X-Forwarded-For", "203.0.113.7")
        .header("Forwarded", "for=203.0.113.7")
        .json(&sign_up_body("ada"));
    let browser = server.anonymous.with_cookie(&Reply::of(signed_in).await.cookie().unwrap());
    let reply = browser.get(GET_SESSION).await;
    assert_eq!(reply.header("pragma"), Some("no-cache"));
    assert_eq!(reply.header("set-cookie"), None, "the session is not extended yet");
    let answer = reply.expect(200);
    let (session, now) = (&answer["session"], server.now());
    assert_eq!(
        *session,
        json!({
            "id": session["id"],
            "token": session["id"],
            "userId": ada.id,
            "expiresAt": (now + days(7)).to_string(),
            "createdAt": now.to_string(),
            "updatedAt": now.to_string(),
            "ipAddress": "127.0.0.1",
            "userAgent": format!("Browser/1.0 {}", "x".repeat(500)),
            "lastSeenAt": now.to_string(),
            "authenticatedAt": now.to_string(),
            "amr": ["pwd"],
        })
    );
    assert_eq!(answer["user"]["id"], ada.id.as_str());
    assert_eq!(answer.as_object().unwrap().len(), 2);
}

#[apply(on_both_databases)]
async fn get_session_timestamps_have_milliseconds_and_end_in_z(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    // 2026-11-23T12:48:00.000789Z
    server.clock.set(Timestamp::from_micros(1_795_438_080_000_789));
    let browser = server.sign_in(&ada).await;
    let answer = browser.get(GET_SESSION).await.expect(200);
    assert_eq!(answer["session"]["createdAt"], "2026-11-23T12:48:00.000Z");
    assert_eq!(answer["session"]["expiresAt"], "2026-11-30T12:48:00.000Z");
    for part in ["session", "user"] {
        for (name, value) in answer[part].as_object().unwrap() {
            if name.ends_with("At") {
                let text = value.as_str().unwrap();
                assert_eq!(text.len(), 24, "{name}: {text}");
                assert!(text.ends_with('Z') && text.as_bytes()[19] == b'.', "{name}: {text}");
            }
        }
    }
}

#[apply(on_both_databases)]
async fn get_session_with_token_has_a_user_and_a_null_session(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let script = ada.token(&["read"]).await;
    server.advance(days(1));
    let reply = script.get(GET_SESSION).await;
    assert_eq!(reply.header("set-cookie"), None);
    let user = ada.browser.get(GET_SESSION).await.expect(200)["user"].clone();
    assert_eq!(reply.expect(200), json!({ "session": null, "user": user }));
}

#[apply(on_both_databases)]
async fn session_idle_timeout_is_extended_by_any_request_once_a_day(backend: Backend) {
    let server = backend.start().await;
    for (at, (method, path)) in [
        (Method::GET, GET_SESSION),
        (Method::GET, ME),
        (Method::GET, LIST_SESSIONS),
        (Method::GET, "/api/dashboard"),
        (Method::POST, UPDATE_USER),
        (Method::GET, "/settings"),
    ]
    .into_iter()
    .enumerate()
    {
        let ada = server.sign_up(&format!("ada{at}")).await;
        let use_it = async || {
            let request = ada.browser.request(method.clone(), path);
            let reply = Reply::of(if method == Method::POST {
                request.json(&json!({ "name": server.now().to_string() }))
            } else {
                request
            })
            .await;
            assert!(reply.status.is_success(), "{path}: {}", reply.text);
            assert_eq!(
                reply.header("set-cookie"),
                None,
                "{path}: the cookie is persistent all the same"
            );
            server.write_last_uses().await;
        };
        let begun = seen(&ada.browser).await;
        advance_to_just_before(&server, days(1));
        use_it().await;
        assert_eq!(seen(&ada.browser).await["expiresAt"], begun["expiresAt"], "{path}");

        server.advance(seconds(1));
        let now = server.now();
        use_it().await;
        let extended = seen(&ada.browser).await;
        assert_eq!(extended["expiresAt"], (now + days(7)).to_string(), "{path}");
        assert_eq!(extended["updatedAt"], now.to_string(), "{path}");
        for stays in ["id", "token", "userId", "createdAt", "authenticatedAt"] {
            assert_eq!(extended[stays], begun[stays], "{path}");
        }

        advance_to_just_before(&server, days(1));
        ada.browser.get(ME).await.expect(200);
        server.write_last_uses().await;
        assert_eq!(seen(&ada.browser).await["updatedAt"], extended["updatedAt"], "once a day");

        server.clock.set(now + days(7) - seconds(1));
        assert_eq!(seen(&ada.browser).await["id"], begun["id"], "{path}");
        server.advance(seconds(1));
        assert_eq!(seen(&ada.browser).await, Value::Null, "{path}");
    }
}

#[apply(on_both_databases)]
async fn concurrent_requests_extend_a_session_with_one_write(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    server.advance(days(1));
    let (first, until) = (server.now(), (server.now() + days(7)).to_string());
    let many: Vec<_> = (0..20)
        .map(|_| {
            let browser = ada.browser.clone();
            tokio::spawn(async move { current(&browser).await["expiresAt"].clone() })
        })
        .collect();
    for one in many {
        assert_eq!(one.await.unwrap(), until);
    }
    server.advance(seconds(10));
    assert_eq!(current(&ada.browser).await["expiresAt"], until, "the first use counts");
    server.write_last_uses().await;
    let written = seen(&ada.browser).await;
    assert_eq!(written["expiresAt"], until);
    assert_eq!(written["updatedAt"], first.to_string());
}

#[apply(on_both_databases)]
async fn expired_session_is_not_extended(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    server.advance(days(7));
    let reply = ada.browser.get(GET_SESSION).await;
    assert_eq!(reply.header("set-cookie"), None);
    assert_eq!(reply.text, "null");
    server.write_last_uses().await;
    assert!(!is_signed_in(&ada.browser).await);
    server.clock.set(server.now() - seconds(1));
    assert!(is_signed_in(&ada.browser).await, "the row is unchanged");
}

#[apply(on_both_databases)]
async fn get_session_with_disable_refresh_does_not_extend_the_session(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let begun = current(&ada.browser).await;
    server.advance(days(1));
    for text in ["1", "true", "false", "0"] {
        let reply = ada.browser.get(&format!("{GET_SESSION}?disableRefresh={text}")).await;
        assert_eq!(reply.header("set-cookie"), None);
        server.write_last_uses().await;
        let session = seen(&ada.browser).await;
        assert_eq!(session["expiresAt"], begun["expiresAt"]);
        assert_eq!(session["updatedAt"], begun["updatedAt"]);
    }
    ada.browser.get(&format!("{GET_SESSION}?disableRefresh=")).await.expect(200);
    let extended = seen(&ada.browser).await;
    assert_eq!(
        extended["expiresAt"],
        (server.now() + days(7)).to_string(),
        "an empty value is ignored"
    );
}

#[apply(on_both_databases)]
async fn get_session_ignores_unknown_query_parameters(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let path = format!("{GET_SESSION}?disableCookieCache=true");
    assert_eq!(ada.browser.get(&path).await.expect(200)["user"]["id"], ada.id.as_str());
}

#[apply(on_both_databases)]
async fn session_without_remember_me_expires_after_one_day_despite_use(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let browser = sign_in_without_remember_me(&server, &ada).await;
    let end = (server.now() + days(1)).to_string();
    assert_eq!(current(&browser).await["expiresAt"], end);
    advance_to_just_before(&server, days(1));
    let reply = browser.get(GET_SESSION).await;
    assert_eq!(reply.header("set-cookie"), None);
    assert_eq!(reply.expect(200)["session"]["expiresAt"], end);
    server.write_last_uses().await;
    server.advance(seconds(1));
    let reply = browser.get(GET_SESSION).await;
    assert_eq!(reply.header("set-cookie"), None);
    assert_eq!(reply.text, "null");
    assert!(!is_signed_in(&browser).await);
    assert!(is_signed_in(&ada.browser).await, "the persistent session is valid");
}

#[apply(on_both_databases)]
async fn session_absolute_timeout_is_thirty_days_despite_use(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let begun = server.now();
    let last = begun + days(30);
    for day in 1..30 {
        server.clock.set(begun + days(day));
        let reply = ada.browser.get(ME).await;
        assert_eq!(reply.header("set-cookie"), None, "day {day}");
        server.write_last_uses().await;
        let end = (server.now() + days(7)).min(last);
        assert_eq!(reply.expect(200)["session"]["expiresAt"], end.to_string(), "day {day}");
    }
    server.clock.set(last - seconds(1));
    assert!(is_signed_in(&ada.browser).await);
    server.clock.set(last);
    assert!(!is_signed_in(&ada.browser).await);
    let reply = ada.browser.get(GET_SESSION).await;
    assert_eq!(reply.header("set-cookie"), None);
    assert_eq!(reply.text, "null");
}

#[apply(on_both_databases)]
async fn concurrent_revocation_and_extension_leave_the_session_revoked(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for _ in 0..rounds(8) {
        let laptop = server.sign_in(&ada).await;
        let id = id_of(&laptop).await;
        server.advance(days(1));
        let phone = server.sign_in(&ada).await;
        let (revoked, _, ()) =
            tokio::join!(revoke(&phone, &id), laptop.get(GET_SESSION), server.write_last_uses());
        revoked.expect(200);
        server.write_last_uses().await;
        assert_eq!(laptop.get(GET_SESSION).await.text, "null");
        assert!(!listed(&phone).await.contains(&id));
    }
}

#[apply(on_both_databases)]
async fn list_sessions_shows_unexpired_ones_newest_first(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let old = id_of(&ada.browser).await;
    assert_eq!(listed(&ada.browser).await, [old.as_str()], "the user's own session comes first");

    server.advance(days(6));
    let short = id_of(&sign_in_without_remember_me(&server, &ada).await).await;
    let phone = server.sign_in(&ada).await;
    let new = id_of(&phone).await;
    assert_eq!(listed(&phone).await, [new.as_str(), &short, &old]);
    assert_eq!(listed(&grace.browser).await.len(), 1, "other users' sessions are not listed");

    advance_to_just_before(&server, days(1));
    assert_eq!(listed(&phone).await, [new.as_str(), &short, &old]);
    server.advance(seconds(1));
    assert_eq!(listed(&phone).await, [new.as_str()], "an expired session is not listed");
    // That request has extended it.
    server.write_last_uses().await;
    let sessions = phone.get(LIST_SESSIONS).await.expect(200);
    assert_eq!(
        sessions[0],
        phone.get(&format!("{GET_SESSION}?disableRefresh=1")).await.expect(200)["session"]
    );
}

#[apply(on_both_databases)]
async fn list_sessions_pagination_uses_link_headers(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let mut created = vec![id_of(&ada.browser).await];
    for _ in 0..4 {
        created.insert(0, id_of(&server.sign_in(&ada).await).await);
    }
    let page_at = async |path: &str| {
        let reply = ada.browser.get(path).await;
        let header = reply.header("link").unwrap_or_default().to_owned();
        let link = |relation: &str| {
            let mut links = header.split(", ");
            let one = links.find_map(|link| link.strip_suffix(&format!(">; rel=\"{relation}\"")));
            one.map(|link| link.trim_start_matches('<').to_owned())
        };
        let (previous, next) = (link("prev"), link("next"));
        let page = reply.expect(200);
        let ids = page.as_array().unwrap().iter().map(|session| session["id"].as_str().unwrap());
        (ids.map(ToOwned::to_owned).collect::<Vec<_>>(), previous, next)
    };
    let expected: Vec<&[String]> = created.chunks(2).collect();
    let first = format!("{LIST_SESSIONS}?limit=2");
    let (one, none, next) = page_at(&first).await;
    let (two, previous, next) = page_at(&next.unwrap()).await;
    let (three, back, end) = page_at(&next.unwrap()).await;
    assert_eq!([&one[..], &two, &three], expected[..]);
    assert_eq!((none, end), (None, None));
    assert_eq!(page_at(&back.unwrap()).await.0, two);
    let (again, none, next) = page_at(&previous.unwrap()).await;
    assert_eq!((again, none), (one, None));
    assert!(next.is_some());
    let all = ada.browser.get(LIST_SESSIONS).await;
    assert_eq!(all.header("link"), None);
    assert_eq!(all.expect(200).as_array().unwrap().len(), 5);
    let id = &created[0];
    let both = format!("cursor={id}&before={id}");
    for wrong in ["limit=0", "limit=101", "limit=x", "cursor=x", "before=x", &both] {
        let reply = ada.browser.get(&format!("{LIST_SESSIONS}?{wrong}")).await;
        reply.assert_problem(400, "VALIDATION_ERROR");
    }
    ada.browser.get(&format!("{LIST_SESSIONS}?unknown=1")).await.expect(200);
}

#[apply(on_both_databases)]
async fn revoke_session_ends_only_that_session(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let phone = server.sign_in(&ada).await;
    let tablet = server.sign_in(&ada).await;
    let reply = revoke(&ada.browser, &id_of(&phone).await).await;
    assert_eq!(reply.header("set-cookie"), None, "the caller's own session continues");
    assert_eq!(reply.expect(200), json!({ "status": true }));
    assert!(!is_signed_in(&phone).await);
    assert!(is_signed_in(&tablet).await);
    assert!(is_signed_in(&ada.browser).await);
}

#[apply(on_both_databases)]
async fn revoke_current_session_removes_the_cookie(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let phone = server.sign_in(&ada).await;
    let reply = revoke(&ada.browser, &id_of(&ada.browser).await).await;
    assert!(reply.removes_cookie());
    assert_eq!(reply.expect(200), json!({ "status": true }));
    assert!(!is_signed_in(&ada.browser).await);
    assert!(is_signed_in(&phone).await);
}

#[apply(on_both_databases)]
async fn revoke_session_of_another_user_does_nothing_and_reveals_nothing(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let eve = server.sign_up_admin("eve").await;
    let strangers = id_of(&ada.browser).await;
    let cookie = secret_of(ada.browser.cookie.as_ref().unwrap());
    let unknown = "00000000-0000-7000-8000-000000000000";
    for token in [strangers.as_str(), unknown, "", "' OR 1=1 --", &cookie] {
        let reply = revoke(&eve.browser, token).await;
        assert_eq!(reply.header("set-cookie"), None);
        assert_eq!(reply.expect(200), json!({ "status": true }), "the same response for each");
    }
    assert!(is_signed_in(&ada.browser).await);
    assert!(is_signed_in(&eve.browser).await);
}

#[apply(on_both_databases)]
async fn revoke_sessions_ends_all_sessions_and_keeps_tokens(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let phone = server.sign_in(&ada).await;
    let script = ada.token(&["read"]).await;
    let reply = ada.browser.post(REVOKE_SESSIONS, json!({})).await;
    assert!(reply.removes_cookie());
    assert_eq!(reply.expect(200), json!({ "status": true }));
    assert!(!is_signed_in(&ada.browser).await);
    assert!(!is_signed_in(&phone).await);
    assert!(is_signed_in(&script).await, "tokens stay valid");
    assert!(is_signed_in(&grace.browser).await, "the sessions of other users stay valid");
    ada.browser.post(REVOKE_SESSIONS, json!({})).await.assert_problem(401, "UNAUTHORIZED");
    server.sign_in(&ada).await;
}

#[apply(on_both_databases)]
async fn revoke_other_sessions_keeps_the_current_one(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let devices = [server.sign_in(&ada).await, sign_in_without_remember_me(&server, &ada).await];
    let bare = Reply::of(ada.browser.request(Method::POST, REVOKE_OTHERS)).await;
    assert_eq!(bare.header("set-cookie"), None);
    assert_eq!(bare.expect(200), json!({ "status": true }), "a body is not needed");
    for device in &devices {
        assert!(!is_signed_in(device).await);
    }
    assert!(is_signed_in(&ada.browser).await);
    assert!(is_signed_in(&grace.browser).await, "the sessions of other users stay valid");
    assert_eq!(listed(&ada.browser).await.len(), 1);
    ada.browser.post(REVOKE_OTHERS, json!({})).await.expect(200);
}

#[apply(on_both_databases)]
async fn session_last_seen_is_updated_at_most_once_a_minute(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let id = id_of(&ada.browser).await;
    let watcher = server.sign_in(&ada).await;
    let seen = async || {
        server.write_last_uses().await;
        let sessions = watcher.get(LIST_SESSIONS).await.expect(200);
        let found = sessions.as_array().unwrap().iter().find(|session| session["id"] == *id);
        found.unwrap()["lastSeenAt"].as_str().unwrap().to_owned()
    };
    let begun = server.now();
    assert_eq!(seen().await, begun.to_string());

    server.advance(seconds(59));
    ada.browser.get(ME).await.expect(200);
    assert_eq!(seen().await, begun.to_string(), "not again within the minute");
    server.advance(seconds(1));
    ada.browser.get(ME).await.expect(200);
    assert_eq!(seen().await, (begun + seconds(60)).to_string());
    server.advance(seconds(59));
    ada.browser.get(ME).await.expect(200);
    assert_eq!(
        seen().await,
        (begun + seconds(60)).to_string(),
        "the minute begins at the last write"
    );
    server.advance(days(2));
    assert_eq!(seen().await, (begun + seconds(60)).to_string(), "not without a use");

    // Another instance, whose clock is behind, notes a use.
    server.state.last_used.note(&LastUsed::at(None), begun, || CredentialId::Session(id.clone()));
    assert_eq!(seen().await, (begun + seconds(60)).to_string(), "the time only moves forward");
}

#[apply(on_both_databases)]
async fn token_last_used_is_updated_at_most_once_a_minute(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "script" })).await;
    let id = created["id"].as_str().unwrap();
    let script = server.anonymous.with_token(created["token"].as_str().unwrap());
    let used = async || {
        server.write_last_uses().await;
        ada.browser.get(&format!("/api/tokens/{id}")).await.expect(200)["lastUsedAt"].clone()
    };
    let begun = server.now();
    assert_eq!(used().await, Value::Null, "never used so far");

    script.get(ME).await.expect(200);
    assert_eq!(used().await, begun.to_string(), "the first use is noted at once");
    server.advance(seconds(59));
    script.get(ME).await.expect(200);
    assert_eq!(used().await, begun.to_string(), "not again within the minute");
    server.advance(seconds(1));
    script.get(ME).await.expect(200);
    assert_eq!(used().await, (begun + seconds(60)).to_string());

    server.state.last_used.note(&LastUsed::at(None), begun, || CredentialId::Token(id.to_owned()));
    assert_eq!(used().await, (begun + seconds(60)).to_string(), "the time only moves forward");
}
