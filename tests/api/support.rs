//! The application under test, typed callers, databases.

mod caller;
mod cluster;
mod npm;
mod outbox;
mod proxy;
mod running;
mod server;
mod smtp;
mod witness;

pub use caller::{Caller, Reply};
pub use cluster::Restartable;
pub use npm::Package;
pub use outbox::Letter;
pub use proxy::{Proxy, Wire};
pub use rstest::rstest;
pub use rstest_reuse::{self, apply, template};
pub use running::{Running, fails, portcullis, run, succeeds};
pub use serde_json::{Value, json};
pub use server::{
    Backend, PASSWORD, Person, Server, UNLIMITED, authority, config, path_to_postgresql,
};
pub use smtp::{MailServer, Mood, Security};
pub use witness::{Witness, bounded, put_off};

/// How often a race is run: a few times, or as often as `RACE_ROUNDS` says.
pub fn rounds(few: usize) -> usize {
    std::env::var("RACE_ROUNDS").map_or(few, |text| text.parse().expect("RACE_ROUNDS is a number"))
}

/// Runs a test once for each database.
#[template]
#[export]
#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn both(#[case] backend: Backend) {}
