use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Connection, Queue, forget_pages};
use crate::store::FileLock;

/// Runs tasks one after the other, outside any transaction. If another file has taken the path of the open one,
/// nothing is read from the open one: a command may have changed rights in the new file.
pub(super) fn serve(mut connection: Connection, queue: &Queue, lock: Option<&FileLock>) {
    for mut task in queue {
        if task.is_abandoned() {
            continue;
        }
        if let Err(lost) = lock.map_or(Ok(()), FileLock::check) {
            task.answer(Err(lost));
            continue;
        }
        match catch_unwind(AssertUnwindSafe(|| task.run(&mut connection))) {
            Ok(Err(error)) if error.is_fault() => forget_pages(&mut connection),
            Ok(_) => {}
            Err(_) => tracing::error!("a task on a SQLite thread panicked"),
        }
        task.answer(Ok(()));
    }
}
