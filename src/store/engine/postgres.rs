//! PostgreSQL through a connection pool, with a timeout on every wait.

mod error_text;
mod pipeline;
mod session;
mod target;
mod url;

use std::{sync::Arc, time::Duration};

use diesel::{
    ConnectionError, QueryResult,
    dsl::sql,
    result::Error as QueryError,
    sql_types::{Nullable, Text},
};
use diesel_async::{
    AnsiTransactionManager, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection,
    TransactionManager,
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig, PoolError, RecyclingMethod, bb8,
    },
};

use crate::store::{Error, MAINTENANCE, StoreStats, engine::per_worker};

pub(in crate::store) use pipeline::Pipeline;
pub use target::Target;

/// A connection from the pool.
pub type Connection = AsyncPgConnection;

/// Limits statements and idle transactions on the server too. Otherwise statements that no caller waits for would pile
/// up behind a lock, and a transaction whose client was disconnected would keep its locks. A stricter limit stays.
fn limits(timeout: Duration) -> String {
    let limit = timeout.as_millis();
    format!(
        "SELECT set_config(name, '{limit}', false) FROM pg_settings \
         WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout') \
         AND setting::bigint NOT BETWEEN 1 AND {limit}; {ENGLISH}"
    )
}

/// Selects, as text, the settings of a session that do not have the required effect.
fn ineffective_settings(timeout: Duration) -> String {
    let limit = timeout.as_millis();
    format!(
        "string_agg(name || ' = ' || setting, ', ') FROM pg_settings WHERE CASE \
         WHEN name = 'synchronous_commit' THEN setting IN ('off', 'local', 'remote_write') \
         WHEN name IN ('statement_timeout', 'idle_in_transaction_session_timeout') \
         THEN setting::bigint NOT BETWEEN 1 AND {limit} END"
    )
}

/// Asks for English messages. Transient errors are recognized by their message, because Diesel does not expose the
/// SQLSTATE (`error::transient`). A superuser may set the language, and a role to which that was granted (`GRANT SET
/// ON PARAMETER`); for any other role the operator sets it: `ALTER ROLE portcullis SET lc_messages = 'C'`.
const ENGLISH: &str = "DO $$ BEGIN PERFORM set_config('lc_messages', 'C', false); \
     EXCEPTION WHEN insufficient_privilege THEN NULL; END $$";

type Pool = bb8::Pool<AsyncPgConnection>;

/// Makes lookups use indexes, whatever the number of credentials, with one generic plan. By default PostgreSQL plans
/// the statement again for each number of credentials, and scans small tables.
const BY_INDEX: &str = "SELECT set_config(name, 'off', false) FROM pg_settings \
     WHERE name IN ('enable_hashjoin', 'enable_mergejoin', 'enable_seqscan'); \
     SELECT set_config('plan_cache_mode', 'force_generic_plan', false)";

/// Makes PostgreSQL plan each list for its own values, since a list may have few rows or most of them, and use the
/// indexes that are in its order, since a plan that scans a small table would still be used when the table has grown.
const FOR_LISTS: &str = "SELECT set_config(name, 'off', false) FROM pg_settings \
     WHERE name IN ('enable_hashjoin', 'enable_mergejoin', 'enable_seqscan'); \
     SELECT set_config('random_page_cost', '1.1', false), \
     set_config('plan_cache_mode', 'force_custom_plan', false)";

/// One connection in this many is reserved for lists, searches and counts, and at least one (a bulkhead): however many
/// long reads there are, short ones have the rest.
const LIST_DIVISOR: u32 = 4;

/// A connection pool, and outside it one connection for each worker and one for the epoch.
pub struct Postgres {
    pool: Pool,
    lists: Pool,
    worker_pipelines: Vec<Arc<Pipeline>>,
    epoch_pipeline: Pipeline,
    timeout: Duration,
    begin_maintenance: String,
}

/// The timeouts.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For a result.
    pub answer: Duration,
    /// For a connection.
    pub connection: Duration,
}

impl Postgres {
    /// Opens a pool of at most `size` connections. After the first one, connections are opened on demand.
    ///
    /// # Errors
    /// When no connection can be opened, or one does not keep its settings.
    pub async fn open(
        target: Target,
        size: u32,
        workers: usize,
        Timeouts { answer: timeout, connection: connect_timeout }: Timeouts,
    ) -> Result<Self, Error> {
        let lists = (size / LIST_DIVISOR).max(1);
        let target = Arc::new(target);
        let limits = limits(timeout);
        let rest = size.saturating_sub(lists).max(1);
        let check = ineffective_settings(timeout);
        let pool = open_pool(&target, rest, connect_timeout, [&limits, &check]).await?;
        let for_lists = format!("{limits}; {FOR_LISTS}");
        let lists = open_pool(&target, lists, connect_timeout, [&for_lists, &check]).await?;
        // Reports what is wrong, where the pool would retry and end with "timed out".
        drop(fresh(&pool).await?);
        let pipeline = || Arc::new(Pipeline::new(pool.clone(), timeout, BY_INDEX));
        let worker_pipelines = std::iter::repeat_with(pipeline).take(workers).collect();
        let epoch_pipeline = Pipeline::new(pool.clone(), timeout, "");
        let begin_maintenance = begin_longer(timeout, MAINTENANCE);
        Ok(Self { pool, lists, worker_pipelines, epoch_pipeline, timeout, begin_maintenance })
    }

    /// Returns the worker's own connection, for single fast statements that read by an index.
    ///
    /// # Errors
    /// When there are no workers.
    pub(in crate::store) fn pipeline(&self) -> Result<&Arc<Pipeline>, Error> {
        per_worker::own(&self.worker_pipelines)
    }

    /// Runs one statement that reads, on a connection of its own, so that no other statement is ever ahead of it.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub async fn read_epoch<T>(
        &self,
        body: impl AsyncFn(&mut &Connection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        let body = &body;
        self.epoch_pipeline.ask(|connection| async move { body(&mut &*connection).await }).await
    }

    /// Runs a body on a connection, outside any transaction: each statement sees a snapshot of its own.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is no connection, or no result in time.
    pub async fn read<T>(
        &self,
        body: impl AsyncFnMut(&mut Connection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        read_from(&self.pool, self.timeout, body).await
    }

    /// Does the same as [`read`](Self::read), on connections that short reads do not wait for.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub async fn read_list<T>(
        &self,
        body: impl AsyncFnMut(&mut Connection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        read_from(&self.lists, self.timeout, body).await
    }

    /// Runs a body in one transaction at READ COMMITTED. Bodies that must not interleave lock a row first.
    ///
    /// A connection is replaced only while nothing but BEGIN was sent: after that, the outcome of the transaction
    /// would be unknown. A transaction that was aborted to resolve a deadlock is known to be rolled back, and runs
    /// again.
    ///
    /// # Errors
    /// As for [`read`](Self::read), and what the body returned, after a rollback.
    pub async fn write<T>(
        &self,
        body: impl AsyncFnMut(&mut Connection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        self.transact(BEGIN, self.timeout, body).await
    }

    /// Does the same as [`write`](Self::write) with a longer timeout, for work that no request waits for.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn maintain<T>(
        &self,
        body: impl AsyncFnMut(&mut Connection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        self.transact(&self.begin_maintenance, self.timeout.max(MAINTENANCE), body).await
    }

    async fn transact<T>(
        &self,
        start: &str,
        timeout: Duration,
        mut body: impl AsyncFnMut(&mut Connection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        in_time(timeout, async {
            let mut pooled = self.pool.get().await.map_err(Error::unavailable)?;
            let result = if begin(&mut pooled, start).await.is_ok() {
                finish(&mut pooled, &mut body).await
            } else {
                // Why ever BEGIN failed, nothing was done yet, and this connection is unusable.
                let mut fresh = fresh(&self.pool).await?;
                begin(&mut fresh, start).await?;
                finish(&mut fresh, &mut body).await
            };
            match result {
                Err(error) if is_deadlock(&error) => {
                    let mut fresh = fresh(&self.pool).await?;
                    begin(&mut fresh, start).await?;
                    finish(&mut fresh, &mut body).await.map_err(Error::from)
                }
                result => result.map_err(Error::from),
            }
        })
        .await
    }

    /// The current load of the pools.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        let mut sum = StoreStats::default();
        for pool in [&self.pool, &self.lists] {
            let state = pool.state();
            let waited = state.statistics;
            sum.connections += u64::from(state.connections);
            sum.idle += u64::from(state.idle_connections);
            sum.waits += waited.get_waited;
            sum.timeouts += waited.get_timed_out;
            sum.wait_micros += u64::try_from(waited.get_wait_time.as_micros()).unwrap_or(u64::MAX);
        }
        sum
    }
}

async fn open_pool(
    target: &Arc<Target>,
    size: u32,
    connect_timeout: Duration,
    [settings, check]: [&str; 2],
) -> Result<Pool, Error> {
    let target = target.clone();
    let (settings, check) = (Arc::<str>::from(settings), Arc::<str>::from(check));
    let mut config = ManagerConfig::default();
    config.custom_setup = Box::new(move |_| {
        let (target, settings, check) = (target.clone(), settings.clone(), check.clone());
        Box::pin(async move {
            let mut connection = target.connect().await?;
            connection
                .batch_execute(&settings)
                .await
                .map_err(ConnectionError::CouldntSetupConfiguration)?;
            // A separate transaction: an external connection pool may give it a different session.
            let ineffective_settings: Option<String> =
                diesel::select(sql::<Nullable<Text>>(&check))
                    .get_result(&mut connection)
                    .await
                    .map_err(ConnectionError::CouldntSetupConfiguration)?;
            match ineffective_settings {
                None => Ok(connection),
                Some(settings) => Err(ConnectionError::BadConnection(format!(
                    "settings of the session have no effect ({settings}): a connection pool before PostgreSQL \
                     must be in session mode"
                ))),
            }
        })
    });
    // bb8's ping at each checkout costs a quarter of the throughput. A dead connection is noticed when it is used, and
    // `read` and `write` then open a new one, once.
    config.recycling_method = RecyclingMethod::Fast;
    let manager = AsyncDieselConnectionManager::new_with_config("", config);
    bb8::Pool::builder()
        .max_size(size)
        .test_on_check_out(false)
        .connection_timeout(connect_timeout)
        .error_sink(Box::new(LogConnectionErrors))
        .build(manager)
        .await
        .map_err(|error: PoolError| Error::unavailable(error))
}

async fn read_from<T>(
    pool: &Pool,
    timeout: Duration,
    mut body: impl AsyncFnMut(&mut Connection) -> QueryResult<T>,
) -> Result<T, Error> {
    in_time(timeout, async {
        let mut connection = pool.get().await.map_err(Error::unavailable)?;
        match QueryGuard::of(&mut connection).answer(&mut body).await {
            Err(error) if is_lost(&error) => {
                drop(connection);
                body(&mut fresh(pool).await?).await.map_err(Error::from)
            }
            result => result.map_err(Error::from),
        }
    })
    .await
}

async fn fresh(pool: &Pool) -> Result<Connection, Error> {
    pool.dedicated_connection().await.map_err(Error::unavailable)
}

async fn in_time<T>(
    timeout: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::time::timeout(timeout, work)
        .await
        .unwrap_or_else(|_| Err(Error::unavailable("PostgreSQL did not answer in time")))
}

/// Closes a connection whose caller stopped waiting before the result came: the next caller from the pool would first
/// wait for that result. In a transaction Diesel does this.
struct QueryGuard<'a> {
    connection: &'a mut Connection,
    answered: bool,
}

impl<'a> QueryGuard<'a> {
    fn of(connection: &'a mut Connection) -> Self {
        Self { connection, answered: false }
    }

    async fn answer<T>(
        mut self,
        body: &mut impl AsyncFnMut(&mut Connection) -> QueryResult<T>,
    ) -> QueryResult<T> {
        let result = body(self.connection).await;
        self.answered = true;
        result
    }
}

impl Drop for QueryGuard<'_> {
    fn drop(&mut self) {
        if !self.answered {
            // The pool drops a connection in this state.
            AnsiTransactionManager::transaction_manager_status_mut(self.connection).set_in_error();
        }
    }
}

/// Logs why a connection failed. Otherwise the log would only say that there was no connection in time.
#[derive(Debug, Clone, Copy)]
struct LogConnectionErrors;

impl ::bb8::ErrorSink<PoolError> for LogConnectionErrors {
    fn sink(&self, error: PoolError) {
        tracing::warn!(%error, "a connection to PostgreSQL failed");
    }

    fn boxed_clone(&self) -> Box<dyn ::bb8::ErrorSink<PoolError>> {
        Box::new(*self)
    }
}

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Begins a transaction with a longer timeout. A limit that another party set, and that is stricter, stays.
fn begin_longer(timeout: Duration, longer: Duration) -> String {
    let (ours, longer) = (timeout.as_millis(), longer.max(timeout).as_millis());
    format!(
        "{BEGIN}; SELECT set_config(name, '{longer}', true) FROM pg_settings \
         WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout') \
         AND setting = '{ours}'"
    )
}

async fn begin(connection: &mut Connection, start: &str) -> QueryResult<()> {
    AnsiTransactionManager::begin_transaction_sql(connection, start).await
}

async fn finish<T>(
    connection: &mut Connection,
    body: &mut impl AsyncFnMut(&mut Connection) -> QueryResult<T>,
) -> QueryResult<T> {
    match body(connection).await {
        Ok(value) => {
            AnsiTransactionManager::commit_transaction(connection).await?;
            Ok(value)
        }
        Err(error) => {
            // Report the first error; a connection that cannot even roll back is closed.
            let _ = AnsiTransactionManager::rollback_transaction(connection).await;
            Err(error)
        }
    }
}

/// Whether the connection failed, and not the statement.
///
/// Diesel does not expose the SQLSTATE, so this function and [`is_deadlock`] know the messages in English. If the
/// server uses another language, the retry does not happen, and the client receives a 503 that asks it to retry.
fn is_lost(error: &QueryError) -> bool {
    use diesel::result::DatabaseErrorKind::{ClosedConnection, UnableToSendCommand};
    match error {
        QueryError::DatabaseError(ClosedConnection | UnableToSendCommand, _)
        | QueryError::BrokenTransactionManager => true,
        // PostgreSQL's class 57P: the server is shutting down, or an administrator ended this session.
        QueryError::DatabaseError(_, info) => info.message().starts_with("terminating connection"),
        _ => false,
    }
}

/// Whether PostgreSQL aborted this transaction to resolve a deadlock (40P01): Diesel has no kind for it.
fn is_deadlock(error: &QueryError) -> bool {
    matches!(error, QueryError::DatabaseError(_, info) if info.message() == "deadlock detected")
}
