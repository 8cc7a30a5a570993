//! PostgreSQL through a pool of connections, with bounded waits.

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

use super::{Error, MAINTENANCE, StoreStats, per_worker};

pub(super) use pipeline::Pipeline;
pub use target::Target;

/// A connection from the pool.
pub type Connection = AsyncPgConnection;

/// What nobody waits for any more must end at the server too, or it would pile up there behind a lock,
/// and a transaction whose client was cut off would go on holding its own. A stricter limit stays.
fn limits(timeout: Duration) -> String {
    let limit = timeout.as_millis();
    format!(
        "SELECT set_config(name, '{limit}', false) FROM pg_settings \
         WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout') \
         AND setting::bigint NOT BETWEEN 1 AND {limit}; {ENGLISH}"
    )
}

/// The settings of a session that do not have the effect that is relied on, as text.
fn without_effect(timeout: Duration) -> String {
    let limit = timeout.as_millis();
    format!(
        "string_agg(name || ' = ' || setting, ', ') FROM pg_settings WHERE CASE \
         WHEN name = 'synchronous_commit' THEN setting IN ('off', 'local', 'remote_write') \
         WHEN name IN ('statement_timeout', 'idle_in_transaction_session_timeout') \
         THEN setting::bigint NOT BETWEEN 1 AND {limit} END"
    )
}

/// Which of its errors will pass is known by their messages, as Diesel passes on no SQLSTATE (`error::transient`).
/// Their language may be chosen by a superuser, and by a role that was granted it (`GRANT SET ON PARAMETER`); to any
/// other it is given: `ALTER ROLE portcullis SET lc_messages = 'C'`.
const ENGLISH: &str = "DO $$ BEGIN PERFORM set_config('lc_messages', 'C', false); \
     EXCEPTION WHEN insufficient_privilege THEN NULL; END $$";

type Pool = bb8::Pool<AsyncPgConnection>;

/// Keys are found by their indexes, however few there are, and the statement is planned once: left to itself,
/// PostgreSQL plans it anew for each number of keys, and reads small tables whole.
const BY_INDEX: &str = "SELECT set_config(name, 'off', false) FROM pg_settings \
     WHERE name IN ('enable_hashjoin', 'enable_mergejoin', 'enable_seqscan'); \
     SELECT set_config('plan_cache_mode', 'force_generic_plan', false)";

/// A list is planned for its own values, since it may be of few rows or of most; and by the indexes that are
/// in its order, since a plan that reads a small table whole would still be used when it has grown.
const FOR_LISTS: &str = "SELECT set_config(name, 'off', false) FROM pg_settings \
     WHERE name IN ('enable_hashjoin', 'enable_mergejoin', 'enable_seqscan'); \
     SELECT set_config('random_page_cost', '1.1', false), \
     set_config('plan_cache_mode', 'force_custom_plan', false)";

/// One connection in so many is for lists, searches and counts, and there is at least one: however many long
/// reads there are, short ones have the rest.
const LISTS: u32 = 4;

/// A pool of connections, and beside it one for each worker and one for the epoch.
pub struct Postgres {
    pool: Pool,
    lists: Pool,
    lanes: Vec<Arc<Pipeline>>,
    watch: Pipeline,
    timeout: Duration,
    begin_maintenance: String,
}

/// The longest waits.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For an answer.
    pub answer: Duration,
    /// For a connection.
    pub connection: Duration,
}

impl Postgres {
    /// Opens the pool: at most `size` connections. Apart from a first one, they are made when they are needed.
    ///
    /// # Errors
    /// When there is no connection, or one does not keep its settings.
    pub async fn open(
        target: Target,
        size: u32,
        workers: usize,
        Timeouts { answer: timeout, connection: connecting }: Timeouts,
    ) -> Result<Self, Error> {
        let lists = (size / LISTS).max(1);
        let target = Arc::new(target);
        let limits = limits(timeout);
        let rest = size.saturating_sub(lists).max(1);
        let check = without_effect(timeout);
        let pool = open_pool(&target, rest, connecting, [&limits, &check]).await?;
        let for_lists = format!("{limits}; {FOR_LISTS}");
        let lists = open_pool(&target, lists, connecting, [&for_lists, &check]).await?;
        // It says what is wrong, where the pool would try again and end with "timed out".
        drop(fresh(&pool).await?);
        let lane = || Arc::new(Pipeline::new(pool.clone(), timeout, BY_INDEX));
        let lanes = std::iter::repeat_with(lane).take(workers).collect();
        let watch = Pipeline::new(pool.clone(), timeout, "");
        let begin_maintenance = begin_longer(timeout, MAINTENANCE);
        Ok(Self { pool, lists, lanes, watch, timeout, begin_maintenance })
    }

    /// The worker's own connection, for single statements that read, find by an index, and finish at once.
    ///
    /// # Errors
    /// When there is none at all.
    pub(super) fn lane(&self) -> Result<&Arc<Pipeline>, Error> {
        per_worker::own(&self.lanes)
    }

    /// Runs one statement that reads, where no other statement is ever before it.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub async fn read_epoch<T>(
        &self,
        body: impl AsyncFn(&mut &Connection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        let body = &body;
        self.watch.ask(|connection| async move { body(&mut &*connection).await }).await
    }

    /// Runs a body on a connection, outside any transaction: one statement sees one state.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is no connection, or no answer in time.
    pub async fn read<T>(
        &self,
        body: impl AsyncFnMut(&mut Connection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        read_from(&self.pool, self.timeout, body).await
    }

    /// As [`read`](Self::read), on connections that short reads do not wait for.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub async fn read_list<T>(
        &self,
        body: impl AsyncFnMut(&mut Connection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        read_from(&self.lists, self.timeout, body).await
    }

    /// Runs a body in one transaction, READ COMMITTED. What must not interleave locks a row first.
    ///
    /// A connection is replaced before anything but BEGIN was sent: from then on, nobody can know what
    /// became of it. A victim of a deadlock is known to be rolled back, and runs again.
    ///
    /// # Errors
    /// As for [`read`](Self::read), and what the body returned, after a rollback.
    pub async fn write<T>(
        &self,
        body: impl AsyncFnMut(&mut Connection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        self.transact(BEGIN, self.timeout, body).await
    }

    /// As [`write`](Self::write), where no request waits for the answer.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn maintain<T>(
        &self,
        body: impl AsyncFnMut(&mut Connection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        self.transact(&self.begin_maintenance, self.timeout.max(MAINTENANCE), body).await
    }

    /// As [`maintain`](Self::maintain), for what may begin an epoch although it takes nobody's rights.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn sweep<T>(
        &self,
        body: impl AsyncFnMut(&mut Connection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        self.maintain(body).await
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
                // Whatever BEGIN failed of, nothing was done, and this connection is no good.
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

    /// As [`write`](Self::write), for what changes the epoch: its triggers do that, at the commit.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn invalidating_write<T>(
        &self,
        body: impl AsyncFnMut(&mut Connection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        self.write(body).await
    }

    /// How much the pool has to do just now.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        let mut load = StoreStats::default();
        for pool in [&self.pool, &self.lists] {
            let state = pool.state();
            let waited = state.statistics;
            load.connections += u64::from(state.connections);
            load.idle += u64::from(state.idle_connections);
            load.waits += waited.get_waited;
            load.timeouts += waited.get_timed_out;
            load.wait_micros += u64::try_from(waited.get_wait_time.as_micros()).unwrap_or(u64::MAX);
        }
        load
    }
}

async fn open_pool(
    target: &Arc<Target>,
    size: u32,
    connecting: Duration,
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
            // In a transaction of its own: a connection pool may hold more than one session ready for us.
            let without_effect: Option<String> = diesel::select(sql::<Nullable<Text>>(&check))
                .get_result(&mut connection)
                .await
                .map_err(ConnectionError::CouldntSetupConfiguration)?;
            match without_effect {
                None => Ok(connection),
                Some(settings) => Err(ConnectionError::BadConnection(format!(
                    "settings of the session have no effect ({settings}): a connection pool before PostgreSQL \
                     must be in session mode"
                ))),
            }
        })
    });
    // bb8's ping at each check-out costs a quarter of the throughput. A connection that died is
    // noticed when it is used, and `read` and `write` then take a fresh one, once.
    config.recycling_method = RecyclingMethod::Fast;
    let manager = AsyncDieselConnectionManager::new_with_config("", config);
    bb8::Pool::builder()
        .max_size(size)
        .test_on_check_out(false)
        .connection_timeout(connecting)
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
        match Asked::of(&mut connection).answer(&mut body).await {
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

/// A connection that is given up before its answer came goes no further than this: whoever took it from
/// the pool would first wait for that answer. In a transaction Diesel sees to it.
struct Asked<'a> {
    connection: &'a mut Connection,
    answered: bool,
}

impl<'a> Asked<'a> {
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

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if !self.answered {
            // The pool lets go of a connection in this state.
            AnsiTransactionManager::transaction_manager_status_mut(self.connection).set_in_error();
        }
    }
}

/// Without it the log would say that there was no connection in time, and never why.
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

/// Begins a transaction that may take longer than others. A limit that is not ours, and stricter, stays.
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
            // The first error is the one to tell; a connection that cannot even roll back is closed.
            let _ = AnsiTransactionManager::rollback_transaction(connection).await;
            Err(error)
        }
    }
}

/// Whether the connection, not the statement, is what failed.
///
/// Diesel passes on no SQLSTATE, so this and [`is_deadlock`] know the messages in English; in another
/// language of the server's a retry is missed, and the caller gets the 503 that asks them to.
fn is_lost(error: &QueryError) -> bool {
    use diesel::result::DatabaseErrorKind::{ClosedConnection, UnableToSendCommand};
    match error {
        QueryError::DatabaseError(ClosedConnection | UnableToSendCommand, _)
        | QueryError::BrokenTransactionManager => true,
        // PostgreSQL's class 57P: the server is shutting down, or was told to end us.
        QueryError::DatabaseError(_, info) => info.message().starts_with("terminating connection"),
        _ => false,
    }
}

/// Whether PostgreSQL chose this transaction to end a deadlock (40P01): Diesel has no kind for it.
fn is_deadlock(error: &QueryError) -> bool {
    matches!(error, QueryError::DatabaseError(_, info) if info.message() == "deadlock detected")
}
