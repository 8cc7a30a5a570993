//! The log: what is asked for, but for what must never be in one.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic::PanicHookInfo,
};

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, filter_fn},
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use super::Failure;
use crate::{config::LogFormat, output::OncePerReport};

/// How much of a panic's message is logged: it may hold what a client sent.
const LONGEST_PANIC: usize = 256;

/// Begins the log of this process, with `tracing`'s directives for what is asked for.
///
/// actix-session warns of every tampered cookie, which the gate does once a minute.
///
/// # Errors
/// What is wrong with the directives; that there is a log already.
pub fn begin<W>(asked: &str, format: LogFormat, ansi: bool, to: W) -> Result<(), Failure>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let asked = EnvFilter::try_new(format!("{asked},actix_session=error,actix_server=warn"))
        .map_err(|error| format!("PORTCULLIS_LOG: {error}"))?;
    // Its own errors it would print to standard error, which may block and panic.
    let lines = fmt::layer().with_ansi(ansi).with_writer(to).log_internal_errors(false);
    let lines = match format {
        LogFormat::Human => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let lines = lines.with_filter(asked.and(filter_fn(holds_no_values)).and(OncePerReport));
    Ok(tracing_subscriber::registry().with(lines).try_init()?)
}

/// tokio-postgres writes every bound value at debug: addresses and hashes. A filter of its own, because
/// among directives the one that names a module of it most exactly would win.
fn holds_no_values(of: &Metadata<'_>) -> bool {
    *of.level() <= Level::INFO || !of.target().starts_with("tokio_postgres")
}

/// Makes a panic a line of the log. By default it is printed to standard error, which may block.
pub fn log_panics() {
    std::panic::set_hook(Box::new(log_panic));
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or_default();
    let message = &message[..message.floor_char_boundary(LONGEST_PANIC)];
    let location = panic.location().map(ToString::to_string);
    // Captured where RUST_BACKTRACE asks for it.
    let backtrace = Backtrace::capture();
    let backtrace =
        (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(location, message_of_panic = message, backtrace, "a thread panicked");
}
