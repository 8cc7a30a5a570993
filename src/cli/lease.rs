use clap::Subcommand;

use super::{Failure, print};
use crate::store::{
    Database, Store,
    lease::{self, Lease},
};

/// What an operator decides about answering from memory.
#[derive(Subcommand, Debug)]
pub enum LeaseCommand {
    /// Say how it stands
    Show,
    /// Let every instance remember keys between two looks at the epoch. On PostgreSQL whatever takes
    /// rights away is then answered a tenth later than a lease lasts. Only when all instances are of this
    /// version or newer: older ones do not wait
    On {
        /// How long a lease lasts
        #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(i32).range(20..=10_000))]
        milliseconds: i32,
    },
    /// Look up every key for every request
    Off,
}

/// Runs the command.
pub(super) async fn run(command: LeaseCommand, store: &Store) -> Result<(), Failure> {
    let lease = match command {
        LeaseCommand::Show => lease::show(store).await?,
        LeaseCommand::On { milliseconds } => lease::set(store, milliseconds).await?,
        LeaseCommand::Off => lease::set(store, 0).await?,
    };
    print(describe(store, lease))
}

fn describe(store: &Store, Lease { lease_ms, wait_ms, .. }: Lease) -> String {
    match (lease_ms, store.database()) {
        (0, _) => "Every key is looked up for every request.".to_owned(),
        (_, Database::Sqlite(_)) => format!(
            "The server answers from memory, and looks every {lease_ms} ms or sooner whether another \
             program has changed anything; commands that take rights away wait {wait_ms} ms."
        ),
        (_, Database::Postgres(_)) => format!(
            "Instances answer from memory, and look every {lease_ms} ms or sooner whether anything has \
             changed; whatever takes rights away is answered after {wait_ms} ms."
        ),
    }
}
