//! Which operations are retried on PostgreSQL, and which are not.

use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::{QueryResult, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis::store::Database;
use tokio::sync::Barrier;

use crate::support::*;

async fn lock(connection: &mut AsyncPgConnection, number: i32) -> QueryResult<usize> {
    sql_query(format!("SELECT pg_advisory_xact_lock({number})")).execute(connection).await
}

#[tokio::test]
async fn deadlock_victim_is_retried() {
    let server = Backend::Postgres.start().await;
    let Database::Postgres(postgres) = server.state.store.database() else { unreachable!() };
    let runs = AtomicUsize::new(0);
    let each_holds_one = Barrier::new(2);
    let take = async |first, second| {
        let mut is_first_run = true;
        let body = async |connection: &mut AsyncPgConnection| {
            runs.fetch_add(1, Ordering::Relaxed);
            lock(connection, first).await?;
            if std::mem::take(&mut is_first_run) {
                each_holds_one.wait().await;
            }
            lock(connection, second).await
        };
        postgres.write(body).await
    };
    let (one, other) = tokio::join!(take(1, 2), take(2, 1));
    one.unwrap();
    other.unwrap();
    assert_eq!(runs.into_inner(), 3);
}

#[tokio::test]
async fn permanent_statement_error_is_not_retried() {
    let server = Backend::Postgres.start().await;
    let Database::Postgres(postgres) = server.state.store.database() else { unreachable!() };
    let runs = AtomicUsize::new(0);
    let division = || {
        runs.fetch_add(1, Ordering::Relaxed);
        sql_query("SELECT 1 / 0")
    };
    postgres.read_epoch(async |connection| division().execute(connection).await).await.unwrap_err();
    postgres.read(async |connection| division().execute(connection).await).await.unwrap_err();
    postgres.write(async |connection| division().execute(connection).await).await.unwrap_err();
    assert_eq!(runs.into_inner(), 3);
}
