//! Credentials that are revoked by their generation, while more rows are left than one transaction deletes.

use portcullis::store::{
    activity::{ALL_USERS, Action, Client, Event},
    lease_settings, operator_revocation, revocation_cleanup,
    sessions::{self, Which},
    users::Role,
};

use super::{execute, wait_for_lease_end};
use crate::{routes::auth::CHANGE_PASSWORD, support::*};

/// More rows than a revocation deletes at once.
const MANY: i64 = 2500;

/// Adds this many further sessions, tokens and links to a user with SQL; no secret belongs to any of them.
async fn hoard(server: &Server, backend: Backend, user_id: &str, rows: i64) {
    let (numbers, hash, past, future) = match backend {
        Backend::Sqlite => (
            format!(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) "
            ),
            "randomblob(32)",
            "1",
            "(unixepoch() + 86400) * 1000000",
        ),
        Backend::Postgres => (
            format!("WITH n (i) AS (SELECT generate_series(1, {rows})) "),
            "sha256(gen_random_uuid()::text::bytea)",
            "now()",
            "now() + INTERVAL '1 day'",
        ),
    };
    // Ids that sort before and after the existing ones.
    let id = format!("CASE WHEN i % 2 = 0 THEN '0' ELSE 'f' END || '{user_id}' || i");
    for insert in [
        format!(
            "INSERT INTO sessions (id, user_id, secret_hash, expires_at, authenticated_at,
                last_seen_at, remember, created_at, updated_at)
            {numbers} SELECT {id}, '{user_id}', {hash}, {future}, {past}, {past}, TRUE, {past}, {past} FROM n"
        ),
        format!(
            "INSERT INTO api_tokens (id, user_id, token_hash, display_prefix, name, scopes, created_at)
            {numbers} SELECT {id}, '{user_id}', {hash}, 'x', 'x', 'read', {past} FROM n"
        ),
        format!(
            "INSERT INTO verifications (id, user_id, purpose, secret_hash, email, job_id, expires_at, created_at)
            {numbers} SELECT {id}, '{user_id}', 'verify-email', {hash}, 'x', '', {future}, {past} FROM n"
        ),
    ] {
        execute(server, &insert).await;
    }
}

/// Counts a user's sessions, tokens whose row has no revocation time, and links.
async fn rows(server: &Server, user_id: &str) -> [i64; 3] {
    let mut counts = [0; 3];
    for (count, sql) in counts.iter_mut().zip([
        format!("SELECT CAST(count(*) AS TEXT) AS value FROM sessions WHERE user_id = '{user_id}'"),
        format!("SELECT CAST(count(*) AS TEXT) AS value FROM api_tokens WHERE user_id = '{user_id}' AND revoked_at IS NULL"),
        format!("SELECT CAST(count(*) AS TEXT) AS value FROM verifications WHERE user_id = '{user_id}' AND email = 'x'"),
    ]) {
        *count = select(server, &sql).await[0].parse().unwrap();
    }
    counts
}

/// Deletes the remaining rows in batches, none of which begins an epoch.
async fn clean_up(server: &Server) {
    let store = &server.state.store;
    let epoch = lease_settings::show(store).await.unwrap().number;
    while revocation_cleanup::run_batch(store, 100).await.unwrap() > 0 {}
    assert_eq!(lease_settings::show(store).await.unwrap().number, epoch);
}

#[apply(on_both_databases)]
async fn reactivation_does_not_restore_revoked_credentials_awaiting_cleanup(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("root").await;
    let ada = server.sign_up("ada").await;
    let script = ada.token(&["read"]).await;
    let bob = server.sign_up("bob").await;
    hoard(&server, backend, &ada.id, MANY).await;
    hoard(&server, backend, &bob.id, 10).await;
    let path = format!("/api/admin/users/{}", ada.id);
    let body = json!({ "revokeCredentials": true });
    admin.browser.post(&format!("{path}/deactivate"), body).await.expect(200);
    admin.browser.post(&format!("{path}/reactivate"), json!({})).await.expect(200);
    for caller in [&ada.browser, &script] {
        caller.get("/api/me").await.expect(401);
    }
    assert!(rows(&server, &ada.id).await.iter().all(|left| *left > 1000), "no row was left");
    let again = server.sign_in(&ada).await;
    clean_up(&server).await;
    assert_eq!(rows(&server, &ada.id).await, [1, 0, 0], "only the new session is left");
    again.get("/api/me").await.expect(200);
    assert_eq!(rows(&server, &bob.id).await, [11, 10, 10]);
    bob.browser.get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn revoking_all_sessions_and_tokens_of_the_site_changes_no_rows(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let script = ada.token(&["read"]).await;
    hoard(&server, backend, &ada.id, MANY).await;
    let before = rows(&server, &ada.id).await;
    let (store, now) = (&server.state.store, server.now());
    let event = |action| Event::new(None, action, ALL_USERS, &json!({}), now);
    operator_revocation::end_sessions(store, None, now, event(Action::SessionsEnded))
        .await
        .unwrap();
    ada.browser.get("/api/me").await.expect(401);
    script.get("/api/me").await.expect(200);
    operator_revocation::revoke_tokens(store, None, now, event(Action::TokensRevoked))
        .await
        .unwrap();
    script.get("/api/me").await.expect(401);
    assert_eq!(rows(&server, &ada.id).await, before);

    let browser = server.sign_in(&ada).await;
    let listed = browser.get("/api/tokens").await.expect(200);
    assert!(listed["items"].as_array().unwrap().iter().all(|token| token["state"] == "revoked"));
    let sessions = browser.get("/api/auth/list-sessions").await.expect(200);
    assert_eq!(sessions.as_array().unwrap().len(), 1);
    let token = TestUser { browser: browser.clone(), ..ada }.token(&["read"]).await;
    clean_up(&server).await;
    browser.get("/api/me").await.expect(200);
    token.get("/api/me").await.expect(200);
    let listed = browser.get("/api/tokens?limit=2").await.expect(200);
    assert_eq!(listed["items"][1]["revokedAt"], now.to_string(), "the time of the revocation");
}

#[apply(on_both_databases)]
async fn revoke_other_sessions_keeps_the_current_one_and_revives_none(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let revoked = ada.browser.session_id().await;
    hoard(&server, backend, &ada.id, MANY).await;
    // Its row stays under an old generation, as the rows of a large revocation do.
    let raise = format!("UPDATE users SET session_generation = 7 WHERE id = '{}'", ada.id);
    execute(&server, &raise).await;
    let own = server.sign_in(&ada).await;
    own.post("/api/auth/revoke-other-sessions", json!({})).await.expect(200);
    own.get("/api/me").await.expect(200);

    // A request of the revoked session that was on its way all the while.
    let which = Which::AllBut(revoked.clone());
    sessions::end(&server.state.store, ada.id.clone(), which, Client::default(), server.now())
        .await
        .unwrap();
    for caller in [&ada.browser, &own] {
        caller.get("/api/me").await.expect(401);
    }
    clean_up(&server).await;
    ada.browser.get("/api/me").await.expect(401);
}

#[apply(on_both_databases)]
async fn change_password_or_role_ends_more_sessions_than_a_batch(backend: Backend) {
    let server = backend.start().await;
    for name in ["password", "role"] {
        let ada = server.sign_up(name).await;
        let other = server.sign_in(&ada).await;
        hoard(&server, backend, &ada.id, MANY).await;
        if name == "password" {
            let body = json!({
                "currentPassword": PASSWORD, "newPassword": "another correct horse", "revokeOtherSessions": true
            });
            ada.browser.post(CHANGE_PASSWORD, body).await.expect(200);
        } else {
            server.set_role(&ada, Role::Admin).await;
            wait_for_lease_end(&server).await;
        }
        other.get("/api/me").await.expect(401);
        ada.browser.get("/api/me").await.expect(401);
        execute(&server, "UPDATE revocation_cleanup SET cursor = ''").await;
        clean_up(&server).await;
    }
}

#[apply(on_both_databases)]
async fn sign_in_over_the_session_limit_ends_the_oldest_session(backend: Backend) {
    let server = backend.start_with(&["--max-sessions", "3"]).await;
    let ada = server.sign_up("ada").await;
    let bob = server.sign_up("bob").await;
    let mut browsers = vec![ada.browser.clone()];
    for _ in 0..4 {
        server.advance(portcullis::time::seconds(1));
        browsers.push(server.sign_in(&ada).await);
    }
    wait_for_lease_end(&server).await;
    let mut works = Vec::new();
    for browser in &browsers {
        works.push(browser.get("/api/me").await.status.as_u16());
    }
    assert_eq!(works, [401, 401, 200, 200, 200]);
    bob.browser.get("/api/me").await.expect(200);
}

#[tokio::test]
async fn server_does_not_start_beside_a_connected_older_instance() {
    let folder = tempfile::TempDir::new().unwrap();
    let url = Backend::Postgres.database(folder.path()).await;
    let older = connect(&url).await;
    older.batch_execute("SET application_name = 'portcullis'").await.unwrap();
    let location = portcullis::store::Location::parse(&url, None).unwrap();
    let options = config(&url, folder.path(), &[]).store_options(false, product().tables());
    let refused =
        portcullis::store::Store::open(&location, options.clone()).await.map(drop).unwrap_err();
    assert!(refused.to_string().contains("stop every older instance first"), "{refused}");
    portcullis::store::Store::migrate(&location, &product().tables()).await.unwrap_err();
    older.batch_execute("SET application_name = 'psql'").await.unwrap();
    portcullis::store::Store::migrate(&location, &product().tables()).await.unwrap();
    portcullis::store::Store::open(&location, options).await.map(drop).unwrap();
}
