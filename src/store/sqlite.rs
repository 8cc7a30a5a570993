//! SQLite on threads of its own: some that read, one that writes.
//!
//! Diesel-async's stock wrapper moves each statement to a blocking thread, and panics on actix's
//! runtimes when its future is dropped in mid-query. Here a whole job runs on a thread that owns its
//! connection, to its end, whether or not the caller still waits: nothing is ever half done.

use std::{
    error::Error as StdError,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    thread,
    time::Duration,
};

use backon::{BlockingRetryable, ConstantBuilder};
use diesel::{
    Connection as _, QueryResult, SqliteConnection,
    connection::{AnsiTransactionManager, SimpleConnection, TransactionManager},
    result::{DatabaseErrorKind as Kind, Error as QueryError},
};
use diesel_async::sync_connection_wrapper::{SpawnBlocking, SyncConnectionWrapper};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::oneshot;

use super::Error;

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

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The database file, seen through its threads.
pub struct Sqlite {
    readers: flume::Sender<Job>,
    writer: flume::Sender<Job>,
    patience: Duration,
}

impl Sqlite {
    /// Opens the file, which has been migrated, with this many readers.
    ///
    /// # Errors
    /// When a connection cannot be opened.
    pub fn open(file: &Path, readers: usize, patience: Duration) -> Result<Self, Error> {
        let (read_jobs, read_queue) = flume::bounded(QUEUE);
        for number in 0..readers {
            let connection = connect(file)?.into_reader()?;
            start(&format!("sqlite-reader-{number}"), connection, read_queue.clone())?;
        }
        let (write_jobs, write_queue) = flume::bounded(QUEUE);
        start("sqlite-writer", connect(file)?, write_queue)?;
        Ok(Self { readers: read_jobs, writer: write_jobs, patience })
    }

    /// How many jobs wait for a thread.
    #[must_use]
    pub fn queue(&self) -> usize {
        self.readers.len() + self.writer.len()
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

    /// Runs a body on the writer in one transaction.
    ///
    /// `BEGIN IMMEDIATE`, because a transaction that starts as a reader and turns writer can fail
    /// with "database is locked" however long it would wait.
    ///
    /// # Errors
    /// As for [`read`](Self::read), and what the body returned, after a rollback.
    pub async fn write<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.ask(&self.writer, move |connection| {
            in_place(connection.spawn_blocking(|inner| {
                AnsiTransactionManager::begin_transaction_sql(inner, "BEGIN IMMEDIATE")
            }))?;
            match body(connection) {
                Ok(value) => {
                    in_place(
                        connection.spawn_blocking(AnsiTransactionManager::commit_transaction),
                    )?;
                    Ok(value)
                }
                Err(error) => {
                    // The first error is the one to tell: after a full disk there is nothing left to roll back.
                    let _ = in_place(
                        connection.spawn_blocking(AnsiTransactionManager::rollback_transaction),
                    );
                    Err(error)
                }
            }
        })
        .await
    }

    async fn ask<T: Send + 'static>(
        &self,
        queue: &flume::Sender<Job>,
        body: impl FnOnce(&mut Connection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move |connection: &mut Connection| {
            // Whoever was answered "try later" may do so: what has not begun by then never does. What
            // has begun ends, whether or not anybody still waits.
            if !answer.is_closed() {
                let result = body(connection);
                if matches!(&result, Err(QueryError::DatabaseError(Kind::Unknown, _))) {
                    forget_pages(connection);
                }
                let _ = answer.send(result);
            }
        });
        queue.try_send(job).map_err(|_| Error::unavailable("the queue to SQLite is full"))?;
        match tokio::time::timeout(self.patience, answered).await {
            Ok(Ok(result)) => result.map_err(Error::from),
            Ok(Err(_)) => Err(Error::unavailable("a job on SQLite's thread panicked")),
            Err(_) => Err(Error::unavailable("SQLite did not answer in time")),
        }
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

/// Opens a connection with the settings that every connection of ours has.
///
/// Turning on the write-ahead log does not wait for the time-out where another starter of a new file is
/// just doing the same: it is tried again.
/// `synchronous = FULL`: a lost power supply must not bring back a session that was ended.
pub(super) fn connect(file: &Path) -> Result<SqliteConnection, Error> {
    let open = || -> Result<SqliteConnection, Box<dyn StdError>> {
        let path = file.to_str().ok_or("the path is not UTF-8")?;
        let mut connection = SqliteConnection::establish(path)?;
        connection.batch_execute(
            "PRAGMA busy_timeout = 5000;
             PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA foreign_keys = ON;",
        )?;
        Ok(connection)
    };
    open.retry(ConstantBuilder::new().with_delay(Duration::from_millis(50)).with_max_times(100))
        .when(|error| error.to_string().contains("database is locked"))
        .call()
        .map_err(|error| Error::unavailable(format!("{}: {error}", file.display())))
}

trait IntoReader: Sized {
    fn into_reader(self) -> Result<Self, Error>;
}

impl IntoReader for SqliteConnection {
    fn into_reader(mut self) -> Result<Self, Error> {
        self.batch_execute("PRAGMA query_only = ON").map_err(Error::from)?;
        Ok(self)
    }
}

fn start(
    name: &str,
    connection: SqliteConnection,
    queue: flume::Receiver<Job>,
) -> Result<(), Error> {
    let mut connection = Connection::with_runtime(connection, InPlace);
    let work = move || {
        for job in queue {
            // A job that panics drops its answer, which reads as a fault; the thread serves on.
            if catch_unwind(AssertUnwindSafe(|| job(&mut connection))).is_err() {
                tracing::error!("a job on SQLite's thread panicked");
                let _ = in_place(
                    connection.spawn_blocking(AnsiTransactionManager::rollback_transaction),
                );
            }
        }
    };
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map(drop)
        .map_err(|error| Error::unavailable(format!("no thread for SQLite: {error}")))
}
