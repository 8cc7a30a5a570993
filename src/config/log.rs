//! What is logged, and in which format.

use clap::{Args, ValueEnum};

use super::parse;

/// The settings under the heading "Log" of `--help`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Log")]
#[group(skip)]
pub struct LogSettings {
    /// What to log, as `tracing` filters: info, or portcullis=debug
    #[arg(
        long,
        env = "PORTCULLIS_LOG",
        default_value = "info",
        value_name = "FILTER",
        value_parser = parse::log_filter,
        global = true
    )]
    pub log: String,

    /// The format of the log
    #[arg(
        long,
        env = "PORTCULLIS_LOG_FORMAT",
        default_value = "human",
        value_name = "FORMAT",
        global = true
    )]
    pub log_format: LogFormat,
}

/// The format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text for people, one event a line.
    Human,
    /// One JSON object a line.
    Json,
}
