//! /api/admin/activity, and the retention of events

mod filters;

use portcullis::{
    store::retention::CERTAIN,
    time::{Timestamp, days, seconds},
};
use reqwest::Method;

use super::*;

const PATH: &str = "/api/admin/activity";

#[apply(on_both_databases)]
async fn list_activity_by_non_admin_is_unauthorized_or_forbidden(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    server.anonymous.get(PATH).await.assert_problem(401, "UNAUTHORIZED");
    ada.browser.get(PATH).await.assert_problem(403, "admin_required");
    ada.token(&["read", "write"]).await.get(PATH).await.assert_problem(403, "insufficient_scope");
}

#[apply(on_both_databases)]
async fn list_activity_with_invalid_query_is_bad_request(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    for query in BAD_PAGES.iter().chain(&[
        "subjectId=ada",
        "subjectId=",
        "subject_id=x",
        "actorId=ada",
        "action=none",
        "network=x",
        "network=192.0.2.0/24",
        "since=2026-11-24",
        "until=now",
    ]) {
        let reply = admin.browser.get(&format!("{PATH}?{query}")).await;
        reply.assert_problem(400, "invalid_query");
    }
}

#[apply(on_both_databases)]
async fn activity_cannot_be_created_updated_or_deleted_over_the_api(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let path = format!("{PATH}/{}", events(&admin.browser).await[0]["id"].as_str().unwrap());
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let request = admin.browser.request(method.clone(), PATH).json(&json!({}));
        Reply::of(request).await.assert_problem(405, "method_not_allowed");
        let request = admin.browser.request(method, &path).json(&json!({}));
        Reply::of(request).await.assert_problem(404, "not_found");
    }
}

#[apply(on_both_databases)]
async fn list_activity_of_user_without_events_is_empty(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let empty = json!({ "items": [], "previousCursor": null, "nextCursor": null });
    let query = format!("{PATH}?subjectId={}", portcullis::store::page::new_id());
    assert_eq!(admin.browser.get(&query).await.expect(200), empty);
}

#[apply(on_both_databases)]
async fn each_admin_write_creates_one_event_and_rejected_writes_none(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "hers" })).await;
    let user = user_path(&ada);
    let token = format!("/api/admin/tokens/{}", created["id"].as_str().unwrap());
    let session = format!("/api/admin/sessions/{}", ada.browser.session_id().await);
    let reset = json!({ "about": "reset-password" });
    let new = json!({ "name": "x", "email": "x@example.com" });
    let write = async |method: &str, path: &str, body: Value| {
        let request = admin.browser.request(method.parse().unwrap(), path).json(&body);
        Reply::of(request).await
    };
    let writes = [
        ("POST", USERS.to_owned(), new.clone(), "user-created"),
        ("DELETE", session.clone(), json!({}), "session-ended"),
        ("POST", format!("{user}/mails"), reset.clone(), "mail-sent"),
        ("PATCH", user.clone(), json!({ "role": "admin" }), "user-updated"),
        ("PATCH", user.clone(), json!({}), "user-updated"),
        ("POST", format!("{user}/deactivate"), json!({}), "user-deactivated"),
        ("POST", format!("{user}/deactivate"), json!({}), "user-deactivated"),
        ("POST", format!("{user}/reactivate"), json!({}), "user-reactivated"),
        ("DELETE", format!("{user}/sessions"), json!({}), "sessions-ended"),
        ("DELETE", token.clone(), json!({}), "token-revoked"),
        ("DELETE", format!("{user}/tokens"), json!({}), "tokens-revoked"),
    ];
    let mut before = events(&admin.browser).await;
    for (method, path, body, action) in writes {
        let reply = write(method, &path, body).await;
        assert!(reply.status.is_success(), "{method} {path}: {}", reply.text);
        let after = events(&admin.browser).await;
        assert_eq!(after.len(), before.len() + 1, "{method} {path}");
        assert_eq!(after[0]["action"], action);
        assert_eq!(after[0]["actorId"], admin.id.as_str());
        assert_eq!(after[1..], before);
        before = after;
    }
    let refused = [
        ("POST", USERS.to_owned(), new, 409),
        ("POST", USERS.to_owned(), json!({}), 422),
        ("PATCH", user.clone(), json!({ "role": "owner" }), 422),
        ("PATCH", format!("{USERS}/{}", portcullis::store::page::new_id()), json!({}), 404),
        ("POST", format!("{user}/deactivate"), json!({ "x": 1 }), 422),
        ("DELETE", session, json!({}), 404),
        ("POST", format!("{user}/mails"), json!({ "about": "invitation" }), 409),
    ];
    for (method, path, body, status) in refused {
        write(method, &path, body).await.expect(status);
    }
    for path in [USERS, &user, "/api/admin/tokens", &format!("{user}/sessions")] {
        admin.browser.get(path).await.expect(200);
    }
    assert_eq!(
        events(&admin.browser).await,
        before,
        "rejected and read-only requests leave no event"
    );
}

#[apply(on_both_databases)]
async fn admin_write_is_rolled_back_when_its_event_cannot_be_stored(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "hers" })).await;
    let user = user_path(&ada);
    let before = admin.browser.get(&user).await.expect(200);
    let session = format!("/api/admin/sessions/{}", ada.browser.session_id().await);
    server.wait_for_jobs().await;
    server.clear_outbox().await;
    let token = format!("/api/admin/tokens/{}", created["id"].as_str().unwrap());
    let rename = "ALTER TABLE activity RENAME TO activity_gone";
    execute(&server, rename).await;
    for (method, path, body) in [
        (Method::POST, USERS, json!({ "name": "x", "email": "x@example.com" })),
        (Method::PATCH, &user, json!({ "role": "admin" })),
        (Method::POST, &format!("{user}/deactivate"), json!({ "revokeCredentials": true })),
        (Method::DELETE, &format!("{user}/sessions"), json!({})),
        (Method::DELETE, &format!("{user}/tokens"), json!({})),
        (Method::DELETE, &token, json!({})),
        (Method::DELETE, &session, json!({})),
        (Method::POST, &format!("{user}/mails"), json!({ "about": "reset-password" })),
    ] {
        let reply = Reply::of(admin.browser.request(method, path).json(&body)).await;
        reply.assert_problem(500, "internal_error");
    }
    assert_eq!(admin.browser.get(&user).await.expect(200), before);
    assert_eq!(count(&server, "users").await, "2");
    assert_eq!(server.outbox().await.len(), 0);
    for caller in [&ada.browser, &server.anonymous.with_token(created["token"].as_str().unwrap())] {
        caller.get("/api/me").await.expect(200);
    }
}

#[apply(on_both_databases)]
async fn list_activity_filters_by_subject_with_pagination(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    for (person, name) in [(&ada, "1"), (&grace, "2"), (&ada, "3"), (&ada, "4"), (&grace, "5")] {
        admin.browser.patch(&user_path(person), json!({ "name": name })).await.expect(200);
    }
    let subjects = async |query: &str| {
        let pages =
            pages(&admin.browser, &format!("{PATH}?limit=2&action=user-updated{query}")).await;
        let all: Vec<Vec<String>> = pages.iter().map(|page| each(page, "subjectId")).collect();
        all
    };
    let (a, g, own) = (ada.id.as_str(), grace.id.as_str(), admin.id.as_str());
    assert_eq!(subjects("").await, [[g, a], [a, g], [a, own]]);
    assert_eq!(subjects(&format!("&subjectId={a}")).await, [vec![a, a], vec![a]]);
    assert_eq!(subjects(&format!("&subjectId={g}")).await, [[g, g]]);
    let reader = admin.token(&["read", "admin"]).await;
    assert_eq!(events(&reader).await, events(&admin.browser).await);
}

#[apply(on_both_databases)]
async fn event_by_operator_has_no_actor(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let event = events(&admin.browser).await.remove(0);
    assert_eq!(event["subjectId"], admin.id.as_str());
    assert_eq!(event["actorId"], Value::Null);
}

#[apply(on_both_databases)]
async fn activity_contains_no_email_or_link_secret(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let created = create_user(&admin.browser, "Grace", "grace@example.com").await;
    let user = format!("{USERS}/{}", created["id"].as_str().unwrap());
    admin.browser.patch(&user, json!({ "name": "Hopper" })).await.expect(200);
    let log = admin.browser.get(PATH).await.text;
    let link = server.last_mail_to("grace@example.com").await.secret();
    for secret in ["example.com", &link] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[apply(on_both_databases)]
async fn retention_deletes_expired_sessions_links_and_events_and_keeps_the_rest(backend: Backend) {
    let server = backend.start().await;
    server.clock.set(server.now() - days(30));
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    create_user(&admin.browser, "early", "early@example.com").await;
    let all_old: usize = count(&server, "activity").await.parse().unwrap();
    server.wait_for_jobs().await;
    server.advance(days(5));
    let (phone, desk) = (server.sign_in(&ada).await, server.sign_in(&admin).await);
    let late = create_user(&desk, "late", "late@example.com").await;
    server.wait_for_jobs().await;
    server.advance(days(2));
    server.advance(CERTAIN);

    let tidy = async || server.delete_old_rows(days(3)).await;
    assert_eq!(count(&server, "sessions").await, "4");
    assert_eq!(count(&server, "verifications").await, "4");
    let (sessions, links) = (2, 3);
    assert_eq!(
        tidy().await,
        sessions + links + all_old,
        "besides sessions and links, all old events"
    );
    assert_eq!(tidy().await, 0);

    phone.get("/api/me").await.expect(200);
    ada.browser.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
    let log = events(&desk).await;
    assert_eq!(each(&log, "subjectId"), [late["id"].as_str().unwrap()]);
    let link = server.last_mail_to("late@example.com").await.secret();
    let choice = json!({ "newPassword": PASSWORD, "token": link });
    server.anonymous.post("/api/auth/reset-password", choice).await.expect(200);
    assert_eq!(count(&server, "users").await, "4");
}

#[apply(on_both_databases)]
async fn event_is_kept_until_the_end_of_its_retention(backend: Backend) {
    let server = backend.start().await;
    server.clock.set(server.now() - days(400));
    let admin = server.sign_up_admin("admin").await;
    let reader = admin.token(&["read", "admin"]).await;
    server.advance(days(365));
    server.delete_old_rows(days(365)).await;
    assert_eq!(events(&reader).await.len(), 1);
    server.advance(seconds(1));
    server.delete_old_rows(days(365)).await;
    assert_eq!(events(&reader).await.len(), 0);
}

#[apply(on_both_databases)]
async fn expired_or_revoked_token_is_listed_for_30_days(backend: Backend) {
    let server = backend.start().await;
    server.clock.set(server.now() - days(500));
    let ada = server.sign_up("ada").await;
    let reader = ada.token(&["read"]).await;
    ada.create_token(json!({ "name": "expires", "expiresInDays": 1 })).await;
    let gone = ada.create_token(json!({ "name": "revoked" })).await;
    let path = format!("/api/tokens/{}", gone["id"].as_str().unwrap());
    ada.browser.delete(&path).await.expect(204);
    let left = async || {
        server.delete_old_rows(days(365)).await;
        let list = reader.get("/api/tokens").await.expect(200);
        each(list["items"].as_array().unwrap(), "name")
    };
    server.advance(days(29));
    assert_eq!(left().await, ["revoked", "expires", "test"]);
    server.advance(days(1));
    assert_eq!(left().await, ["expires", "test"]);
    server.advance(days(1));
    assert_eq!(left().await, ["test"]);
    server.advance(days(365));
    assert_eq!(left().await, ["test"]);
}
