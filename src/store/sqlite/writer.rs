//! The one writer. What waits for it is committed together, since it is the disk's sync that takes
//! the time, and one sync makes any number of changes durable.

use std::panic::{AssertUnwindSafe, catch_unwind};

use diesel::{
    QueryResult, SqliteConnection,
    connection::{AnsiTransactionManager, TransactionManager},
};

use super::{
    super::{Error, FileLock},
    Connection, Queue, forget_pages, in_place,
    task::Task,
};

/// How many jobs share a commit at the most: the first of them is not answered before it.
const GROUP: usize = 64;

/// Does what is asked, in groups.
pub(super) fn serve(mut connection: Connection, queue: &Queue, lock: Option<&FileLock>) {
    while let Ok(first) = queue.recv() {
        group_commit(
            &mut connection,
            std::iter::once(first).chain(queue.try_iter()).take(GROUP),
            lock,
        );
    }
}

/// Runs jobs in one transaction, each in a savepoint of its own, and answers them when it has ended.
///
/// None is answered sooner, not even one that failed: what stood in its way may be what another job of
/// the group wrote, which is nothing yet. If the transaction is lost, all of them are told so; also if it went
/// to a file that was deleted or replaced, which is why that is checked after the commit.
fn group_commit(
    connection: &mut Connection,
    jobs: impl Iterator<Item = Box<dyn Task>>,
    lock: Option<&FileLock>,
) {
    let mut group = Vec::new();
    let end =
        run_all(connection, jobs, &mut group).and_then(|()| lock.map_or(Ok(()), FileLock::check));
    if end.is_err() {
        abandon(connection);
        forget_pages(connection);
    }
    for job in group {
        job.answer(end.clone());
    }
}

fn run_all(
    connection: &mut Connection,
    jobs: impl Iterator<Item = Box<dyn Task>>,
    group: &mut Vec<Box<dyn Task>>,
) -> Result<(), Error> {
    for job in jobs.filter(|job| !job.is_abandoned()) {
        group.push(job);
        // Not before there is somebody to do it for: where another process holds the lock, this waits.
        if group.len() == 1 {
            begin(connection)?;
        }
        if let Some(job) = group.last_mut() {
            run_one(connection, job.as_mut())?;
        }
    }
    if group.is_empty() { Ok(()) } else { manage(connection, Manager::commit_transaction) }
}

/// Runs a job in a savepoint, and takes back what it did if it fails or panics. An error here is the
/// group's: SQLite has ended the whole transaction, as it may on a full or failing disk.
fn run_one(connection: &mut Connection, job: &mut dyn Task) -> Result<(), Error> {
    manage(connection, Manager::begin_transaction)?;
    match catch_unwind(AssertUnwindSafe(|| job.run(connection))) {
        Ok(Ok(())) => manage(connection, Manager::commit_transaction),
        Ok(Err(error)) => {
            if error.is_fault() {
                forget_pages(connection);
            }
            // Where there is nothing left to roll back to, the first error is the one to tell.
            manage(connection, Manager::rollback_transaction).map_err(|_| Error::unavailable(error))
        }
        Err(_) => {
            tracing::error!("a job on SQLite's thread panicked");
            manage(connection, Manager::rollback_transaction)
        }
    }
}

/// Diesel's transactions, which are savepoints where one is open.
type Manager = AnsiTransactionManager;

/// `BEGIN IMMEDIATE`, because a transaction that starts as a reader and turns writer can fail with
/// "database is locked" however long it would wait.
fn begin(connection: &mut Connection) -> Result<(), Error> {
    manage(connection, |inner| Manager::begin_transaction_sql(inner, "BEGIN IMMEDIATE"))
}

/// Rolls back the savepoint and the transaction, as far as they are there.
fn abandon(connection: &mut Connection) {
    for _ in 0..2 {
        let _ = manage(connection, Manager::rollback_transaction);
    }
}

/// Whatever is wrong with the transaction is a fault, and nothing that any one job could be told.
fn manage(
    connection: &mut Connection,
    step: impl FnOnce(&mut SqliteConnection) -> QueryResult<()> + Send + 'static,
) -> Result<(), Error> {
    in_place(connection.spawn_blocking(step)).map_err(Error::unavailable)
}
