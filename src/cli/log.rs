//! The log: what is asked for, but for what must never be in one.

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, filter_fn},
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use super::Failure;
use crate::config::LogFormat;

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
    let lines = fmt::layer().with_ansi(ansi).with_writer(to);
    let lines = match format {
        LogFormat::Human => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let lines = lines.with_filter(asked.and(filter_fn(holds_no_values)));
    Ok(tracing_subscriber::registry().with(lines).try_init()?)
}

/// tokio-postgres writes every bound value at debug: addresses and hashes. A filter of its own, because
/// among directives the one that names a module of it most exactly would win.
fn holds_no_values(of: &Metadata<'_>) -> bool {
    *of.level() <= Level::INFO || !of.target().starts_with("tokio_postgres")
}
