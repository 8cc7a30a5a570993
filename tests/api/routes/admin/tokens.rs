//! /api/admin/tokens

use portcullis::time::{days, seconds};

use super::*;

const PATH: &str = "/api/admin/tokens";

fn at(token: &Value) -> String {
    format!("{PATH}/{}", token["id"].as_str().unwrap())
}

async fn make(owner: &TestUser, name: &str, expires_in_days: Option<u32>) -> Value {
    owner.create_token(json!({ "name": name, "expiresInDays": expires_in_days })).await
}

#[apply(on_both_databases)]
async fn list_or_revoke_tokens_by_non_admin_is_unauthorized_or_forbidden(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "hers" })).await;
    let script = server.anonymous.with_token(created["token"].as_str().unwrap());
    server.anonymous.get(PATH).await.assert_problem(401, "UNAUTHORIZED");
    ada.browser.get(PATH).await.assert_problem(403, "admin_required");
    script.get(PATH).await.assert_problem(403, "insufficient_scope");
    server.anonymous.delete(&at(&created)).await.assert_problem(401, "UNAUTHORIZED");
    ada.browser.delete(&at(&created)).await.assert_problem(403, "admin_required");
    script.delete(&at(&created)).await.assert_problem(403, "insufficient_scope");
    script.get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn revoke_token_requires_fresh_session_or_write_token(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "hers" })).await;
    let writer = admin.token(&["write", "admin"]).await;
    let reader = admin.token(&["read", "admin"]).await;
    server.advance(days(1));
    admin.browser.get(PATH).await.expect(200);
    admin.browser.delete(&at(&created)).await.assert_problem(403, "SESSION_NOT_FRESH");
    reader.delete(&at(&created)).await.assert_problem(403, "insufficient_scope");
    writer.get(PATH).await.assert_problem(403, "insufficient_scope");
    writer.delete(&at(&created)).await.expect(204);
}

#[apply(on_both_databases)]
async fn list_tokens_with_invalid_query_is_bad_request(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let more = ["userId=ada", "userId=", "user_id=x", "state=gone", "state=ACTIVE"];
    for query in BAD_PAGES.iter().chain(&more) {
        let reply = admin.browser.get(&format!("{PATH}?{query}")).await;
        reply.assert_problem(400, "invalid_query");
    }
}

#[apply(on_both_databases)]
async fn revoke_token_with_unknown_or_malformed_id_is_not_found(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let before = events(&admin.browser).await;
    for id in unknown_ids() {
        admin.browser.delete(&format!("{PATH}/{id}")).await.assert_problem(404, "not_found");
    }
    assert_eq!(events(&admin.browser).await, before);
}

#[apply(on_both_databases)]
async fn list_tokens_without_tokens_is_empty(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let empty = json!({ "items": [], "previousCursor": null, "nextCursor": null });
    assert_eq!(admin.browser.get(PATH).await.expect(200), empty);
    let nobodys = format!("{PATH}?userId={}", portcullis::store::page::new_id());
    assert_eq!(admin.browser.get(&nobodys).await.expect(200), empty);
}

#[apply(on_both_databases)]
async fn list_tokens_shows_the_owner_and_never_the_token(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "hers" })).await;
    let token = created["token"].as_str().unwrap();
    let mut expected = created.clone();
    expected.as_object_mut().unwrap().remove("token").unwrap();
    expected["userId"] = json!(ada.id);
    let reply = admin.browser.get(PATH).await;
    assert!(!reply.text.contains(&token["sk_live_".len() + 4..]));
    assert_eq!(reply.expect(200)["items"], json!([expected]));
}

#[apply(on_both_databases)]
async fn list_tokens_filters_by_user_and_state(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    for person in [&ada, &grace] {
        let name = |state: &str| format!("{state} of {}", person.email);
        make(person, &name("active"), None).await;
        make(person, &name("expired"), Some(1)).await;
        let revoked = make(person, &name("revoked"), Some(1)).await;
        admin.browser.delete(&at(&revoked)).await.expect(204);
    }
    let found = async |query: &str| {
        let list = admin.browser.get(&format!("{PATH}?{query}")).await.expect(200);
        each(list["items"].as_array().unwrap(), "name")
    };
    let edge = server.now() + days(1);
    server.clock.set(edge - seconds(1));
    assert_eq!(found("state=expired").await, [""; 0]);
    assert_eq!(found("state=active").await.len(), 4);
    server.clock.set(edge);
    let of = |state: &str, name: &str| format!("{state} of {name}@example.com");
    for state in ["active", "expired", "revoked"] {
        let both = [of(state, "grace"), of(state, "ada")];
        assert_eq!(found(&format!("state={state}")).await, both);
        let query = format!("userId={}&state={state}", ada.id);
        assert_eq!(found(&query).await, [of(state, "ada")]);
    }
    let hers = [of("revoked", "ada"), of("expired", "ada"), of("active", "ada")];
    assert_eq!(found(&format!("userId={}", ada.id)).await, hers);
    assert_eq!(found("").await.len(), 6);
}

#[apply(on_both_databases)]
async fn list_tokens_pagination_shows_each_token_once_newest_first(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    for name in ["1", "2", "3", "4", "5"] {
        ada.create_token(json!({ "name": name })).await;
        admin.create_token(json!({ "name": "another's" })).await;
    }
    let query = format!("{PATH}?limit=2&state=active&userId={}", ada.id);
    let seen: Vec<_> =
        pages(&admin.browser, &query).await.iter().map(|page| each(page, "name")).collect();
    assert_eq!(seen, [vec!["5", "4"], vec!["3", "2"], vec!["1"]]);
}

#[apply(on_both_databases)]
async fn list_tokens_pagination_by_state_shows_each_once_latest_expiry_first(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    for (name, days) in
        [("1", Some(3)), ("2", None), ("3", Some(5)), ("4", Some(3)), ("5", None), ("6", Some(4))]
    {
        make(&ada, name, days).await;
    }
    let names = async |query: &str| {
        let pages = pages(&admin.browser, &format!("{PATH}?limit=2&{query}")).await;
        pages.iter().map(|page| each(page, "name")).collect::<Vec<_>>()
    };
    for user in [String::new(), format!("&userId={}", ada.id)] {
        let active = names(&format!("state=active{user}")).await;
        assert_eq!(active, [["5", "2"], ["3", "6"], ["4", "1"]], "{user}");
        assert_eq!(names(&format!("state=expired{user}")).await, [[""; 0]], "{user}");
    }
    // Two of them end at the same instant, on either side of a page's end.
    server.advance(days(4));
    admin.browser.get(PATH).await.expect(200);
    assert_eq!(names("state=active").await, [vec!["5", "2"], vec!["3"]]);
    assert_eq!(names("state=expired").await, [vec!["6", "4"], vec!["1"]]);
    for cursor in ["x", "019ac8a0-1111-7222-8333-444455556666.x"] {
        let reply = admin.browser.get(&format!("{PATH}?state=expired&cursor={cursor}")).await;
        reply.assert_problem(400, "invalid_query");
    }
}

#[apply(on_both_databases)]
async fn revoked_token_is_unauthorized_and_other_tokens_still_work(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "gone" })).await;
    let script = server.anonymous.with_token(created["token"].as_str().unwrap());
    let sister = ada.token(&["read"]).await;
    script.get("/api/me").await.expect(200);
    admin.browser.delete(&at(&created)).await.expect(204);
    script.get("/api/me").await.assert_problem(401, "token_invalid");
    sister.get("/api/me").await.expect(200);

    let event = events(&admin.browser).await.remove(0);
    assert_eq!(event["action"], "token-revoked");
    assert_eq!(event["actorId"], admin.id.as_str());
    assert_eq!(event["subjectId"], ada.id.as_str());
    assert_eq!(event["detail"], json!({ "tokenId": created["id"] }));
}

#[apply(on_both_databases)]
async fn revoke_token_is_idempotent_and_keeps_the_first_date(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "gone" })).await;
    let first = server.now().to_string();
    admin.browser.delete(&at(&created)).await.expect(204);
    server.advance(seconds(1));
    admin.browser.delete(&at(&created)).await.expect(204);
    let list = admin.browser.get(PATH).await.expect(200);
    assert_eq!(list["items"][0]["revokedAt"], first);
}
