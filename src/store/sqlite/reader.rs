use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{super::Error, Connection, Queue, forget_pages};

/// Does what is asked, one thing after the other, outside any transaction.
pub(super) fn serve(mut connection: Connection, queue: &Queue) {
    for mut job in queue {
        if job.is_abandoned() {
            continue;
        }
        match catch_unwind(AssertUnwindSafe(|| job.run(&mut connection))) {
            Ok(Err(Error::Unavailable(_))) => forget_pages(&mut connection),
            Ok(_) => {}
            Err(_) => tracing::error!("a job on SQLite's thread panicked"),
        }
        job.answer(Ok(()));
    }
}
