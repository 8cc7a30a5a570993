//! The store: one interface to two databases, SQLite and PostgreSQL. It knows tables and transactions, and nothing of
//! HTTP.
//!
//! Every query is written once, in the file of its table. `query!` and `transaction!` expand it for each backend, so
//! that Diesel checks it against both. A body awaits nothing but Diesel.

mod active_tokens;
mod admin_write;
mod batch_loader;
mod compatibility;
mod credential;
mod credential_cache;
mod epoch;
mod error;
mod file_lock;
mod generation;
mod locks;
mod migrate;
mod per_worker;
mod postgres;
mod revocation_barrier;
mod role;
mod scopes;
mod sqlite;
mod stored;
mod unreadable;

pub mod accounts;
pub mod audit_events;
pub mod backup;
pub mod constraints;
pub mod deletion;
pub mod emails;
pub mod jobs;
pub mod last_used;
pub mod lease;
pub mod login_attempts;
pub mod page;
pub mod passwords;
pub mod projects;
pub mod rate_limits;
pub mod retention;
pub mod revocation;
pub mod revocation_cleanup;
pub mod schema;
pub mod session_ends;
pub mod sessions;
pub mod setup;
pub mod shared_clock;
pub mod signing_keys;
pub mod tokens;
pub mod used_links;
pub mod user_search;
pub mod users;
pub mod verifications;

use std::{path::PathBuf, sync::Arc, time::Duration};

use diesel::sql_types::Text;

pub use admin_write::AdminCheckFailed;
pub use credential_cache::Resolved;
pub use error::Error;
pub use file_lock::{FileLock, files_of};
pub use migrate::Applied;
pub use postgres::Target;
pub use stored::{Column, Stored};

/// Where the database is.
#[derive(Clone)]
pub enum Location {
    /// A local file.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(Box<Target>),
}

impl Location {
    /// Parses a `DATABASE_URL`: `postgres://…`, or `sqlite:` and a path.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it: it may contain a password.
    pub fn parse(url: &str, authority: Option<PathBuf>) -> Result<Self, String> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Target::parse(url, authority).map(Box::new).map(Self::Postgres);
        }
        match url.strip_prefix("sqlite:").map(|path| path.trim_start_matches("//")) {
            // SQLite would otherwise take them for a part of the file's name, and create a new file.
            Some(path) if path.contains('?') || path.starts_with("file:") => {
                Err("DATABASE_URL: after sqlite: comes the path of a file, without options".into())
            }
            Some(path) if !path.is_empty() && path != ":memory:" => Ok(Self::Sqlite(path.into())),
            _ => Err("DATABASE_URL must begin with postgres:// or be sqlite: and a file".into()),
        }
    }

    /// Names the database for the start-up banner, without credentials.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Sqlite(file) => format!("SQLite in {}", file.display()),
            Self::Postgres(target) => target.describe(),
        }
    }

    /// Locks a SQLite file, so that no other server uses it while the lock is held. A PostgreSQL server takes any
    /// number of instances, and needs no lock.
    ///
    /// # Errors
    /// When another server holds the lock, or the file cannot be locked.
    pub fn lock(&self) -> Result<Option<FileLock>, Error> {
        match self {
            Self::Sqlite(file) => FileLock::acquire(file).map(Some),
            Self::Postgres(_) => Ok(None),
        }
    }
}

/// How the store is opened.
#[derive(Clone, Copy)]
pub struct Options {
    /// The timeout for a result, both in requests and in commands.
    pub timeout: Duration,
    /// The timeout for a connection to PostgreSQL.
    pub connecting: Duration,
    /// The size of the connection pool to PostgreSQL.
    pub pool_size: u32,
    /// The number of worker threads, which serve requests.
    pub workers: usize,
    /// Whether to apply pending migrations first.
    pub migrate: bool,
    /// The capacity of the credential cache, for sessions and API tokens each; 0 disables it.
    pub cache_size: usize,
    /// The most sessions that one user may have.
    pub max_sessions: u32,
}

/// The current load of the store, and counters since its start.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoreStats {
    /// Open connections to PostgreSQL.
    pub connections: u64,
    /// Connections that are idle.
    pub idle: u64,
    /// How often a caller waited for a connection.
    pub waits: u64,
    /// How often such a wait timed out.
    pub timeouts: u64,
    /// How long callers have waited for connections in total, in microseconds.
    pub wait_micros: u64,
    /// Tasks that wait for SQLite's threads.
    pub queue: u64,
    /// Credentials that were looked up in the database.
    pub lookups: u64,
    /// Reads of the epoch.
    pub epoch_reads: u64,
}

/// The timeout for work that no request waits for: retention's batches, which are small, on tables of any size.
const MAINTENANCE: Duration = Duration::from_mins(1);

/// The store: a database and the credential cache.
pub struct Store {
    database: Database,
    cache: CredentialCache,
    /// One for each worker.
    loaders: Vec<BatchLoaders>,
    /// Whether no other process caches credentials, which holding the lock on the file ensures.
    exclusive: bool,
    max_sessions: u32,
}

/// A database of one of the two kinds.
pub enum Database {
    /// SQLite, embedded.
    Sqlite(sqlite::Sqlite),
    /// PostgreSQL, a server.
    Postgres(postgres::Postgres),
}

/// Runs a query, or several that need no common snapshot, and returns a [`Result`].
///
/// The body must be repeatable: on PostgreSQL it runs again if its connection turns out to be dead.
macro_rules! query {
    ($store:expr, |$connection:ident| $body:expr) => {
        $crate::store::run!($store, read, |$connection| $body)
    };
}

/// Does the same as `query!`, for a list, a search or a count: on separate threads and connections, so that none of
/// these, however slow, is ever ahead of a short read.
macro_rules! list_query {
    ($store:expr, |$connection:ident| $body:expr) => {
        $crate::store::run!($store, read_list, |$connection| $body)
    };
}

/// Reads the epoch, on a connection that is used for nothing else. The body must be repeatable, as in `query!`.
macro_rules! read_epoch {
    ($store:expr, |$connection:ident| $body:expr) => {
        $crate::store::run!($store, read_epoch, |$connection| $body)
    };
}

/// Runs a body in one transaction that takes rights away or changes what a session shows, and returns when no instance
/// can use a cached credential from before it: `docs/explanation/credential-cache.md`. It also waits if there was nothing left to do,
/// since the request that did it may not have waited yet. In builds with debug assertions, `transaction!` rejects such
/// a body.
macro_rules! invalidating_transaction {
    ($store:expr, |$connection:ident| $body:expr) => {
        $crate::store::invalidating_transaction!($store, if true, |$connection| $body)
    };
    ($store:expr, if $takes:expr, |$connection:ident| $body:expr) => {{
        let takes = $takes;
        let done = $crate::store::run!($store, invalidating_write, checked, |$connection| $body);
        if takes { $store.wait_for_invalidation(done).await } else { done }
    }};
}

/// Does the same as `transaction!`, for work that no request waits for: it may take longer than a request.
macro_rules! maintenance_transaction {
    ($store:expr, |$connection:ident| $body:expr) => {
        $crate::store::run!($store, maintain, |$connection| $body)
    };
}

/// Does the same as `maintenance_transaction!`, for rows that were revoked before: deleting them begins an epoch, and
/// nothing waits for its invalidation.
macro_rules! cleanup_transaction {
    ($store:expr, |$connection:ident| $body:expr) => {
        $crate::store::run!($store, sweep, |$connection| $body)
    };
}

/// Runs a body in one transaction.
macro_rules! transaction {
    ($store:expr, |$connection:ident| $body:expr) => {
        $crate::store::run!($store, write, checked, |$connection| $body)
    };
}

macro_rules! run {
    ($store:expr, $how:ident, |$connection:ident| $body:expr) => {
        $crate::store::run!($store, $how, unchecked, |$connection| $body)
    };
    ($store:expr, $how:ident, $check:ident, |$connection:ident| $body:expr) => {{
        let result = match $store.database() {
            $crate::store::Database::Postgres(postgres) => {
                #[allow(dead_code, reason = "a body names its backend where it boxes a query")]
                type Backend = diesel::pg::Pg;
                postgres.$how(async |$connection| $body).await
            }
            $crate::store::Database::Sqlite(sqlite) => {
                #[allow(dead_code, reason = "a body names its backend where it boxes a query")]
                type Backend = diesel::sqlite::Sqlite;
                sqlite
                    .$how(move |connection| {
                        $crate::store::user_search::$check(connection, move |$connection| {
                            $crate::store::sqlite::in_place(async move { $body })
                        })
                    })
                    .await
            }
        };
        result.map_err(|error| error.in_operation($crate::store::operation!()))
    }};
}

use error::operation;
use {
    cleanup_transaction, invalidating_transaction, list_query, maintenance_transaction, query,
    read_epoch, run, transaction,
};

use batch_loader::BatchLoaders;
use credential_cache::{Counts, CredentialCache};

pub use sqlite::{InPlace, in_place};

impl Store {
    /// Opens the store, after migrating it if the options say so, and checks that this binary may run on its tables.
    ///
    /// # Errors
    /// When it cannot be reached or opened, or a newer Portcullis has migrated it beyond this version.
    pub async fn open(location: &Location, options: Options) -> Result<Self, Error> {
        Self::open_locked(location, options, None).await
    }

    /// Does the same as [`open`](Self::open), for the server that holds the lock on SQLite's file. The lock is held
    /// until the last connection is closed.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub async fn open_locked(
        location: &Location,
        options: Options,
        lock: Option<FileLock>,
    ) -> Result<Self, Error> {
        let lock = lock.map(Arc::new);
        let exclusive = lock.is_some();
        match location {
            _ if options.migrate => drop(Self::migrate(location).await?),
            Location::Sqlite(file) => file_lock::prepare(file)?,
            Location::Postgres(target) => target.check_sessions().await?,
        }
        let database = match location {
            Location::Sqlite(file) => Database::Sqlite(sqlite::Sqlite::open(
                file,
                options.workers,
                options.timeout,
                lock.as_ref(),
            )?),
            Location::Postgres(target) => Database::Postgres(
                postgres::Postgres::open(
                    target.as_ref().clone(),
                    options.pool_size,
                    options.workers,
                    postgres::Timeouts { answer: options.timeout, connection: options.connecting },
                )
                .await?,
            ),
        };
        let cache = CredentialCache::new(options.cache_size);
        let loaders = std::iter::repeat_with(BatchLoaders::default).take(options.workers).collect();
        let max_sessions = options.max_sessions;
        let store = Self { database, cache, loaders, exclusive, max_sessions };
        compatibility::check(&store).await?;
        Ok(store)
    }

    /// Applies pending migrations, one process at a time, and returns what was applied.
    ///
    /// # Errors
    /// When the database cannot be reached, or a migration fails; the ones before it stay applied.
    pub async fn migrate(location: &Location) -> Result<Applied, Error> {
        let _held_until_migrated = match location {
            Location::Sqlite(file) => {
                let legacy_locks = file_lock::refuse_beside_older_server(file)?;
                file_lock::prepare(file)?;
                legacy_locks
            }
            Location::Postgres(target) => {
                target.check_sessions().await?;
                Vec::new()
            }
        };
        migrate::run(location.clone()).await
    }

    /// Whether this is the only server on its database, which the lock on SQLite's file ensures.
    #[must_use]
    pub const fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    /// The database itself.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Checks that the database answers, by reading a table: SQLite answers `SELECT 1` even without its file.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        use diesel_async::RunQueryDsl;
        query!(self, |conn| diesel::sql_query("SELECT name FROM locks").execute(conn).await)?;
        Ok(())
    }

    /// The current load and counters.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        let stats = match &self.database {
            Database::Sqlite(sqlite) => {
                StoreStats { queue: sqlite.queue() as u64, ..StoreStats::default() }
            }
            Database::Postgres(postgres) => postgres.stats(),
        };
        let Counts { lookups, epoch_reads } = self.cache.counts();
        StoreStats { lookups, epoch_reads, ..stats }
    }

    /// Warnings about this database for the operator, before relying on it.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn warnings(&self) -> Result<Vec<String>, Error> {
        use diesel_async::RunQueryDsl;
        let Database::Postgres(postgres) = &self.database else { return Ok(Vec::new()) };
        let fsync: String = postgres
            .read(async |conn| {
                diesel::select(diesel::dsl::sql::<Text>("current_setting('fsync')"))
                    .get_result(conn)
                    .await
            })
            .await?;
        let mut warnings = Vec::new();
        if fsync == "off" {
            warnings.push(
                "PostgreSQL runs with fsync = off: a power cut can undo a revocation".to_owned(),
            );
        }
        let language: String = postgres
            .read(async |conn| {
                diesel::select(diesel::dsl::sql::<Text>("current_setting('lc_messages')"))
                    .get_result(conn)
                    .await
            })
            .await?;
        if !["", "C", "POSIX"].contains(&language.split('.').next().unwrap_or_default())
            && !language.starts_with("en")
        {
            warnings.push(format!(
                "PostgreSQL's messages are in {language}, so that a passing error looks like a bug: \
                 ALTER ROLE … SET lc_messages = 'C'"
            ));
        }
        Ok(warnings)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_url_says_where_the_data_lives() {
        for (url, place) in [
            ("sqlite:data/app.db", "SQLite in data/app.db"),
            ("sqlite://data/app.db", "SQLite in data/app.db"),
            ("sqlite:///var/app.db", "SQLite in /var/app.db"),
            ("postgres://u:secret@db.example.com/app", "PostgreSQL app at db.example.com"),
            ("postgresql://db.example.com/app", "PostgreSQL app at db.example.com"),
        ] {
            assert_eq!(Location::parse(url, None).map(|place| place.describe()).unwrap(), place);
        }
        for nowhere in [
            "",
            "sqlite:",
            "sqlite://",
            "sqlite::memory:",
            "sqlite:app.db?mode=rwc",
            "sqlite:file:app.db",
            "mysql://localhost/app",
        ] {
            assert!(Location::parse(nowhere, None).is_err(), "{nowhere}");
        }
    }
}
