//! The application under test, typed callers, databases.

mod caller;
mod cluster;
mod contract;
mod npm;
mod old_rows;
mod outbox;
mod pgbouncer;
mod proxy;
mod running;
mod searched;
mod server;
mod smtp;
mod statements;
mod witness;

pub use caller::{Caller, Reply};
pub use cluster::{Restartable, connect};
pub use contract::{problems, resolve};
pub use npm::Package;
pub use old_rows::{add_sessions, moment};
pub use outbox::Letter;
pub use pgbouncer::PgBouncer;
pub use proxy::{Proxy, Wire};
pub use rstest::rstest;
pub use rstest_reuse::{self, apply, template};
pub use running::{Running, fails, portcullis, run, succeeds, with_nothing_but};
pub use serde_json::{Value, json};
pub use server::{
    Backend, PASSWORD, Person, Server, UNLIMITED, authority, chosen, config, path_to_postgresql,
};
pub use smtp::{MailServer, Mood, Security};
pub use statements::record;
pub use witness::{Witness, bounded, put_off};

/// How often a race is run: a few times, or as often as `RACE_ROUNDS` says.
pub fn rounds(few: usize) -> usize {
    as_many_as("RACE_ROUNDS").unwrap_or(few)
}

/// The number of a test's long form, where this variable asks for it.
pub fn as_many_as<T: std::str::FromStr>(variable: &str) -> Option<T> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().ok().unwrap_or_else(|| panic!("{variable} is a number")))
}

/// Runs a test once for each database.
#[template]
#[export]
#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn both(#[case] backend: Backend) {}
