//! The store: one interface to two databases, SQLite and PostgreSQL. It knows tables and transactions, and nothing of
//! HTTP.
//!
//! Every query is written once, in the file of its table. `query!` and `transaction!` expand it for each backend, so
//! that Diesel checks it against both. The closure that they take may await only Diesel.
//!
//! Four layers, whose imports go one way, from the first to the last (`database` has the macros, `checks` the assertions
//! of debug builds):
//!
//! - `workflows`: transactions over several tables, such as a sign-in or the deletion of an account;
//! - `credentials`: the gate's lookup and its leased cache;
//! - `tables`: one file per table, with its rows and queries;
//! - `engine`: runs a query or a transaction on either database, and knows no table.

#[doc(hidden)]
pub mod checks;
mod component;
/// The traits of Diesel that the macros of this module use wherever they expand, without `RunQueryDsl`, of which there are
/// two.
#[doc(hidden)]
pub mod diesel_traits {
    pub use diesel::{
        ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, SelectableHelper as _,
    };
}
mod credentials;
mod database;
mod engine;
mod error;
mod location;
mod tables;
pub(crate) mod user_events;
mod workflows;

pub mod constraints;
#[doc(hidden)]
pub mod schema;

use std::{sync::Arc, time::Duration};

use diesel::sql_types::Text;

pub use component::Tables;
pub(crate) use component::check_tables;
pub use engine::{
    page,
    stored::{Column, Stored},
};
pub use error::Error;
pub use tables::{activity, jobs, users};
pub use user_events::{UserEvent, UserEventKind};

// For what the macros expand to, and for the tests of this repository.
#[cfg(any(feature = "passkeys", feature = "providers"))]
#[doc(hidden)]
pub use workflows::sign_in_methods;
#[doc(hidden)]
pub use {
    component::TABLES,
    credentials::{Resolved, last_used, lease_settings, session_ends},
    database::Database,
    engine::{
        backup,
        file_lock::{FileLock, files_of},
        migrate::Applied,
        postgres::Target,
        shared_clock,
        sqlite::{InPlace, in_place},
        unreadable::OrEmpty,
    },
    location::Location,
    tables::{
        accounts, admin_write::AdminCheckFailed, api_tokens, known_clients, login_attempts,
        passkeys, rate_limits, schedules, sessions, sign_up_links, signing_keys, suspension_links,
        trusted_devices, two_factor, verifications,
    },
    user_events::jobs as jobs_for,
    workflows::{
        account_deletion, email_change, first_admin, operator_revocation, passwords, registration,
        retention, revocation_cleanup, sign_in, suspension, two_factor_enrolment,
        user_administration,
    },
};
#[cfg(feature = "passkeys")]
#[doc(hidden)]
pub use {tables::passkey_ceremonies, workflows::passkey_changes};
#[cfg(feature = "providers")]
#[doc(hidden)]
pub use {
    tables::{provider_flows, used_id_tokens},
    workflows::linking,
};

pub use crate::{
    add_job, foreign_key, invalidating_transaction, list_query, load_window, own_user_key, query,
    record_event, transaction,
};
use credentials::{Counts, lookup::Lookups};

use database::{cleanup_transaction, maintenance_transaction, read_epoch, statements};
use engine::{file_lock, migrate, postgres, schema_compatibility, sqlite};
use sign_in::SignInPolicy;

/// The options with which the store is opened.
#[derive(Clone)]
#[doc(hidden)]
pub struct Options {
    /// The tables of each component, this library's first.
    pub tables: Vec<Tables>,
    /// The query timeout, for requests and for commands.
    pub timeout: Duration,
    /// The timeout for a connection to PostgreSQL.
    pub connect_timeout: Duration,
    /// The size of the connection pool to PostgreSQL.
    pub pool_size: u32,
    /// The number of worker threads, which serve requests.
    pub workers: usize,
    /// Whether to apply pending migrations first.
    pub migrate: bool,
    /// The capacity of the credential cache, for sessions and API tokens each; 0 disables it.
    pub cache_size: usize,
    /// The rules for every sign-in.
    pub sign_in_policy: SignInPolicy,
}

/// The current load of the store, and counters since its start.
#[derive(Debug, Clone, Copy, Default)]
#[doc(hidden)]
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
    lookups: Lookups,
    /// Whether no other process caches credentials, which holding the lock on the file ensures.
    exclusive: bool,
    sign_in_policy: SignInPolicy,
    tables: Vec<Tables>,
}

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
            _ if options.migrate => drop(Self::migrate(location, &options.tables).await?),
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
                    postgres::Timeouts {
                        answer: options.timeout,
                        connection: options.connect_timeout,
                    },
                )
                .await?,
            ),
        };
        let lookups = Lookups::new(options.cache_size, options.workers);
        let sign_in_policy = options.sign_in_policy;
        let tables = options.tables;
        let store = Self { database, lookups, exclusive, sign_in_policy, tables };
        schema_compatibility::check(&store).await?;
        Ok(store)
    }

    /// Applies pending migrations, one process at a time, and returns what was applied.
    ///
    /// # Errors
    /// When the database cannot be reached, or a migration fails; the ones before it stay applied.
    pub async fn migrate(location: &Location, tables: &[Tables]) -> Result<Applied, Error> {
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
        migrate::run(location.clone(), tables.to_vec()).await
    }

    /// Whether this is the only server on its database, which the lock on SQLite's file ensures.
    #[must_use]
    pub const fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    /// Gives the error of a broken constraint the meaning that its component declares.
    #[doc(hidden)]
    #[must_use]
    pub fn explain(&self, error: Error) -> Error {
        error.explained_by(&self.tables)
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
        let Counts { lookups, epoch_reads } = self.lookups.cache.counts();
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
