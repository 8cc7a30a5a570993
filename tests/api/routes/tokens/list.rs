//! GET /api/tokens

use portcullis::time::{days, seconds};

use super::*;

#[apply(on_both_databases)]
async fn nobody_has_tokens(backend: Backend) {
    let server = backend.start().await;
    server.anonymous.get(PATH).await.assert_problem(401, "UNAUTHORIZED");
}

#[apply(on_both_databases)]
async fn a_token_that_may_only_write_sees_none(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    ada.token(&["write"]).await.get(PATH).await.assert_problem(403, "insufficient_scope");
}

#[apply(on_both_databases)]
async fn a_query_that_is_not_understood_is_refused(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for query in BAD_PAGES.iter().chain(&["userId=x", "state=active"]) {
        ada.browser.get(&format!("{PATH}?{query}")).await.assert_problem(400, "invalid_query");
    }
}

#[apply(on_both_databases)]
async fn without_tokens_the_list_is_empty(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let empty = json!({ "items": [], "previousCursor": null, "nextCursor": null });
    assert_eq!(ada.browser.get(PATH).await.expect(200), empty);
}

#[apply(on_both_databases)]
async fn everybody_sees_their_own(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let admin = server.sign_up_admin("admin").await;
    let hers = ada.create_token(json!({ "name": "ada's" })).await;
    let admins = admin.create_token(json!({ "name": "admin's" })).await;
    for (person, made) in [(&ada, &hers), (&admin, &admins)] {
        for caller in [&person.browser, &holder(&server, made)] {
            let list = caller.get(PATH).await.expect(200);
            assert_eq!(list["items"], json!([view(made)]));
        }
    }
}

#[apply(on_both_databases)]
async fn a_token_is_active_then_expired_or_revoked(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let revoked = ada.create_token(json!({ "name": "revoked", "expiresInDays": 1 })).await;
    ada.create_token(json!({ "name": "expiring", "expiresInDays": 1 })).await;
    ada.create_token(json!({ "name": "active" })).await;
    let states = async || {
        let list = ada.browser.get(PATH).await.expect(200);
        each(list["items"].as_array().unwrap(), "state")
    };
    assert_eq!(states().await, ["active", "active", "active"]);

    let revoked_at = server.now().to_string();
    ada.browser.delete(&place(&revoked)).await.expect(204);
    server.clock.set(server.now() + days(1) - seconds(1));
    assert_eq!(states().await, ["active", "active", "revoked"]);
    server.advance(seconds(1));
    assert_eq!(states().await, ["active", "expired", "revoked"]);

    let list = ada.browser.get(PATH).await.expect(200);
    let dates: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|item| item["revokedAt"].clone()).collect();
    assert_eq!(dates, [json!(null), json!(null), json!(revoked_at)]);
}

#[apply(on_both_databases)]
async fn pages_show_each_token_once_and_the_newest_first(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    for name in ["1", "2", "3", "4", "5"] {
        ada.create_token(json!({ "name": name })).await;
        grace.create_token(json!({ "name": "a stranger's" })).await;
    }
    let seen: Vec<_> = pages(&ada.browser, &format!("{PATH}?limit=2"))
        .await
        .iter()
        .map(|page| each(page, "name"))
        .collect();
    assert_eq!(seen, [vec!["5", "4"], vec!["3", "2"], vec!["1"]]);
}

#[apply(on_both_databases)]
async fn a_token_says_to_the_minute_when_it_was_last_used(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let made = ada.create_token(json!({ "name": "x" })).await;
    let script = holder(&server, &made);
    let used = async || {
        server.state.last_used.flush(&server.state.store).await.unwrap();
        ada.browser.get(PATH).await.expect(200)["items"][0]["lastUsedAt"].clone()
    };
    assert_eq!(used().await, Value::Null);

    let first = server.now();
    script.get("/api/me").await.expect(200);
    assert_eq!(used().await, first.to_string());
    server.clock.set(first + seconds(59));
    script.get("/api/me").await.expect(200);
    assert_eq!(used().await, first.to_string(), "a use within the minute is not worth a write");
    server.clock.set(first + seconds(60));
    script.get("/api/projects").await.expect(200);
    assert_eq!(used().await, (first + seconds(60)).to_string());
}

#[apply(on_both_databases)]
async fn a_use_that_is_refused_is_none(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let made = ada.create_token(json!({ "name": "x", "expiresInDays": 1 })).await;
    server.advance(days(1));
    holder(&server, &made).get("/api/me").await.assert_problem(401, "token_expired");
    server.state.last_used.flush(&server.state.store).await.unwrap();
    let shown = ada.browser.get(&place(&made)).await.expect(200);
    assert_eq!(shown["lastUsedAt"], Value::Null);
}
