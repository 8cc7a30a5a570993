//! /api/admin/users/{id}/sessions and …/tokens

use portcullis::time::{days, seconds};

use super::*;

fn sessions(person: &TestUser) -> String {
    format!("{}/sessions", user_path(person))
}

fn tokens(person: &TestUser) -> String {
    format!("{}/tokens", user_path(person))
}

/// Returns the items on a page of a list, and the cursor of the next page.
fn page_of(page: &Value) -> (Vec<Value>, Value) {
    (page["items"].as_array().unwrap().clone(), page["nextCursor"].clone())
}

#[apply(on_both_databases)]
async fn list_or_revoke_credentials_by_non_admin_is_unauthorized_or_forbidden(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let script = ada.token(&["read", "write"]).await;
    for person in [&ada, &grace] {
        server.anonymous.get(&sessions(person)).await.assert_problem(401, "UNAUTHORIZED");
        ada.browser.get(&sessions(person)).await.assert_problem(403, "admin_required");
        script.get(&sessions(person)).await.assert_problem(403, "insufficient_scope");
        for path in [sessions(person), tokens(person)] {
            server.anonymous.delete(&path).await.assert_problem(401, "UNAUTHORIZED");
            ada.browser.delete(&path).await.assert_problem(403, "admin_required");
            script.delete(&path).await.assert_problem(403, "insufficient_scope");
        }
    }
    for caller in [&ada.browser, &grace.browser, &script] {
        caller.get("/api/me").await.expect(200);
    }
}

#[apply(on_both_databases)]
async fn revoke_credentials_requires_fresh_session_or_write_token(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let writer = admin.token(&["write", "admin"]).await;
    let reader = admin.token(&["read", "admin"]).await;
    server.advance(days(1));
    admin.browser.get(&sessions(&ada)).await.expect(200);
    reader.get(&sessions(&ada)).await.expect(200);
    for path in [sessions(&ada), tokens(&ada)] {
        admin.browser.delete(&path).await.assert_problem(403, "SESSION_NOT_FRESH");
        reader.delete(&path).await.assert_problem(403, "insufficient_scope");
    }
    ada.browser.get("/api/me").await.expect(200);
    assert_eq!(writer.delete(&sessions(&ada)).await.expect(200), json!({ "ended": 1 }));
    assert_eq!(writer.delete(&tokens(&ada)).await.expect(200), json!({ "ended": 0 }));
}

#[apply(on_both_databases)]
async fn list_or_revoke_credentials_with_unknown_or_malformed_id_is_not_found(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let before = events(&admin.browser).await;
    for id in unknown_ids() {
        let user = format!("{USERS}/{id}");
        admin.browser.get(&format!("{user}/sessions")).await.assert_problem(404, "not_found");
        admin.browser.delete(&format!("{user}/sessions")).await.assert_problem(404, "not_found");
        admin.browser.delete(&format!("{user}/tokens")).await.assert_problem(404, "not_found");
    }
    assert_eq!(events(&admin.browser).await, before);
}

#[apply(on_both_databases)]
async fn user_without_credentials_lists_none_and_revokes_zero(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let created = create_user(&admin.browser, "ada", "ada@example.com").await;
    let user = format!("{USERS}/{}", created["id"].as_str().unwrap());
    let listed = admin.browser.get(&format!("{user}/sessions")).await.expect(200);
    assert_eq!(listed, json!({ "items": [], "previousCursor": null, "nextCursor": null }));
    for what in ["sessions", "tokens"] {
        let ended = admin.browser.delete(&format!("{user}/{what}")).await.expect(200);
        assert_eq!(ended, json!({ "ended": 0 }));
    }
}

#[apply(on_both_databases)]
async fn list_user_sessions_shows_unexpired_ones_with_pagination_and_no_secret(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    server.advance(days(1));
    let phone = server.sign_in(&ada).await;
    let own = |me: Value| me["session"].clone();
    let first = own(ada.browser.get("/api/me?disableRefresh=1").await.expect(200));
    let second = own(phone.get("/api/me").await.expect(200));
    let reply = admin.browser.get(&sessions(&ada)).await;
    for caller in [&ada.browser, &phone] {
        let cookie = caller.cookie.as_ref().unwrap();
        assert!(!reply.text.contains(cookie.split_once('=').unwrap().1));
    }
    assert_eq!(pages(&admin.browser, &format!("{}?limit=1", sessions(&ada))).await.len(), 2);
    let (items, next) = page_of(&reply.expect(200));
    let ids = each(&items, "id");
    assert_eq!(ids, [second["id"].as_str().unwrap(), first["id"].as_str().unwrap()]);
    assert_eq!(next, Value::Null);
    assert_eq!(items[1]["userId"], ada.id.as_str());
    assert_eq!(items[1]["expiresAt"], first["expiresAt"]);
    for (cursor, session, next) in [
        (String::new(), &second, second["id"].clone()),
        (format!("&cursor={}", second["id"].as_str().unwrap()), &first, Value::Null),
    ] {
        let page = admin.browser.get(&format!("{}?limit=1{cursor}", sessions(&ada))).await;
        let (items, cursor) = page_of(&page.expect(200));
        assert_eq!(each(&items, "id"), [session["id"].as_str().unwrap()]);
        assert_eq!(cursor, next);
    }
    let wrong = admin.browser.get(&format!("{}?limit=101", sessions(&ada))).await;
    wrong.assert_problem(400, "invalid_query");

    server.advance(days(6));
    let colleague = server.sign_in(&admin).await;
    let (items, _) = page_of(&colleague.get(&sessions(&ada)).await.expect(200));
    assert_eq!(each(&items, "id"), [second["id"].as_str().unwrap()]);
}

#[apply(on_both_databases)]
async fn revoke_user_sessions_leaves_tokens_and_other_users_sessions(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let phone = server.sign_in(&ada).await;
    let script = ada.token(&["read"]).await;
    let ended = admin.browser.delete(&sessions(&ada)).await.expect(200);
    assert_eq!(ended, json!({ "ended": 2 }));
    for browser in [&ada.browser, &phone] {
        browser.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
    }
    for caller in [&script, &grace.browser, &admin.browser] {
        caller.get("/api/me").await.expect(200);
    }
    let (left, _) = page_of(&admin.browser.get(&sessions(&ada)).await.expect(200));
    assert!(left.is_empty());
    let event = events(&admin.browser).await.remove(0);
    assert_eq!(event["action"], "sessions-ended");
    assert_eq!(event["actorId"], admin.id.as_str());
    assert_eq!(event["subjectId"], ada.id.as_str());
    server.sign_in(&ada).await.get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn revoke_session_ends_only_that_session(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let phone = server.sign_in(&ada).await;
    let (ended, kept) = (phone.session_id().await, ada.browser.session_id().await);
    let path = format!("/api/admin/sessions/{ended}");
    server.anonymous.delete(&path).await.assert_problem(401, "UNAUTHORIZED");
    ada.browser.delete(&path).await.assert_problem(403, "admin_required");
    let reader = admin.token(&["read", "admin"]).await;
    reader.delete(&path).await.assert_problem(403, "insufficient_scope");
    phone.get("/api/me").await.expect(200);

    let before = events(&admin.browser).await;
    admin.browser.delete(&path).await.expect(204);
    phone.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
    ada.browser.get("/api/me").await.expect(200);
    let log = events(&admin.browser).await;
    assert_eq!(log[1..], before);
    assert_eq!(log[0]["action"], "session-ended");
    assert_eq!(log[0]["actorId"], admin.id.as_str());
    assert_eq!(log[0]["subjectId"], ada.id.as_str());
    assert_eq!(log[0]["detail"], json!({ "sessionId": ended }));

    for gone in unknown_ids().iter().chain([&ended]) {
        let path = format!("/api/admin/sessions/{gone}");
        admin.browser.delete(&path).await.assert_problem(404, "not_found");
    }
    // An expired token, and one that was revoked with all others, have ended already.
    let writer = admin.token(&["read", "write", "admin"]).await;
    server.advance(days(1));
    let path = format!("/api/admin/sessions/{}", admin.browser.session_id().await);
    admin.browser.delete(&path).await.assert_problem(403, "SESSION_NOT_FRESH");
    server.advance(days(7));
    writer.delete(&format!("/api/admin/sessions/{kept}")).await.assert_problem(404, "not_found");
    assert_eq!(events(&writer).await, log);
}

#[apply(on_both_databases)]
async fn revoke_user_tokens_leaves_sessions_and_other_users_tokens(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let scripts =
        [ada.token(&["read"]).await, ada.token(&["read"]).await, ada.token(&["read"]).await];
    scripts[2].delete("/api/tokens/current").await.expect(204);
    let first = server.now().to_string();
    server.advance(seconds(1));
    let second = server.now().to_string();
    let bystander = grace.token(&["read"]).await;
    let ended = admin.browser.delete(&tokens(&ada)).await.expect(200);
    assert_eq!(ended, json!({ "ended": 2 }));
    for script in &scripts {
        script.get("/api/me").await.assert_problem(401, "token_invalid");
    }
    for caller in [&ada.browser, &bystander, &admin.browser] {
        caller.get("/api/me").await.expect(200);
    }
    let list = ada.browser.get("/api/tokens").await.expect(200);
    let dates = each(list["items"].as_array().unwrap(), "revokedAt");
    assert_eq!(dates, [first, second.clone(), second], "an earlier revocation keeps its time");
    let event = events(&admin.browser).await.remove(0);
    assert_eq!(event["action"], "tokens-revoked");
    assert_eq!(event["actorId"], admin.id.as_str());
    assert_eq!(event["subjectId"], ada.id.as_str());
    ada.token(&["read"]).await.get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn admin_can_revoke_their_own_sessions_and_tokens(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let script = admin.token(&["write", "admin"]).await;
    assert_eq!(script.delete(&sessions(&admin)).await.expect(200), json!({ "ended": 1 }));
    admin.browser.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
    assert_eq!(script.delete(&tokens(&admin)).await.expect(200), json!({ "ended": 1 }));
    script.delete(&tokens(&admin)).await.assert_problem(401, "token_invalid");
}

#[apply(on_both_databases)]
async fn revoke_credentials_does_not_count_or_change_expired_ones(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let script = admin.token(&["read", "write", "admin"]).await;
    let ada = server.sign_up("ada").await;
    let short = ada.create_token(json!({ "name": "short", "expiresInDays": 1 })).await;
    ada.create_token(json!({ "name": "long" })).await;
    server.advance(portcullis::time::days(7));
    let user = format!("/api/admin/users/{}", ada.id);

    assert_eq!(script.delete(&format!("{user}/sessions")).await.expect(200), json!({ "ended": 0 }));
    assert_eq!(script.delete(&format!("{user}/tokens")).await.expect(200), json!({ "ended": 1 }));
    script
        .post(&format!("{user}/deactivate"), json!({ "revokeCredentials": true }))
        .await
        .expect(200);
    let page = script.get(&format!("/api/admin/tokens?userId={}", ada.id)).await.expect(200);
    let kept =
        page["items"].as_array().unwrap().iter().find(|token| token["id"] == short["id"]).unwrap();
    assert_eq!(kept["state"], "expired");
    assert_eq!(kept["revokedAt"], Value::Null);
}
