use std::{
    sync::Arc,
    thread::{Builder, JoinHandle},
};

use crate::store::{Error, FileLock};

/// The threads that own connections. Each holds the lock on the file for longer than its connection.
pub(super) struct Threads {
    lock: Option<Arc<FileLock>>,
    running: Vec<JoinHandle<()>>,
}

impl Threads {
    pub(super) fn new(lock: Option<Arc<FileLock>>) -> Self {
        Self { lock, running: Vec::new() }
    }

    /// Starts a thread for work that owns its connection and ends when its queue does.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub(super) fn start(
        &mut self,
        name: String,
        work: impl FnOnce(Option<&FileLock>) + Send + 'static,
    ) -> Result<(), Error> {
        let lock = self.lock.clone();
        let work = move || work(lock.as_deref());
        let running = Builder::new()
            .name(name)
            .spawn(work)
            .map_err(|error| Error::unavailable(format!("no thread for SQLite: {error}")))?;
        self.running.push(running);
        Ok(())
    }
}

/// Waits for the threads, whose queues have ended by then, so that the file can be locked again at once.
impl Drop for Threads {
    fn drop(&mut self) {
        for thread in self.running.drain(..) {
            let _ = thread.join();
        }
    }
}
