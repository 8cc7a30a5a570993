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
async fn concurrent_statements_share_a_connection() {
    let (store, _folder) = isolated_store(Backend::Postgres, &[]).await;
    let pid = process(&store, 0.0).await.unwrap();
    for other in join_all((0..100).map(|_| process(&store, 0.0))).await {
        assert_eq!(other.unwrap(), pid);
    }
}

#[tokio::test]
async fn idle_connection_is_kept_beyond_the_database_timeout() {
    let (store, _folder) = isolated_store(Backend::Postgres, &["--database-timeout", "2"]).await;
    let pid = process(&store, 0.0).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(process(&store, 0.0).await.unwrap(), pid);
}

#[tokio::test]
async fn cancelled_statement_does_not_affect_others_on_its_connection() {
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
async fn unresponsive_connection_is_replaced_after_cancelled_statements() {
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
