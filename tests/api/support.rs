//! The application under test, typed callers, databases.

mod caller;
pub mod contracts;
mod databases;
mod declared_responses;
mod log_secret_scan;
mod node_package;
mod outage_probe;
mod outbox;
mod pagination;
mod server;
mod server_process;
mod smtp;
mod sql;

pub use caller::{Caller, Reply};
pub(crate) use contracts::{
    mailed_link::{MailedLink, Rejection, mailed_link},
    user_owned_resource::{InvalidField, UserOwnedResource, user_owned_resource},
};
pub use databases::{
    PgBouncer, Proxy, ProxyMode, Restartable, add_sessions, connect, moment, record,
};
pub use declared_responses::{problems, resolve};
pub use node_package::Package;
pub use outage_probe::{OutageProbe, assert_unavailable, within_timeout};
pub use outbox::Email;
pub use pagination::{BAD_PAGES, each, pages};
pub use rstest::rstest;
pub use rstest_reuse::{self, apply, template};
pub use serde_json::{Value, json};
pub use server::{
    Backend, PASSWORD, Person, Server, UNLIMITED, authority, chosen, config, path_to_postgresql,
};
pub use server_process::{ServerProcess, fails, portcullis, run, succeeds, with_clean_environment};
pub use smtp::{MailServer, Security, SmtpBehavior};
pub use sql::{dump, dump_of, execute, select, wait_for_lease_end};

/// How often a race is run: a few times, or as often as `RACE_ROUNDS` says.
pub fn rounds(few: usize) -> usize {
    count_from_env("RACE_ROUNDS").unwrap_or(few)
}

/// The number of a test's long form, where this variable asks for it.
pub fn count_from_env<T: std::str::FromStr>(variable: &str) -> Option<T> {
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
async fn on_both_databases(#[case] backend: Backend) {}
