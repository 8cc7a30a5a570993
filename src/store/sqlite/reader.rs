use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{super::FileLock, Connection, Queue, forget_pages};

/// Does what is asked, one thing after the other, outside any transaction. Where the file at the path is no
/// longer the one that is open, nothing is read from that: a command may have changed rights in the new one.
pub(super) fn serve(mut connection: Connection, queue: &Queue, lock: Option<&FileLock>) {
    for mut job in queue {
        if job.is_abandoned() {
            continue;
        }
        if let Err(lost) = lock.map_or(Ok(()), FileLock::check) {
            job.answer(Err(lost));
            continue;
        }
        match catch_unwind(AssertUnwindSafe(|| job.run(&mut connection))) {
            Ok(Err(error)) if error.is_fault() => forget_pages(&mut connection),
            Ok(_) => {}
            Err(_) => tracing::error!("a job on SQLite's thread panicked"),
        }
        job.answer(Ok(()));
    }
}
