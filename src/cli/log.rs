//! The log: what the operator's directives select, except values that must never be logged.

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

/// The longest panic message that is logged, in bytes: it may contain a client's input.
const LONGEST_PANIC: usize = 256;

/// Starts the log of this process, with `tracing`'s directives.
///
/// actix-session warns of every tampered cookie, which the gate does once a minute.
///
/// # Errors
/// When the directives are invalid, or logging has already been started.
pub fn begin<W>(asked: &str, format: LogFormat, ansi: bool, to: W) -> Result<(), Failure>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let asked = EnvFilter::try_new(format!("{asked},actix_session=error,actix_server=warn"))
        .map_err(|error| format!("PORTCULLIS_LOG: {error}"))?;
    // Otherwise the layer prints its own errors to standard error, which may block and panic.
    let lines = fmt::layer().with_ansi(ansi).with_writer(to).log_internal_errors(false);
    let lines = match format {
        LogFormat::Human => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let lines = lines.with_filter(asked.and(filter_fn(holds_no_values)).and(OncePerReport));
    Ok(tracing_subscriber::registry().with(lines).try_init()?)
}

/// Rejects tokio-postgres's debug events, which contain every bound value: emails and hashes. This is a
/// separate filter because among directives the most specific one wins, and an operator may name a module.
fn holds_no_values(of: &Metadata<'_>) -> bool {
    *of.level() <= Level::INFO || !of.target().starts_with("tokio_postgres")
}

/// Logs panics. By default they are printed to standard error, which may block.
pub fn log_panics() {
    std::panic::set_hook(Box::new(log_panic));
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or_default();
    let message = &message[..message.floor_char_boundary(LONGEST_PANIC)];
    let location = panic.location().map(ToString::to_string);
    // Captured only if `RUST_BACKTRACE` is set.
    let backtrace = Backtrace::capture();
    let backtrace =
        (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(location, message_of_panic = message, backtrace, "a thread panicked");
}
