//! The test kit: the server under test, typed callers, mail, time and databases. A product that is built on this one can
//! use it as it is.
//!
//! - **Server and database.** `#[apply(on_both_databases)]` runs a test on SQLite and on PostgreSQL.
//!   `backend.start()` starts a server with a new, migrated database (a copy of a template database), a clock of its own and a real socket; `start_with` adds
//!   settings as the command line writes them. PostgreSQL is started once for all tests, or is the one that
//!   `TEST_DATABASE_URL` names. Dropping the server stops it.
//! - **Callers.** `server.anonymous` has no credentials. `server.sign_up("ada")` and `sign_up_admin` create a user, whose
//!   `browser` is signed in by cookie; `ada.token(&["read"])` calls with an API token. Each request is checked against
//!   the OpenAPI document: a response that is not declared there fails the test, as does one that leaks a secret.
//! - **Operations.** `TOKENS`, `CURRENT_TOKEN` and `reactivation` are the read and the writes of tests for which any
//!   operation would do.
//! - **Responses.** `reply.expect(201)` returns the body of a success, and `reply.assert_problem(404, "not_found")` that of
//!   an error. `pages` walks through a list, forwards and back.
//! - **Time** passes only where the test says so: `server.advance(days(1))`, `server.clock.set(…)`.
//! - **Mail** arrives in `server.outbox()`; `server.last_mail_to(email).await.secret()` is what its link carries.
//! - **SQL.** `execute` and `select` work on the server's database, beside the API.
//! - **Outages.** `OutageProbe` holds a cookie and a token, and checks that all requests are unavailable (503) during an
//!   outage and that both work after it. `Proxy`, `PgBouncer` and `Restartable` simulate outages.
//! - **Concurrency.** `rounds(8)` is the number of iterations of a race; `RACE_ROUNDS` overrides it. Such a test has
//!   `concurrent` in its name.
//! - **Contracts** are shared test suites, each instantiated by one macro call: `user_owned_resource!(Tasks)` for a resource, and
//!   `mailed_link!(Invitation)` for a link in a mail ([`contracts`]).
//!
//! `support/sample.rs` is a complete test to copy.

mod authenticator;
mod caller;
pub mod contracts;
mod databases;
mod declared_responses;
mod example;
mod log_secret_scan;
mod node_package;
mod openid_provider;
mod operations;
mod outage_probe;
mod outbox;
mod pagination;
mod passkey;
mod sample;
mod server;
mod server_process;
mod smtp;
mod sql;

pub use authenticator::{Authenticator, CHALLENGE};
pub use caller::{Caller, Reply, http_client};
pub(crate) use contracts::{
    contract_tests,
    mailed_link::{MailedLink, Rejection, mailed_link},
    user_owned_resource::{InvalidField, UserOwnedResource, user_owned_resource},
};
pub use databases::{
    PgBouncer, Proxy, ProxyMode, Restartable, add_sessions, connect, moment, record,
};
pub use declared_responses::{problems, resolve};
pub use example::{EXAMPLE_ROWS, EXAMPLE_SEED, EXAMPLE_TABLES};
pub use node_package::Package;
pub use openid_provider::{OpenIdProvider, file_with_providers};
pub use operations::{CURRENT_TOKEN, TOKENS, reactivation};
pub use outage_probe::{OutageProbe, assert_unavailable, within_timeout};
pub use outbox::{Email, NEW_TOKEN};
pub use pagination::{BAD_PAGES, each, pages};
pub use passkey::{
    BEGIN_PASSKEY, BEGIN_REGISTRATION, FINISH_PASSKEY, FINISH_REGISTRATION, Passkey,
};
pub use rstest::rstest;
pub use rstest_reuse::{self, apply, template};
pub use serde_json::{Value, json};
pub use server::{
    Backend, PASSWORD, Server, TestUser, UNLIMITED, certificate_authority, config,
    migration_folders, new_password, path_to_postgresql, product,
};
pub use server_process::{ServerProcess, fails, portcullis, run, succeeds, with_clean_environment};
pub use smtp::{MailServer, Security, SmtpBehavior};
pub use sql::{
    allow_activity_updates, dump, dump_of, execute, select, try_execute, wait_for_lease_end,
};

/// The number of iterations of a race: a few, or as many as `RACE_ROUNDS` says.
pub fn rounds(few: usize) -> usize {
    count_from_env("RACE_ROUNDS").unwrap_or(few)
}

/// The iteration count from this environment variable, if it is set.
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
