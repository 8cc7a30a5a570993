//! What these tests add to the test kit, [`portcullis::testkit`], which introduces servers, callers, emails and time.
//!
//! - **Server.** `#[apply(on_both_databases)]` runs a test on SQLite and on PostgreSQL, `backend.start()` starts the product
//!   under test there, and `start_with` adds settings.
//! - **Operations.** `TOKENS`, `CURRENT_TOKEN` and `reactivation` are the read and the writes of tests for which any
//!   operation would do.
//! - **Outages.** `OutageProbe` holds a cookie and a token, and checks that all requests are unavailable (503) during an
//!   outage and that both work after it. `Proxy`, `PgBouncer` and `PostgresServer` simulate outages.
//! - **Concurrency.** Tests of races have `concurrent` in their names.
//! - **Contracts** are shared test suites, each instantiated by one macro call: `mailed_link!(Invitation)` for a link in a
//!   mail ([`contracts`]).
//!
//! `support/sample.rs` is a complete test to copy.

mod authenticator;
mod certificate;
mod checks;
pub mod contracts;
mod databases;
mod example;
mod node_package;
mod openid_provider;
mod operations;
mod outage_probe;
mod passkey;
mod sample;
mod server;
mod server_process;
mod smtp;
mod sql;

pub use authenticator::{Authenticator, CHALLENGE, Challenges, SecondFactor};
pub use certificate::make_certificate;
pub(crate) use contracts::{
    contract_tests,
    mailed_link::{MailedLink, Rejection, mailed_link},
};
pub use databases::{PgBouncer, Proxy, ProxyMode, add_sessions, moment, record};
pub use example::{EXAMPLE_ROWS, EXAMPLE_SCHEMA, EXAMPLE_SEED, EXAMPLE_TABLES};
pub use node_package::Package;
pub use openid_provider::{OpenIdProvider, StartWithProviders, file_with_providers};
pub use operations::{CURRENT_TOKEN, TOKENS, reactivation};
pub use outage_probe::{OutageProbe, assert_unavailable, within_timeout};
pub use passkey::{
    BEGIN_PASSKEY, BEGIN_REGISTRATION, Ceremonies, FINISH_PASSKEY, FINISH_REGISTRATION, NewPasskey,
    Passkey, Passkeys,
};
pub use portcullis::testkit::{
    BAD_PAGES, Backend, Caller, Email, InvalidField, Operation, PASSWORD, PostgresServer, Reply,
    Server, TestUser, UNLIMITED, UserOwnedResource, as_ordinary_user, connect, count_from_env,
    each, execute, http_client, pages, problems, resolve, rounds, select, try_execute,
    user_owned_resource, wait_for_lease_end,
};
pub use rstest::rstest;
pub use rstest_reuse::{self, apply, template};
pub use serde_json::{Value, json};
pub use server::{
    LibraryServer, Start, anonymous, config, document, migration_folders, new_password,
    path_to_postgresql, product, unlimited,
};
pub use server_process::{ServerProcess, fails, portcullis, run, succeeds, with_clean_environment};
pub use smtp::{MailServer, Security, SmtpBehavior};
pub use sql::{allow_activity_updates, dump, dump_of};

/// The subject of the notice of a new token.
pub const NEW_TOKEN: &str = "New API token for Portcullis";

/// Runs a test once for each database.
#[template]
#[export]
#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn on_both_databases(#[case] backend: Backend) {}
