//! Where the data is stored, and how long it is kept.

use std::path::PathBuf;

use clap::Args;

use super::{ConfigError, Secret, Switch, parse, read_secret};
use crate::{
    store::Location,
    time::{Span, days},
};

/// The settings under the heading "Data" of `--help`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Data")]
#[group(skip)]
pub struct DataSettings {
    /// The folder for the embedded database and the signing secret; created if missing
    #[arg(
        long,
        env = "PORTCULLIS_DATA_DIR",
        default_value = "data",
        value_name = "DIR",
        value_parser = parse::folder,
        global = true
    )]
    pub data_dir: PathBuf,

    /// postgres://… for PostgreSQL (?sslmode=require for verified TLS, ?host=/run/postgresql for a
    /// socket), or sqlite:FILE; without it, a file in the data folder
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL", global = true)]
    pub database_url: Option<Secret>,

    /// A file that holds the database URL
    #[arg(
        long,
        env = "DATABASE_URL_FILE",
        value_name = "FILE",
        conflicts_with = "database_url",
        global = true
    )]
    pub database_url_file: Option<PathBuf>,

    /// Certificate authorities (PEM) to trust for PostgreSQL, instead of the system's
    #[arg(long, env = "PORTCULLIS_DATABASE_CA_FILE", value_name = "FILE", global = true)]
    pub database_ca_file: Option<PathBuf>,

    /// The size of the connection pool to PostgreSQL, besides one connection per worker. A quarter of it,
    /// and at least one connection, is reserved for lists and searches
    #[arg(
        long,
        env = "PORTCULLIS_DATABASE_POOL_SIZE",
        default_value_t = 16,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1000),
        global = true
    )]
    pub database_pool_size: u32,

    /// The timeout of the database, in seconds: a request that waits longer is answered 503
    #[arg(
        long,
        env = "PORTCULLIS_DATABASE_TIMEOUT",
        default_value_t = 5,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=300),
        global = true
    )]
    pub database_timeout: u64,

    /// How many sessions and how many tokens an instance caches while caching is enabled (`portcullis
    /// cache`), and of how many cookies it caches the verified signature in any case; 0 disables both
    #[arg(
        long,
        env = "PORTCULLIS_CACHE_SIZE",
        default_value_t = 100_000,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(0..=10_000_000),
        global = true
    )]
    pub cache_size: u32,

    /// The retention period of the activity log, in days
    #[arg(
        long,
        env = "PORTCULLIS_ACTIVITY_DAYS",
        default_value_t = 365,
        value_name = "DAYS",
        value_parser = clap::value_parser!(u32).range(1..=36500),
        global = true
    )]
    pub activity_days: u32,

    /// Whether the activity log keeps the network (an IPv4 address, or the /64 of an IPv6 address) and the
    /// User-Agent of each client
    #[arg(
        long,
        env = "PORTCULLIS_ACTIVITY_CLIENTS",
        default_value = "on",
        value_name = "STATE",
        global = true
    )]
    pub activity_clients: Switch,
}

impl DataSettings {
    /// Returns how many cookies and tokens are cached in memory.
    #[must_use]
    pub fn cache_size(&self) -> usize {
        usize::try_from(self.cache_size).unwrap_or(usize::MAX)
    }

    /// Returns the retention period of the activity log.
    #[must_use]
    pub fn keep_activity(&self) -> Span {
        days(self.activity_days)
    }

    /// Returns whether the activity log keeps the network and the device of each client.
    #[must_use]
    pub fn keeps_clients(&self) -> bool {
        self.activity_clients == Switch::On
    }

    /// Returns where the data is stored.
    ///
    /// # Errors
    /// When the URL, or the file that contains it, is invalid.
    pub fn location(&self) -> Result<Location, ConfigError> {
        let url = read_secret(
            "DATABASE_URL_FILE",
            self.database_url.as_ref(),
            self.database_url_file.as_ref(),
        )?;
        match url {
            Some(url) => Location::parse(url.expose(), self.database_ca_file.clone())
                .map_err(ConfigError::Database),
            None => {
                Ok(Location::Sqlite(self.data_dir.join(format!("{}.db", crate::name::get().slug))))
            }
        }
    }
}
