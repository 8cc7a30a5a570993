//! Expired rows are deleted in small batches, while others write.

mod clocks;
mod commands;
mod kills;
mod leavers;

use std::collections::BTreeSet;

use portcullis::{
    store::{
        lease_settings,
        retention::{CERTAIN, Due, STEPS, Step},
    },
    time::{Timestamp, days, seconds},
};
use tempfile::TempDir;

use crate::{resilience::crash_recovery::database::Database, support::*};

fn step(rows: &str) -> &'static Step {
    STEPS.iter().find(|step| step.rows == rows).unwrap()
}

async fn sessions(server: &Server) -> usize {
    select(server, "SELECT id AS value FROM sessions WHERE id LIKE 'old-%'").await.len()
}

/// Starts a server with a user who has this many sessions that ended at this moment.
async fn with_old_sessions(backend: Backend, count: usize) -> (Server, TestUser) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    add_old_sessions(backend, &server, &ada, count).await;
    (server, ada)
}

async fn add_old_sessions(backend: Backend, server: &Server, user: &TestUser, count: usize) {
    let sql = add_sessions(backend, &user.id, count, server.now() - days(1));
    execute(server, &sql).await;
}

/// Waits until the condition holds.
async fn wait_until(what: &str, mut reached: impl AsyncFnMut() -> bool) {
    for _ in 0..1500 {
        if reached().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("not within 30 seconds: {what}");
}

#[apply(on_both_databases)]
async fn retention_batch_deletes_at_most_its_limit_and_the_next_continues(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    // Stops the server's own worker, whose first round would delete some of them on a slow machine.
    server.state.draining.cancel();
    add_old_sessions(backend, &server, &ada, 25).await;
    let due = Due { now: server.now(), keep_activity: days(365) };
    let mut batches = Vec::new();
    loop {
        match (step("sessions").batch)(&server.state.store, due, 10).await.unwrap() {
            0 => break,
            rows => batches.push(rows),
        }
        assert_eq!(sessions(&server).await, 25 - batches.iter().sum::<usize>());
    }
    assert_eq!(batches, [10, 10, 5]);
    ada.browser.get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn every_retention_step_finds_its_rows_by_an_index(backend: Backend) {
    let server = backend.start().await;
    let sql = match backend {
        Backend::Sqlite => {
            "SELECT m.name || '.' || c.name AS value FROM sqlite_master m
             JOIN pragma_index_list(m.name) i JOIN pragma_index_info(i.name) c
             WHERE m.type = 'table' AND c.seqno = 0 AND c.name IS NOT NULL
             UNION SELECT m.name || '.' || c.name FROM sqlite_master m
             JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.pk = 1"
        }
        Backend::Postgres => {
            "SELECT c.relname || '.' || a.attname AS value FROM pg_index i
             JOIN pg_class c ON c.oid = i.indrelid
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]"
        }
    };
    let indexed: BTreeSet<String> = select(&server, sql).await.into_iter().collect();
    for step in STEPS {
        let (table, column) = step.found_by;
        assert!(indexed.contains(&format!("{table}.{column}")), "no index for {}", step.rows);
    }
}

/// By the database's clock, triggers would begin an epoch for a session that ended less than an hour ago.
#[apply(on_both_databases)]
async fn expired_session_is_deleted_after_two_hours_and_begins_no_epoch(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let now = server.now();
    let add = async |count, end: Timestamp| {
        execute(&server, &add_sessions(backend, &ada.id, count, end)).await;
    };
    add(3, now - CERTAIN + seconds(60)).await;
    let epoch = async || lease_settings::show(&server.state.store).await.unwrap().number;
    let before = epoch().await;
    assert_eq!(server.delete_old_rows(days(365)).await, 0);
    server.advance(seconds(61));
    assert_eq!(server.delete_old_rows(days(365)).await, 3);
    assert_eq!(epoch().await, before);
}

#[apply(on_both_databases)]
async fn invalidation_log_batch_counts_each_change_as_one_row(backend: Backend) {
    let server = backend.start().await;
    execute(&server, "UPDATE epoch SET number = 20000").await;
    let add = "INSERT INTO changes (number, concerns, before, after) \
               VALUES (7, 'a', '', ''), (7, 'b', '', ''), (7, 'c', '', ''), (15000, 'a', '', '')";
    execute(&server, add).await;
    let due = Due { now: server.now(), keep_activity: days(365) };
    let batch = async || (step("changes").batch)(&server.state.store, due, 2).await.unwrap();
    // The server's own worker may have deleted some of them already.
    loop {
        match batch().await {
            0 => break,
            deleted => assert!(deleted <= 2, "{deleted}"),
        }
    }
    let left = select(&server, "SELECT CAST(number AS TEXT) AS value FROM changes").await;
    assert_eq!(left, ["15000"]);
}

#[apply(on_both_databases)]
async fn expired_rows_are_all_deleted_while_other_writes_succeed(backend: Backend) {
    let (server, ada) = with_old_sessions(backend, 3000).await;
    server.state.retention_due.notify_one();
    let mut writes = 0;
    within_timeout(async {
        while sessions(&server).await > 0 {
            ada.browser.post(TOKENS, json!({ "name": "meanwhile" })).await.expect(201);
            writes += 1;
        }
    })
    .await;
    assert!(writes > 0, "the deletion took no time");
    ada.browser.get("/api/me").await.expect(200);
}

#[apply(on_both_databases)]
async fn failed_retention_step_does_not_stop_other_steps(backend: Backend) {
    let (server, _) = with_old_sessions(backend, 5).await;
    let old = moment(backend, server.now() - days(2));
    let link = match backend {
        Backend::Sqlite => "x'00'",
        Backend::Postgres => "'\\x00'",
    };
    let add = format!("INSERT INTO setup_links (secret_hash, expires_at) VALUES ({link}, {old})");
    execute(&server, &add).await;
    execute(&server, "ALTER TABLE sessions RENAME TO elsewhere").await;
    server.state.retention_due.notify_one();
    wait_until("the links are deleted", async || {
        select(&server, "SELECT 'x' AS value FROM setup_links").await.is_empty()
    })
    .await;
    execute(&server, "ALTER TABLE elsewhere RENAME TO sessions").await;
    server.state.retention_due.notify_one();
    wait_until("the sessions are deleted", async || sessions(&server).await == 0).await;
}

#[apply(on_both_databases)]
async fn shutdown_does_not_wait_for_all_retention_batches(backend: Backend) {
    let home = TempDir::new().unwrap();
    let url = backend.database(home.path()).await;
    let server = Server::on(&url, TempDir::new().unwrap(), &[]).await;
    let ada = server.sign_up("ada").await;
    let sql = add_sessions(backend, &ada.id, 20_000, server.now() - days(1));
    execute(&server, &sql).await;
    server.state.retention_due.notify_one();
    wait_until("some sessions are deleted", async || sessions(&server).await < 20_000).await;
    within_timeout(server.stop()).await;
    let sql = "SELECT 'left' AS kind, CAST(count(*) AS TEXT) AS id FROM sessions \
               WHERE id LIKE 'old-%'";
    let left = Database::at(&url).await.rows(sql).await;
    assert_ne!(left[0].1, "0", "the stop waited for all rows, or came too late");
}
