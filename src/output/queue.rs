//! A queue of lines, bounded in bytes, and the thread that writes them.
//!
//! `tracing-appender`'s non-blocking writer is not suitable: it is bounded in lines and not in bytes (a line
//! may have 64 KiB), does not report what it dropped, and cannot be flushed before the process ends.

use std::{
    io::{self, ErrorKind, Write},
    mem,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How many bytes are written at a time, so that room is freed while a slow reader reads.
const CHUNK: usize = 64 * 1024;

/// How long to wait before the next write to a non-blocking stream that is full.
const PAUSE: Duration = Duration::from_millis(10);

/// Accepts lines without ever blocking; a thread writes them.
pub struct Queue {
    shared: Arc<Shared>,
}

/// How much was dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// The number of lines.
    pub lines: u64,
    /// The number of bytes.
    pub bytes: u64,
}

struct Shared {
    capacity: usize,
    report: fn(Dropped),
    waiting: Mutex<Waiting>,
    added: Condvar,
    written: Condvar,
    dropped_lines: AtomicU64,
    dropped_bytes: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    /// Complete lines that the thread has not taken yet.
    lines: Vec<u8>,
    /// The number of bytes that the thread has taken and not written yet.
    taken: usize,
    /// What was dropped and not reported in the log yet.
    unreported: Dropped,
}

impl Waiting {
    fn bytes(&self) -> usize {
        self.lines.len() + self.taken
    }
}

impl Queue {
    /// Starts the thread, which ends with the process. Dropped lines are reported once there is room again.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(
        name: &str,
        to: impl Write + Send + 'static,
        capacity: usize,
        report: fn(Dropped),
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            capacity,
            report,
            waiting: Mutex::default(),
            added: Condvar::new(),
            written: Condvar::new(),
            dropped_lines: AtomicU64::new(0),
            dropped_bytes: AtomicU64::new(0),
        });
        let theirs = shared.clone();
        thread::Builder::new().name(name.to_owned()).spawn(move || theirs.write_to(to))?;
        Ok(Self { shared })
    }

    /// Adds a line, or drops and counts it if there is no room.
    pub fn push(&self, line: &[u8]) {
        let mut waiting = self.shared.lock();
        if waiting.bytes() + line.len() > self.shared.capacity {
            self.shared.drop_lines(&mut waiting, 1, line.len());
        } else {
            waiting.lines.extend_from_slice(line);
            drop(waiting);
            self.shared.added.notify_one();
        }
    }

    /// Returns how much was dropped so far.
    #[must_use]
    pub fn dropped(&self) -> Dropped {
        Dropped {
            lines: self.shared.dropped_lines.load(Ordering::Relaxed),
            bytes: self.shared.dropped_bytes.load(Ordering::Relaxed),
        }
    }

    /// Waits until all is written or the time is up, and returns whether all is written.
    pub fn flush(&self, until: Instant) -> bool {
        let mut waiting = self.shared.lock();
        loop {
            if waiting.bytes() == 0 {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let woken = self.shared.written.wait_timeout(waiting, left);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drop_lines(&self, waiting: &mut Waiting, lines: usize, bytes: usize) {
        let (lines, bytes) = (lines as u64, bytes as u64);
        self.dropped_lines.fetch_add(lines, Ordering::Relaxed);
        self.dropped_bytes.fetch_add(bytes, Ordering::Relaxed);
        waiting.unreported.lines += lines;
        waiting.unreported.bytes += bytes;
    }

    /// Writes forever. It may also block forever: no other thread waits for it without a timeout.
    fn write_to(&self, mut to: impl Write) {
        let mut batch = Vec::new();
        let mut torn = false;
        loop {
            self.take(&mut batch);
            // After a line that was only written in part, the next line must not continue it.
            let began = !torn || write_all(&mut to, b"\n").is_ok();
            let mut rest = &batch[..];
            let failed = !began
                || loop {
                    if rest.is_empty() {
                        break false;
                    }
                    let chunk = &rest[..rest.len().min(CHUNK)];
                    let (written, outcome) = write_all(&mut to, chunk)
                        .map_or_else(|n| (n, false), |()| (chunk.len(), true));
                    rest = &rest[written..];
                    self.wrote(written);
                    if !outcome {
                        break true;
                    }
                };
            if failed {
                let at = batch.len() - rest.len();
                torn = if at == 0 { torn } else { batch[at - 1] != b'\n' };
                let lines = rest.split_inclusive(|byte| *byte == b'\n').count();
                self.drop_lines(&mut self.lock(), lines, rest.len());
                self.wrote(rest.len());
            } else {
                torn = false;
                self.report();
            }
            batch.clear();
            batch.shrink_to(CHUNK);
        }
    }

    /// Waits for lines, and takes all of them.
    fn take(&self, batch: &mut Vec<u8>) {
        let mut waiting = self.lock();
        while waiting.lines.is_empty() {
            waiting = self.added.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.taken = waiting.lines.len();
        mem::swap(&mut waiting.lines, batch);
    }

    fn wrote(&self, bytes: usize) {
        self.lock().taken -= bytes;
        self.written.notify_all();
    }

    /// Reports what was dropped, if there is room again. Only after a successful write: while every write
    /// fails, each report would be the next line to be dropped.
    fn report(&self) {
        let mut waiting = self.lock();
        if waiting.unreported == Dropped::default() || waiting.bytes() > self.capacity / 2 {
            return;
        }
        let unreported = mem::take(&mut waiting.unreported);
        drop(waiting);
        (self.report)(unreported);
    }
}

/// Writes everything, or returns how many bytes were written before the failure.
fn write_all(to: &mut impl Write, all: &[u8]) -> Result<(), usize> {
    let mut written = 0;
    while written < all.len() {
        match to.write(&all[written..]) {
            Ok(0) => return Err(written),
            Ok(more) => written += more,
            Err(fault) if fault.kind() == ErrorKind::Interrupted => {}
            Err(fault) if fault.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(_) => return Err(written),
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use std::sync::mpsc::{self, Receiver, Sender};

    use super::*;

    /// A stream that, for each permit, accepts so many bytes or fails.
    struct Stream {
        permitted: Receiver<Result<usize, ErrorKind>>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Stream {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Without a permit it blocks, like a full pipe.
            let Ok(permitted) = self.permitted.recv() else {
                loop {
                    thread::park();
                }
            };
            let taken = permitted?.min(bytes.len());
            self.written.lock().unwrap().extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    type Permit = Sender<Result<usize, ErrorKind>>;

    fn queue(capacity: usize) -> (Queue, Permit, Arc<Mutex<Vec<u8>>>) {
        let (permit, permitted) = mpsc::channel();
        let written = Arc::default();
        let stream = Stream { permitted, written: Arc::clone(&written) };
        (Queue::start("test", stream, capacity, |_| {}).unwrap(), permit, written)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn blocked_stream_never_blocks_writers_and_dropped_lines_are_counted() {
        let (queue, permit, written) = queue(100);
        for _ in 0..30 {
            queue.push(b"123456789\n");
        }
        assert_eq!(queue.dropped(), Dropped { lines: 20, bytes: 200 });
        assert!(!queue.flush(Instant::now() + Duration::from_millis(20)), "the wait is bounded");
        for _ in 0..20 {
            permit.send(Ok(100)).unwrap();
        }
        assert!(queue.flush(soon()));
        assert_eq!(*written.lock().unwrap(), b"123456789\n".repeat(10));
    }

    #[test]
    fn line_longer_than_the_queue_is_dropped_and_the_next_is_written() {
        let (queue, permit, written) = queue(10);
        queue.push(b"longer than ten\n");
        queue.push(b"short\n");
        permit.send(Ok(100)).unwrap();
        assert!(queue.flush(soon()));
        assert_eq!(*written.lock().unwrap(), b"short\n");
        assert_eq!(queue.dropped(), Dropped { lines: 1, bytes: 16 });
    }

    #[test]
    fn failed_write_drops_its_lines_and_the_next_starts_a_new_line() {
        let (queue, permit, written) = queue(100);
        queue.push(b"torn\n");
        permit.send(Ok(2)).unwrap();
        permit.send(Err(ErrorKind::StorageFull)).unwrap();
        assert!(queue.flush(soon()), "a failed write is not waited for");
        assert_eq!(queue.dropped(), Dropped { lines: 1, bytes: 3 });
        for _ in 0..4 {
            permit.send(Ok(100)).unwrap();
        }
        queue.push(b"whole\n");
        assert!(queue.flush(soon()));
        assert_eq!(*written.lock().unwrap(), b"to\nwhole\n");
    }

    #[test]
    fn interrupted_or_blocked_stream_loses_nothing() {
        let (queue, permit, written) = queue(100);
        queue.push(b"line\n");
        permit.send(Err(ErrorKind::Interrupted)).unwrap();
        permit.send(Err(ErrorKind::WouldBlock)).unwrap();
        permit.send(Ok(100)).unwrap();
        assert!(queue.flush(soon()));
        assert_eq!(*written.lock().unwrap(), b"line\n");
        assert_eq!(queue.dropped(), Dropped::default());
    }
}
