//! SQLite on a pool of dedicated threads: several that read and one that writes.
//!
//! Diesel-async's own wrapper moves each statement to a blocking thread, and panics on actix's runtimes when its
//! future is dropped during a query. Here a whole task runs to its end on a thread that owns its connection, whether
//! or not the caller still waits: no task stops halfway.

mod reader;
mod task;
mod threads;
mod writer;

use std::{error::Error as StdError, path::Path, sync::Arc, time::Duration};

use backon::{BlockingRetryable, ConstantBuilder};
use diesel::{
    Connection as _, QueryResult, SqliteConnection, connection::SimpleConnection,
    result::Error as QueryError,
};
use diesel_async::sync_connection_wrapper::{SpawnBlocking, SyncConnectionWrapper};
use futures_util::{FutureExt, future::BoxFuture};

use crate::store::{Error, FileLock, MAINTENANCE, engine::per_worker};
use task::{PendingTask, Task};
use threads::Threads;

/// The length of each thread's queue (backpressure): a full queue means more work than the disk can take.
const QUEUE: usize = 1024;

/// A connection whose futures are ready at once, because they do their work when they are created.
pub type Connection = SyncConnectionWrapper<SqliteConnection, InPlace>;

/// Runs "blocking" work on the calling thread: the thread is dedicated to this connection and may block.
pub struct InPlace;

impl SpawnBlocking for InPlace {
    fn spawn_blocking<'a, R>(
        &mut self,
        task: impl FnOnce() -> R + Send + 'static,
    ) -> BoxFuture<'a, Result<R, Box<dyn StdError + Send + Sync + 'static>>>
    where
        R: Send + 'static,
    {
        let done = task();
        Box::pin(std::future::ready(Ok(done)))
    }

    fn get_runtime() -> Self {
        Self
    }
}

/// The most threads, each with a connection, that serve short reads, and the most that serve lists: more would only
/// compete for the same file.
const SHARED: usize = 32;

type Tasks = flume::Sender<Box<dyn Task>>;
type Queue = flume::Receiver<Box<dyn Task>>;

/// The database file, accessed through its threads.
pub struct Sqlite {
    /// One per worker, for the statements that every request waits for: no slow statement is ever ahead of them.
    worker_lookups: Vec<Tasks>,
    readers: Tasks,
    /// For lists, searches and counts: as many threads as for short reads, and separate from them (a bulkhead).
    lists: Tasks,
    epoch_reads: Tasks,
    writer: Tasks,
    timeout: Duration,
    // Dropped last: it waits until the threads have closed their connections.
    _threads: Threads,
}

impl Sqlite {
    /// Opens a migrated file for this many workers.
    ///
    /// # Errors
    /// When a connection cannot be opened.
    pub fn open(
        file: &Path,
        workers: usize,
        timeout: Duration,
        lock: Option<&Arc<FileLock>>,
    ) -> Result<Self, Error> {
        let mut threads = Threads::new(lock.cloned());
        let mut read_on = |name: String, queue: Queue| -> Result<(), Error> {
            let connection = connect_reader(file, timeout)?;
            threads.start(name, move |lock| reader::serve(connection, &queue, lock))
        };
        let (read_tasks, read_queue) = flume::bounded(QUEUE);
        let (list_tasks, list_queue) = flume::bounded(QUEUE);
        let mut worker_lookups = Vec::new();
        for number in 0..workers {
            if number < SHARED {
                read_on(format!("sqlite-reader-{number}"), read_queue.clone())?;
                read_on(format!("sqlite-lists-{number}"), list_queue.clone())?;
            }
            let (lookup_tasks, lookup_queue) = flume::bounded(QUEUE);
            read_on(format!("sqlite-lane-{number}"), lookup_queue)?;
            worker_lookups.push(lookup_tasks);
        }
        let (epoch_tasks, epoch_queue) = flume::bounded(QUEUE);
        read_on("sqlite-watch".to_owned(), epoch_queue)?;
        let (write_tasks, write_queue) = flume::bounded(QUEUE);
        let connection = Connection::with_runtime(connect(file, timeout)?, InPlace);
        threads.start("sqlite-writer".to_owned(), move |lock| {
            writer::serve(connection, &write_queue, lock);
        })?;
        if let Some(lock) = lock {
            lock.watch_log();
        }
        Ok(Self {
            worker_lookups,
            readers: read_tasks,
            lists: list_tasks,
            epoch_reads: epoch_tasks,
            writer: write_tasks,
            timeout,
            _threads: threads,
        })
    }

    /// The number of tasks that wait for a thread.
    #[must_use]
    pub fn queue(&self) -> usize {
        let worker_lookups: usize = self.worker_lookups.iter().map(Tasks::len).sum();
        worker_lookups + self.readers.len() + self.lists.len() + self.writer.len()
    }

    /// Runs one fast statement that reads, on the worker's own thread. Uses Diesel directly, because diesel-async
    /// builds a statement's text each time before it looks in its cache of prepared statements.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub async fn lookup<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let body = |connection: &mut Connection| in_place(connection.spawn_blocking(body));
        self.ask(per_worker::own(&self.worker_lookups)?, body).await
    }

    /// Runs one statement that reads, on a thread of its own, so that no other statement is ever ahead of it.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub async fn read_epoch<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.ask(&self.epoch_reads, body).await
    }

    /// Runs a body on a reader, outside any transaction: each statement sees a snapshot of its own.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the queue is full or the result is late.
    pub async fn read<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.ask(&self.readers, body).await
    }

    /// Does the same as [`read`](Self::read), on threads that short reads do not wait for.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub async fn read_list<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.ask(&self.lists, body).await
    }

    /// Runs a body on the writer in one transaction, and returns when its changes are on the disk.
    ///
    /// # Errors
    /// As for [`read`](Self::read), and what the body returned, after a rollback.
    pub async fn write<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.ask(&self.writer, body).await
    }

    /// Does the same as [`write`](Self::write) with a longer timeout, for work that no request waits for.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn maintain<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        ask_within(MAINTENANCE.max(self.timeout), &self.writer, body).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        tasks: &Tasks,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        ask_within(self.timeout, tasks, body).await
    }
}

async fn ask_within<T: Send + 'static>(
    timeout: Duration,
    tasks: &Tasks,
    body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
) -> Result<T, Error> {
    let (pending, answered) = PendingTask::new(body);
    let full = |_| Error::unavailable("the queue to SQLite is full");
    tasks.try_send(Box::new(pending)).map_err(full)?;
    match tokio::time::timeout(timeout, answered).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(Error::unavailable("SQLite's thread has ended")),
        Err(_) => Err(Error::unavailable("SQLite did not answer in time")),
    }
}

/// Drops the connection's cached pages. Otherwise SQLite would believe a page that it read as corrupt to be so until
/// the next write, long after the file is whole again.
fn forget_pages(connection: &mut Connection) {
    let _ =
        in_place(connection.spawn_blocking(|inner| inner.batch_execute("PRAGMA shrink_memory")));
}

/// Returns the result of a future that never has to wait.
pub fn in_place<T>(future: impl Future<Output = QueryResult<T>>) -> QueryResult<T> {
    future.now_or_never().unwrap_or_else(|| {
        Err(QueryError::QueryBuilderError(
            "a store body awaited something other than Diesel".into(),
        ))
    })
}

/// Opens a connection with the settings that all connections share. While another process writes, each statement waits
/// up to `wait` for it.
///
/// Switching to the write-ahead log ignores `busy_timeout` if another process is switching the same new file at the
/// same time, so it is retried. `synchronous = FULL`, because a power failure must not restore a session that was
/// revoked.
pub(in crate::store) fn connect(file: &Path, wait: Duration) -> Result<SqliteConnection, Error> {
    // SQLite counts milliseconds in 31 bits.
    let wait = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
    let open = || -> Result<SqliteConnection, Box<dyn StdError>> {
        let path = file.to_str().ok_or("the path is not UTF-8")?;
        let mut connection = SqliteConnection::establish(path)?;
        connection.batch_execute(&format!(
            "PRAGMA busy_timeout = {wait};
             PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA foreign_keys = ON;"
        ))?;
        Ok(connection)
    };
    open.retry(ConstantBuilder::new().with_delay(Duration::from_millis(50)).with_max_times(100))
        .when(|error| error.to_string().contains("database is locked"))
        .call()
        .map_err(|error| Error::unavailable(format!("{}: {error}", file.display())))
}

fn connect_reader(file: &Path, wait: Duration) -> Result<Connection, Error> {
    let mut connection = connect(file, wait)?;
    connection.batch_execute("PRAGMA query_only = ON")?;
    Ok(Connection::with_runtime(connection, InPlace))
}
