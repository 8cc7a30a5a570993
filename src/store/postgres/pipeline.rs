//! One connection that many share at once: statements follow each other into it without waiting for
//! the answers, which come back in order.
//!
//! Only for single statements in autocommit that finish at once and lock nothing, since each waits for
//! those before it. Whoever leaves before the answer came spoils nothing: the driver reads it, and drops it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use diesel::QueryResult;
use diesel_async::SimpleAsyncConnection;
use tokio::sync::OnceCell;

use super::{super::Error, Connection, Pool, fresh, in_time, is_lost};

/// How long a connection is used, which is what bb8 gives those of the pool: the address may lead
/// elsewhere by now.
const LIFE: Duration = Duration::from_mins(30);

/// A connection to be, made by whoever needs it first. Its driver lives on the runtime of that thread,
/// which is why each has its own: an answer need not cross over.
type Line = Arc<OnceCell<Arc<Connection>>>;

/// The connection in use, since when it is, and since when it owes an answer.
struct Current {
    line: Line,
    since: Instant,
    silent_since: Option<Instant>,
}

impl Default for Current {
    fn default() -> Self {
        Self { line: Line::default(), since: Instant::now(), silent_since: None }
    }
}

/// One connection, and the next when that is lost.
pub struct Pipeline {
    pool: Pool,
    timeout: Duration,
    settings: &'static str,
    current: Mutex<Current>,
}

impl Pipeline {
    /// Its connection is made as those of the pool are, and is none of them; it is given these settings besides.
    pub(super) fn new(pool: Pool, timeout: Duration, settings: &'static str) -> Self {
        Self { pool, timeout, settings, current: Mutex::default() }
    }

    /// Sends a statement; once more on a fresh connection, if this one turns out to be lost.
    pub(in crate::store) async fn ask<T, F: Future<Output = QueryResult<T>>>(
        &self,
        body: impl Fn(Arc<Connection>) -> F,
    ) -> Result<T, Error> {
        // Before the wait begins, so that when it is over this line has been silent for as long.
        let line = self.line();
        self.in_time(async {
            match self.ask_on(&line, &body).await? {
                Err(error) if is_lost(&error) => self.ask_on(&self.line(), &body).await?,
                result => result,
            }
            .map_err(Error::from)
        })
        .await
    }

    async fn ask_on<T, F: Future<Output = QueryResult<T>>>(
        &self,
        line: &Line,
        body: &impl Fn(Arc<Connection>) -> F,
    ) -> Result<QueryResult<T>, Error> {
        let connection = line.get_or_try_init(|| self.connect()).await?;
        let result = body(connection.clone()).await;
        self.heard(line, result.as_ref().is_err_and(is_lost));
        Ok(result)
    }

    async fn connect(&self) -> Result<Arc<Connection>, Error> {
        let mut connection = fresh(&self.pool).await?;
        connection.batch_execute(self.settings).await?;
        Ok(Arc::new(connection))
    }

    /// The connection to use. One that owes an answer for as long as anybody waits for one is given up:
    /// behind a cut line it would never fail, and those who leave early would never notice.
    fn line(&self) -> Line {
        let now = Instant::now();
        let mut current = self.lock();
        let silent = current.silent_since.is_some_and(|since| now - since >= self.timeout);
        if silent || now - current.since >= LIFE {
            *current = Current::default();
        }
        current.silent_since.get_or_insert(now);
        current.line.clone()
    }

    fn heard(&self, line: &Line, lost: bool) {
        let mut current = self.lock();
        if Arc::ptr_eq(&current.line, line) {
            if lost {
                *current = Current::default();
            }
            current.silent_since = None;
        }
    }

    /// Waits no longer than anybody does.
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
