//! The single writer, with group commit: the tasks that are waiting share one transaction. The disk's sync takes the
//! time, and one sync makes any number of changes durable.

use std::panic::{AssertUnwindSafe, catch_unwind};

use diesel::{
    QueryResult, SqliteConnection,
    connection::{AnsiTransactionManager, TransactionManager},
};

use super::{Connection, Queue, forget_pages, in_place, task::Task};
use crate::store::{Error, FileLock};

/// The most tasks that share a commit: the first of them is not answered before it.
const MAX_GROUP: usize = 64;

/// Runs tasks in groups.
pub(super) fn serve(mut connection: Connection, queue: &Queue, lock: Option<&FileLock>) {
    while let Ok(first) = queue.recv() {
        group_commit(
            &mut connection,
            std::iter::once(first).chain(queue.try_iter()).take(MAX_GROUP),
            lock,
        );
    }
}

/// Runs tasks in one transaction, each in a savepoint of its own, and answers them when the transaction has ended.
///
/// No task is answered earlier, not even one that failed: it may have failed because of what another task of the group
/// wrote, which is not committed yet. If the transaction fails, all of them receive that error. The same holds if the
/// file was deleted or replaced, which is why that is checked after the commit.
fn group_commit(
    connection: &mut Connection,
    tasks: impl Iterator<Item = Box<dyn Task>>,
    lock: Option<&FileLock>,
) {
    let mut group = Vec::new();
    let end =
        run_all(connection, tasks, &mut group).and_then(|()| lock.map_or(Ok(()), FileLock::check));
    if end.is_err() {
        abandon(connection);
        forget_pages(connection);
    }
    for task in group {
        task.answer(end.clone());
    }
}

fn run_all(
    connection: &mut Connection,
    tasks: impl Iterator<Item = Box<dyn Task>>,
    group: &mut Vec<Box<dyn Task>>,
) -> Result<(), Error> {
    for task in tasks.filter(|task| !task.is_abandoned()) {
        group.push(task);
        // Begin only when there is a task to run: this waits while another process holds the database's write lock.
        if group.len() == 1 {
            begin(connection)?;
        }
        if let Some(task) = group.last_mut() {
            run_one(connection, task.as_mut())?;
        }
    }
    if group.is_empty() { Ok(()) } else { manage(connection, Manager::commit_transaction) }
}

/// Runs a task in a savepoint, and rolls back to it if the task fails or panics. An error from here concerns the whole
/// group: SQLite has ended the transaction, as it may on a full or failing disk.
fn run_one(connection: &mut Connection, task: &mut dyn Task) -> Result<(), Error> {
    manage(connection, Manager::begin_transaction)?;
    match catch_unwind(AssertUnwindSafe(|| task.run(connection))) {
        Ok(Ok(())) => manage(connection, Manager::commit_transaction),
        Ok(Err(error)) => {
            if error.is_fault() {
                forget_pages(connection);
            }
            // If the savepoint is gone too, the first error is the one to report.
            manage(connection, Manager::rollback_transaction).map_err(|_| Error::unavailable(error))
        }
        Err(_) => {
            tracing::error!("a task on a SQLite thread panicked");
            manage(connection, Manager::rollback_transaction)
        }
    }
}

/// Diesel's transactions, which are savepoints inside an open transaction.
type Manager = AnsiTransactionManager;

/// Uses `BEGIN IMMEDIATE`, because a transaction that starts as a reader and becomes a writer can fail with "database
/// is locked" whatever its timeout is.
fn begin(connection: &mut Connection) -> Result<(), Error> {
    manage(connection, |inner| Manager::begin_transaction_sql(inner, "BEGIN IMMEDIATE"))
}

/// Rolls back the savepoint and the transaction, if they exist.
fn abandon(connection: &mut Connection) {
    for _ in 0..2 {
        let _ = manage(connection, Manager::rollback_transaction);
    }
}

/// Runs a step of the transaction. Its errors are failures of the store, and not the result of any one task.
fn manage(
    connection: &mut Connection,
    step: impl FnOnce(&mut SqliteConnection) -> QueryResult<()> + Send + 'static,
) -> Result<(), Error> {
    in_place(connection.spawn_blocking(step)).map_err(Error::unavailable)
}
