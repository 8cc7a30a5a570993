//! `GET /api/tokens`

use portcullis::time::{days, seconds};

use super::*;

#[apply(on_both_databases)]
async fn list_tokens_shows_active_expired_and_revoked_states(backend: Backend) {
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
    ada.browser.delete(&token_path(&revoked)).await.expect(204);
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
async fn token_last_used_is_updated_at_most_once_a_minute(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "x" })).await;
    let script = token_caller(&server, &created);
    let last_used_at = async || {
        server.state.last_used.flush(&server.state.store).await.unwrap();
        ada.browser.get(PATH).await.expect(200)["items"][0]["lastUsedAt"].clone()
    };
    assert_eq!(last_used_at().await, Value::Null);

    let first = server.now();
    script.get("/api/me").await.expect(200);
    assert_eq!(last_used_at().await, first.to_string());
    server.clock.set(first + seconds(59));
    script.get("/api/me").await.expect(200);
    assert_eq!(
        last_used_at().await,
        first.to_string(),
        "a second use within a minute is not recorded"
    );
    server.clock.set(first + seconds(60));
    script.get(PATH).await.expect(200);
    assert_eq!(last_used_at().await, (first + seconds(60)).to_string());
}

#[apply(on_both_databases)]
async fn expired_token_use_does_not_update_last_used(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let created = ada.create_token(json!({ "name": "x", "expiresInDays": 1 })).await;
    server.advance(days(1));
    token_caller(&server, &created).get("/api/me").await.assert_problem(401, "token_expired");
    server.state.last_used.flush(&server.state.store).await.unwrap();
    let shown = ada.browser.get(&token_path(&created)).await.expect(200);
    assert_eq!(shown["lastUsedAt"], Value::Null);
}
