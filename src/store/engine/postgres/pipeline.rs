//! Pipelining: many callers share one connection. Statements are sent without waiting for the results of the earlier
//! ones, and the results come back in order.
//!
//! Only for single fast statements in autocommit that lock nothing, because each waits for those ahead of it. A caller
//! that stops waiting disturbs no other: the driver reads its result and drops it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use diesel::QueryResult;
use diesel_async::SimpleAsyncConnection;
use tokio::sync::OnceCell;

use super::{Connection, Pool, fresh, in_time, is_lost};
use crate::store::Error;

/// How long a connection is used, the same as bb8's default for the pool: the host name may resolve to another server
/// by then.
const MAX_LIFETIME: Duration = Duration::from_mins(30);

/// A connection that the first caller to need it opens. Its driver runs on the runtime of that caller's thread, which
/// is why each worker has its own: results need not cross threads.
type ConnectionSlot = Arc<OnceCell<Arc<Connection>>>;

/// The current connection, when it was opened, and since when a result is outstanding.
struct Current {
    slot: ConnectionSlot,
    since: Instant,
    silent_since: Option<Instant>,
}

impl Default for Current {
    fn default() -> Self {
        Self { slot: ConnectionSlot::default(), since: Instant::now(), silent_since: None }
    }
}

/// One connection, replaced when it is lost.
pub struct Pipeline {
    pool: Pool,
    timeout: Duration,
    settings: &'static str,
    current: Mutex<Current>,
}

impl Pipeline {
    /// Opens connections as the pool does, but outside it, and applies these further settings.
    pub(super) fn new(pool: Pool, timeout: Duration, settings: &'static str) -> Self {
        Self { pool, timeout, settings, current: Mutex::default() }
    }

    /// Sends a statement; once more on a new connection, if this one turns out to be lost.
    pub(in crate::store) async fn ask<T, F: Future<Output = QueryResult<T>>>(
        &self,
        body: impl Fn(Arc<Connection>) -> F,
    ) -> Result<T, Error> {
        // Taken before the timeout starts, so that when the timeout has passed, this connection has been silent for as
        // long.
        let slot = self.slot();
        self.in_time(async {
            match self.ask_on(&slot, &body).await? {
                Err(error) if is_lost(&error) => self.ask_on(&self.slot(), &body).await?,
                result => result,
            }
            .map_err(Error::from)
        })
        .await
    }

    async fn ask_on<T, F: Future<Output = QueryResult<T>>>(
        &self,
        slot: &ConnectionSlot,
        body: &impl Fn(Arc<Connection>) -> F,
    ) -> Result<QueryResult<T>, Error> {
        let connection = slot.get_or_try_init(|| self.connect()).await?;
        let result = body(connection.clone()).await;
        self.record_answer(slot, result.as_ref().is_err_and(is_lost));
        Ok(result)
    }

    async fn connect(&self) -> Result<Arc<Connection>, Error> {
        let mut connection = fresh(&self.pool).await?;
        connection.batch_execute(self.settings).await?;
        Ok(Arc::new(connection))
    }

    /// Returns the connection to use. Replaces one that has owed a result for a whole timeout: if the network dropped
    /// it silently it would never fail, and callers that stop waiting early would never notice.
    fn slot(&self) -> ConnectionSlot {
        let now = Instant::now();
        let mut current = self.lock();
        let silent = current.silent_since.is_some_and(|since| now - since >= self.timeout);
        if silent || now - current.since >= MAX_LIFETIME {
            *current = Current::default();
        }
        current.silent_since.get_or_insert(now);
        current.slot.clone()
    }

    fn record_answer(&self, slot: &ConnectionSlot, lost: bool) {
        let mut current = self.lock();
        if Arc::ptr_eq(&current.slot, slot) {
            if lost {
                *current = Current::default();
            }
            current.silent_since = None;
        }
    }

    /// Applies the timeout that all callers have.
    pub(in crate::store) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        in_time(self.timeout, work).await
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
