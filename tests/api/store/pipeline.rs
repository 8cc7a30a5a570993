//! Statements are pipelined on one connection to PostgreSQL.

use std::time::Duration;

use diesel::{sql_query, sql_types::Integer};
use diesel_async::RunQueryDsl;
use futures_util::future::{join, join_all};
use portcullis::store::{Database, Error, Store};

use super::isolated_store;
use crate::support::*;

#[derive(diesel::QueryableByName)]
struct Process {
    #[diesel(sql_type = Integer)]
    pid: i32,
}

/// Returns the process id of the PostgreSQL backend that responds, after this many seconds.
async fn process(store: &Store, seconds: f32) -> Result<i32, Error> {
    let Database::Postgres(postgres) = store.database() else { unreachable!() };
    let sql = format!("SELECT pg_backend_pid() AS pid FROM pg_sleep({seconds})");
    postgres
        .read_epoch(async |connection| sql_query(&sql).get_result::<Process>(connection).await)
        .await
        .map(|process| process.pid)
}

#[tokio::test]
async fn statements_share_a_connection() {
    let (store, _folder) = isolated_store(Backend::Postgres, &[]).await;
    let pid = process(&store, 0.0).await.unwrap();
    for other in join_all((0..100).map(|_| process(&store, 0.0))).await {
        assert_eq!(other.unwrap(), pid);
    }
}

#[tokio::test]
async fn a_connection_that_answers_is_kept_for_longer_than_anybody_waits() {
    let (store, _folder) = isolated_store(Backend::Postgres, &["--database-timeout", "2"]).await;
    let pid = process(&store, 0.0).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(process(&store, 0.0).await.unwrap(), pid);
}

#[tokio::test]
async fn whoever_leaves_early_spoils_it_for_nobody() {
    let (store, _folder) = isolated_store(Backend::Postgres, &[]).await;
    let pid = process(&store, 0.0).await.unwrap();
    for _ in 0..5 {
        let leaves = tokio::time::timeout(Duration::from_millis(20), process(&store, 0.1));
        let (left, stayed) = join(leaves, process(&store, 0.0)).await;
        assert!(left.is_err());
        assert_eq!(stayed.unwrap(), pid);
    }
}

#[tokio::test]
async fn a_connection_that_says_nothing_for_too_long_is_given_up_though_nobody_stays_to_see_it() {
    let (store, _folder) = isolated_store(Backend::Postgres, &["--database-timeout", "1"]).await;
    let pid = process(&store, 0.0).await.unwrap();
    let moment = Duration::from_millis(300);
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_millis(1100) {
        assert!(tokio::time::timeout(moment, process(&store, 0.9)).await.is_err());
    }
    let other = process(&store, 0.0).await.unwrap();
    assert_ne!(other, pid);
}
