//! The gate's statements follow each other on one connection to PostgreSQL for each worker.

use std::time::Duration;

use diesel::{sql_query, sql_types::Integer};
use diesel_async::RunQueryDsl;
use futures_util::future::{join, join_all};
use portcullis::store::{Database, Error};

use crate::support::*;

#[derive(diesel::QueryableByName)]
struct Process {
    #[diesel(sql_type = Integer)]
    pid: i32,
}

/// Which of PostgreSQL's processes answers, after so many seconds.
async fn process(server: &Server, seconds: f32) -> Result<i32, Error> {
    let Database::Postgres(postgres) = server.state.store.database() else { unreachable!() };
    let sql = format!("SELECT pg_backend_pid() AS pid FROM pg_sleep({seconds})");
    postgres
        .look_up(async |connection| sql_query(&sql).get_result::<Process>(connection).await)
        .await
        .map(|process| process.pid)
}

#[tokio::test]
async fn look_ups_share_a_connection() {
    let server = Backend::Postgres.start().await;
    let pid = process(&server, 0.0).await.unwrap();
    for other in join_all((0..100).map(|_| process(&server, 0.0))).await {
        assert_eq!(other.unwrap(), pid);
    }
}

#[tokio::test]
async fn whoever_leaves_early_spoils_it_for_nobody() {
    let server = Backend::Postgres.start().await;
    let pid = process(&server, 0.0).await.unwrap();
    for _ in 0..5 {
        let leaves = tokio::time::timeout(Duration::from_millis(20), process(&server, 0.1));
        let (left, stayed) = join(leaves, process(&server, 0.0)).await;
        assert!(left.is_err());
        assert_eq!(stayed.unwrap(), pid);
    }
}

#[tokio::test]
async fn a_connection_that_says_nothing_for_too_long_is_given_up_though_nobody_stays_to_see_it() {
    let server = Backend::Postgres.start_with(&["--database-timeout", "1"]).await;
    let pid = process(&server, 0.0).await.unwrap();
    let moment = Duration::from_millis(300);
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_millis(1100) {
        assert!(tokio::time::timeout(moment, process(&server, 0.9)).await.is_err());
    }
    let other = process(&server, 0.0).await.unwrap();
    assert_ne!(other, pid);
}
