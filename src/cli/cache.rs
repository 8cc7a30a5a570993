use clap::Subcommand;

use super::{Failure, print};
use crate::store::{
    Database, Store,
    lease_settings::{self, Lease},
};

/// What an operator decides about answering from memory.
#[derive(Subcommand, Debug)]
pub enum CacheCommand {
    /// Show whether caching is enabled
    Status,
    /// Let every instance cache credentials for the duration of a lease. On PostgreSQL, a revocation or
    /// deactivation then returns after the lease and a tenth. Enable it only when all instances are of this
    /// version or newer: older ones do not wait
    Enable {
        /// The duration of a lease
        #[arg(
            long,
            value_name = "N",
            default_value_t = 300,
            value_parser = clap::value_parser!(i32).range(20..=10_000)
        )]
        milliseconds: i32,
    },
    /// Look up the credential in the database for every request
    Disable,
}

/// Runs the command.
pub(super) async fn run(command: CacheCommand, store: &Store) -> Result<(), Failure> {
    let lease = match command {
        CacheCommand::Status => lease_settings::show(store).await?,
        CacheCommand::Enable { milliseconds } => lease_settings::set(store, milliseconds).await?,
        CacheCommand::Disable => lease_settings::set(store, 0).await?,
    };
    print(describe(store, lease))
}

fn describe(store: &Store, Lease { lease_ms, wait_ms, .. }: Lease) -> String {
    match (lease_ms, store.database()) {
        (0, _) => {
            "Caching is disabled: the credential of every request is looked up in the database."
                .to_owned()
        }
        (_, Database::Sqlite(_)) => format!(
            "Credentials are cached. The server checks at least every {lease_ms} ms whether another \
             process has changed any; commands that revoke or deactivate wait {wait_ms} ms."
        ),
        (_, Database::Postgres(_)) => format!(
            "Credentials are cached. Instances check at least every {lease_ms} ms whether any has \
             changed; revocations and deactivations return after {wait_ms} ms."
        ),
    }
}
