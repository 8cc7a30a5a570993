//! Applies pending migrations.

use std::{path::Path, time::Duration};

use diesel::{sql_query, sql_types::BigInt};
use diesel_async::{AsyncMigrationHarness, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::store::{
    Error, Location,
    engine::{postgres::Target, schema_compatibility, sqlite},
};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// "portcull" as a number: the advisory lock that serializes migrations of one database.
const ADVISORY_LOCK: i64 = 0x706f_7274_6375_6c6c;

/// Removes timeouts: a migration may take as long as the tables are large, whatever limits a role or database sets.
const UNLIMITED: &str = "SET statement_timeout = 0; SET lock_timeout = 0; \
     SET idle_in_transaction_session_timeout = 0";

/// The versions of the migrations that were just applied.
pub type Applied = Vec<String>;

/// Runs on a thread with its own multi-threaded runtime: Diesel's harness for async connections panics on a
/// single-threaded one, which is what actix and most tests use.
pub(in crate::store) async fn run(location: Location) -> Result<Applied, Error> {
    let work = move || match location {
        Location::Sqlite(file) => migrate_sqlite(&file),
        Location::Postgres(target) => tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(Error::unavailable)?
            .block_on(migrate_postgres(&target)),
    };
    tokio::task::spawn_blocking(move || std::thread::spawn(work).join())
        .await
        .map_err(Error::unavailable)?
        .map_err(|_| Error::unavailable("the migration panicked"))?
}

/// Runs everything in one immediate transaction: a second process waits, for however long, and then finds nothing to
/// do.
fn migrate_sqlite(file: &Path) -> Result<Applied, Error> {
    let mut connection = sqlite::connect(file, Duration::MAX)?;
    let mut failure = None;
    let applied = connection.immediate_transaction(|connection| {
        apply(connection, SQLITE).map_err(|error| {
            failure = Some(error);
            diesel::result::Error::RollbackTransaction
        })
    });
    applied.map_err(|error| failure.unwrap_or_else(|| Error::unavailable(error)))
}

async fn migrate_postgres(target: &Target) -> Result<Applied, Error> {
    let mut connection = target.connect().await.map_err(Error::unavailable)?;
    connection.batch_execute(UNLIMITED).await?;
    // Held until this connection closes, which is when this function returns.
    sql_query("SELECT pg_advisory_lock($1)")
        .bind::<BigInt, _>(ADVISORY_LOCK)
        .execute(&mut connection)
        .await?;
    schema_compatibility::refuse_older(
        schema_compatibility::older_instances(&mut connection).await?,
    )?;
    apply(&mut AsyncMigrationHarness::new(connection), POSTGRES)
}

fn apply<DB: diesel::backend::Backend>(
    harness: &mut impl MigrationHarness<DB>,
    migrations: EmbeddedMigrations,
) -> Result<Applied, Error> {
    let versions = harness
        .run_pending_migrations(migrations)
        .map_err(|error| Error::unavailable(format!("a migration failed: {error}")))?;
    Ok(versions.iter().map(ToString::to_string).collect())
}
