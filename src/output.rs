//! Non-blocking writes to standard output and standard error: the log, panics, the banner.
//!
//! A pipe whose reader stalls blocks every thread that writes to it. So the server writes to neither stream
//! directly: it appends to a bounded [`Queue`] for each, which a dedicated thread empties, and which drops
//! lines when it is full.

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

/// How many bytes of the log may wait to be written.
const CAPACITY: usize = 4 * 1024 * 1024;

/// How long the end of the process waits for unwritten lines.
const FLUSH: Duration = Duration::from_secs(2);

static STDERR: OnceLock<Queue> = OnceLock::new();
static STDOUT: OnceLock<Queue> = OnceLock::new();

/// Starts the threads that write to the two streams. Earlier lines are written directly.
///
/// # Errors
/// When the system has no thread or no file descriptor left.
pub fn start() -> io::Result<()> {
    // Copies of the file descriptors: a blocked thread must not hold the locks of std's own streams.
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

/// Writes text and a line break to standard output, and never fails or panics. For the server; a command uses
/// its own `print`, because its output is the purpose of the command.
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

/// Returns how much of the log was dropped since the process started.
#[must_use]
pub fn dropped() -> Dropped {
    STDERR.get().map(Queue::dropped).unwrap_or_default()
}

/// Waits until all is written, with a timeout: a stalled reader must not block the exit.
pub fn flush() {
    let until = Instant::now() + FLUSH;
    for queue in [STDOUT.get(), STDERR.get()].into_iter().flatten() {
        queue.flush(until);
    }
}

/// The log's writer: one `write` is one line, and always succeeds.
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
