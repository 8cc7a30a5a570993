//! SQLite on threads of its own: some that read, one that writes.
//!
//! Diesel-async's stock wrapper moves each statement to a blocking thread, and panics on actix's
//! runtimes when its future is dropped in mid-query. Here a whole job runs on a thread that owns its
//! connection, to its end, whether or not the caller still waits: nothing is ever half done.

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

use super::{Error, FileLock, MAINTENANCE, epoch, per_worker};
use task::{PendingTask, Task};
use threads::Threads;

/// How many jobs may wait for a thread. A full queue means more work than the disk can take.
const QUEUE: usize = 1024;

/// A connection whose futures are ready at once, because they do their work where they stand.
pub type Connection = SyncConnectionWrapper<SqliteConnection, InPlace>;

/// Runs "blocking" work on the very thread: it is ours, and blocking is what it is for.
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

/// The most threads, and connections, that all workers share for reads, and again for lists: further ones would only
/// wait for the same file.
const SHARED: usize = 32;

type Tasks = flume::Sender<Box<dyn Task>>;
type Queue = flume::Receiver<Box<dyn Task>>;

/// The database file, seen through its threads.
pub struct Sqlite {
    /// One for each worker, for what every request waits for: nothing slow is ever before it.
    lanes: Vec<Tasks>,
    readers: Tasks,
    /// For lists, searches and counts: as many threads as for short reads, beside those.
    lists: Tasks,
    watch: Tasks,
    writer: Tasks,
    timeout: Duration,
    // Dropped last: it waits until the threads have closed their connections.
    _threads: Threads,
}

impl Sqlite {
    /// Opens the file, which has been migrated, for this many workers.
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
        let (read_jobs, read_queue) = flume::bounded(QUEUE);
        let (list_jobs, list_queue) = flume::bounded(QUEUE);
        let mut lanes = Vec::new();
        for number in 0..workers {
            if number < SHARED {
                read_on(format!("sqlite-reader-{number}"), read_queue.clone())?;
                read_on(format!("sqlite-lists-{number}"), list_queue.clone())?;
            }
            let (lane_jobs, lane_queue) = flume::bounded(QUEUE);
            read_on(format!("sqlite-lane-{number}"), lane_queue)?;
            lanes.push(lane_jobs);
        }
        let (watch_jobs, watch_queue) = flume::bounded(QUEUE);
        read_on("sqlite-watch".to_owned(), watch_queue)?;
        let (write_jobs, write_queue) = flume::bounded(QUEUE);
        let connection = Connection::with_runtime(connect(file, timeout)?, InPlace);
        threads.start("sqlite-writer".to_owned(), move |lock| {
            writer::serve(connection, &write_queue, lock);
        })?;
        if let Some(lock) = lock {
            lock.watch_log();
        }
        Ok(Self {
            lanes,
            readers: read_jobs,
            lists: list_jobs,
            watch: watch_jobs,
            writer: write_jobs,
            timeout,
            _threads: threads,
        })
    }

    /// How many jobs wait for a thread.
    #[must_use]
    pub fn queue(&self) -> usize {
        let lanes: usize = self.lanes.iter().map(Tasks::len).sum();
        lanes + self.readers.len() + self.lists.len() + self.writer.len()
    }

    /// Runs one statement that reads, and finishes at once, on the thread that is the worker's own: by Diesel
    /// itself, since diesel-async writes a statement's text anew each time before it looks whether it is known.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub async fn lookup<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let body = |connection: &mut Connection| in_place(connection.spawn_blocking(body));
        self.ask(per_worker::own(&self.lanes)?, body).await
    }

    /// Runs one statement that reads, where no other statement is ever before it.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub async fn read_epoch<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.ask(&self.watch, body).await
    }

    /// Runs a body on a reader, outside any transaction: one statement sees one state.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the queue is full or the answer too late.
    pub async fn read<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.ask(&self.readers, body).await
    }

    /// As [`read`](Self::read), on threads that short reads do not wait for.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub async fn read_list<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.ask(&self.lists, body).await
    }

    /// Runs a body on the writer, all of it or nothing, and answers when what it did is on the disk.
    ///
    /// # Errors
    /// As for [`read`](Self::read), and what the body returned, after a rollback.
    pub async fn write<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.invalidating_write(move |connection| epoch::unchanged(connection, body)).await
    }

    /// As [`write`](Self::write), where no request waits for the answer.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn maintain<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.sweep(move |connection| epoch::unchanged(connection, body)).await
    }

    /// As [`maintain`](Self::maintain), for what may begin an epoch although it takes nobody's rights.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn sweep<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        ask_within(MAINTENANCE.max(self.timeout), &self.writer, body).await
    }

    /// As [`write`](Self::write), for what changes the epoch: its triggers do that.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn invalidating_write<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.ask(&self.writer, body).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        jobs: &Tasks,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        ask_within(self.timeout, jobs, body).await
    }
}

async fn ask_within<T: Send + 'static>(
    timeout: Duration,
    jobs: &Tasks,
    body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
) -> Result<T, Error> {
    let (job, answered) = PendingTask::new(body);
    let full = |_| Error::unavailable("the queue to SQLite is full");
    jobs.try_send(Box::new(job)).map_err(full)?;
    match tokio::time::timeout(timeout, answered).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(Error::unavailable("SQLite's thread has ended")),
        Err(_) => Err(Error::unavailable("SQLite did not answer in time")),
    }
}

/// Drops what a connection remembers of the file: a page that was read broken would be believed to be
/// so until the next write, long after the file is whole again.
fn forget_pages(connection: &mut Connection) {
    let _ =
        in_place(connection.spawn_blocking(|inner| inner.batch_execute("PRAGMA shrink_memory")));
}

/// The result of a future that never has to wait.
pub fn in_place<T>(future: impl Future<Output = QueryResult<T>>) -> QueryResult<T> {
    future.now_or_never().unwrap_or_else(|| {
        Err(QueryError::QueryBuilderError(
            "a store body awaited something other than Diesel".into(),
        ))
    })
}

/// Opens a connection with the settings that every connection of ours has. Where another process writes, each
/// statement waits so long for it.
///
/// Turning on the write-ahead log does not wait for the time-out where another starter of a new file is
/// just doing the same: it is tried again.
/// `synchronous = FULL`: a lost power supply must not bring back a session that was ended.
pub(super) fn connect(file: &Path, wait: Duration) -> Result<SqliteConnection, Error> {
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
