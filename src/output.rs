//! What a server writes to its standard error and output: the log, panics, the banner.
//!
//! A pipe whose reader stalls blocks whoever writes to it. So the server writes to neither stream itself:
//! it appends to a [`Queue`] for each, which a thread of its own empties, and which drops what does not fit.

mod queue;
mod repeats;

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    sync::OnceLock,
    time::{Duration, Instant},
};

pub use queue::{Dropped, Queue};
pub use repeats::{OncePerReport, count_refused, report};

/// How much of the log may wait to be written.
const CAPACITY: usize = 4 * 1024 * 1024;

/// How long the end of the process waits for what is still unwritten.
const FLUSH: Duration = Duration::from_secs(2);

static STDERR: OnceLock<Queue> = OnceLock::new();
static STDOUT: OnceLock<Queue> = OnceLock::new();

/// Starts the threads that write to the two streams. What is written before goes out directly.
///
/// # Errors
/// When the system has no thread or no file descriptor left.
pub fn start() -> io::Result<()> {
    // Copies of the descriptors: a thread that blocks must not hold the locks of std's own streams.
    let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let _ = STDERR.set(Queue::start("stderr", stderr, CAPACITY, report_dropped)?);
    let _ = STDOUT.set(Queue::start("stdout", stdout, CAPACITY, |_| {})?);
    Ok(())
}

fn report_dropped(Dropped { lines, bytes }: Dropped) {
    tracing::warn!(
        lines,
        bytes,
        "log lines were dropped, as the log was not read or could not be written"
    );
}

/// Writes a line to standard error, and never fails or panics.
pub fn error_line(text: &str) {
    write(&STDERR, io::stderr(), text);
}

/// Writes text and a line break to standard output, and never fails or panics. For the server; a command
/// uses its own `print`, since its output is what it was called for.
pub fn line(text: &str) {
    write(&STDOUT, io::stdout(), text);
}

fn write(queue: &OnceLock<Queue>, mut directly: impl Write, text: &str) {
    let line = format!("{text}\n");
    match queue.get() {
        Some(queue) => queue.push(line.as_bytes()),
        None => drop(directly.write_all(line.as_bytes())),
    }
}

/// What of the log was dropped since the process began.
#[must_use]
pub fn dropped() -> Dropped {
    STDERR.get().map(Queue::dropped).unwrap_or_default()
}

/// Waits until all is written, but not for long: a reader that has stalled must not hold the exit.
pub fn flush() {
    let until = Instant::now() + FLUSH;
    for queue in [STDOUT.get(), STDERR.get()].into_iter().flatten() {
        queue.flush(until);
    }
}

/// Where the log writes its lines: one `write` is one line, and always succeeds.
#[derive(Debug, Clone, Copy)]
pub struct LogLine;

impl Write for LogLine {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match STDERR.get() {
            Some(queue) => queue.push(line),
            None => drop(io::stderr().write_all(line)),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
