//! Applies pending migrations.

use std::{path::Path, time::Duration};

use diesel::{
    backend::Backend,
    migration::{Migration, MigrationSource},
    sql_query,
    sql_types::BigInt,
};
use diesel_async::{AsyncMigrationHarness, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

use crate::store::{
    Error, Location,
    component::{Migrations, Tables},
    engine::{postgres::Target, schema_compatibility, sqlite},
};

/// "portcull" as a number: the advisory lock that serializes migrations of one database.
const ADVISORY_LOCK: i64 = 0x706f_7274_6375_6c6c;

/// Removes timeouts: a migration may take as long as the tables are large, whatever limits a role or database sets.
const UNLIMITED: &str = "SET statement_timeout = 0; SET lock_timeout = 0; \
     SET idle_in_transaction_session_timeout = 0";

/// The versions of the migrations that were just applied.
pub type Applied = Vec<String>;

/// Runs on a thread with its own multi-threaded runtime: Diesel's harness for async connections panics on a
/// single-threaded one, which is what actix and most tests use.
pub(in crate::store) async fn run(
    location: Location,
    tables: Vec<Tables>,
) -> Result<Applied, Error> {
    let work = move || match location {
        Location::Sqlite(file) => migrate_sqlite(&file, &tables),
        Location::Postgres(target) => tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(Error::unavailable)?
            .block_on(migrate_postgres(&target, &tables)),
    };
    tokio::task::spawn_blocking(move || std::thread::spawn(work).join())
        .await
        .map_err(Error::unavailable)?
        .map_err(|_| Error::unavailable("the migration panicked"))?
}

/// Runs everything in one immediate transaction: a second process waits, for however long, and then finds nothing to
/// do.
fn migrate_sqlite(file: &Path, tables: &[Tables]) -> Result<Applied, Error> {
    let mut connection = sqlite::connect(file, Duration::MAX)?;
    let mut failure = None;
    let applied = connection.immediate_transaction(|connection| {
        apply(connection, tables).map_err(|error| {
            failure = Some(error);
            diesel::result::Error::RollbackTransaction
        })
    });
    applied.map_err(|error| failure.unwrap_or_else(|| Error::unavailable(error)))
}

async fn migrate_postgres(target: &Target, tables: &[Tables]) -> Result<Applied, Error> {
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
    apply(&mut AsyncMigrationHarness::new(connection), tables)
}

/// Applies the pending migrations of each component, in the order of the components: a product's may refer to any table
/// of the library, whatever their versions.
fn apply<DB: Backend>(
    harness: &mut impl MigrationHarness<DB>,
    tables: &[Tables],
) -> Result<Applied, Error>
where
    Tables: Migrations<DB>,
{
    let mut applied = Applied::new();
    for tables in tables {
        let versions = harness
            .run_pending_migrations(Borrowed(tables.migrations()))
            .map_err(|error| Error::unavailable(format!("a migration failed: {error}")))?;
        applied.extend(versions.iter().map(ToString::to_string));
    }
    Ok(applied)
}

/// Diesel takes the migrations by value, and they cannot be copied.
struct Borrowed(&'static EmbeddedMigrations);

impl<DB: Backend> MigrationSource<DB> for Borrowed {
    fn migrations(&self) -> diesel::migration::Result<Vec<Box<dyn Migration<DB>>>> {
        self.0.migrations()
    }
}
