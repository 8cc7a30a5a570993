//! The test kit: the server under test, typed callers, emails, time and databases, and tests of access rules that every
//! product can use as they are. It needs the feature `testkit`, which belongs in `dev-dependencies`.
//!
//! A product proves its access rules with one line, on both databases ([`rules`] says which they are):
//!
//! ```no_run
//! # use portcullis::product::Product;
//! # fn product() -> Product { Product::new("Ledger", "1.0.0") }
//! portcullis::testkit::access_rules!(product);
//! # fn main() {}
//! ```
//!
//! - **Server and database.** `Server::start(product(), backend)` starts a server with a new, migrated database, a clock
//!   of its own and a real socket; [`Server::builder`] adds settings as the command line writes them. PostgreSQL is
//!   started once for all tests, or is the one that `TEST_DATABASE_URL` names. Dropping the server stops it.
//! - **Callers.** `server.anonymous` has no credential. `server.sign_up("ada")` and `sign_up_admin` create a user, whose
//!   `browser` is signed in by cookie; `ada.token(&["read"])` calls with an API token. Each request is checked against
//!   the OpenAPI document: a response that is not declared there fails the test, as does one that contains a credential.
//! - **Responses.** `reply.expect(201)` returns the body of a success, and `reply.assert_problem(404, "not_found")` that of
//!   an error. [`pages`] walks through a list, forwards and back.
//! - **Time** passes only where the test says so: `server.advance(days(1))`, `server.clock.set(…)`.
//! - **Emails** arrive in `server.outbox()`; `server.last_mail_to(address).await.secret()` is what its link carries.
//! - **SQL.** [`execute`] and [`select`] work on the server's database, beside the API.
//! - **Resources.** [`user_owned_resource!`] adds the tests of a resource whose items belong to users.
//! - **Documents.** [`assert_generated`] compares a committed file with what the product generates, such as
//!   [`own_document`], the part of the OpenAPI document that its components add.
//! - **Concurrency.** `rounds(8)` is the number of iterations of a race; `RACE_ROUNDS` overrides it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    clippy::similar_names,
    clippy::wildcard_imports,
    reason = "this is for tests: they fail by panicking, and are read once"
)]

mod backend;
mod caller;
mod document;
mod generated;
mod log_secret_scan;
mod operation;
mod outbox;
mod own_document;
mod pagination;
mod postgres;
mod reply;
pub mod rules;
mod server;
mod sql;
mod user;
pub mod user_owned_resource;

pub use backend::Backend;
pub use caller::{Caller, http_client};
pub use document::{Document, problems, resolve};
pub use generated::assert_generated;
#[doc(hidden)]
pub use generated::beside;
#[doc(hidden)]
pub use log_secret_scan::{add_secrets, answered, reveals_secret, secrets_in};
pub use operation::Operation;
pub use outbox::Email;
pub use own_document::own_document;
pub use pagination::{BAD_PAGES, each, pages};
#[doc(hidden)]
pub use postgres::as_ordinary_user;
pub use postgres::{PostgresServer, binaries, connect};
pub use reply::Reply;
pub use rules::access_rules;
pub use serde_json::{Value, json};
pub use server::{Builder, Server, UNLIMITED, config};
pub use sql::{execute, select, try_execute, wait_for_lease_end};
pub use user::{PASSWORD, TestUser};
pub use user_owned_resource::{InvalidField, UserOwnedResource, user_owned_resource};

/// Returns the number of iterations of a race: a few, or as many as `RACE_ROUNDS` says.
pub fn rounds(few: usize) -> usize {
    count_from_env("RACE_ROUNDS").unwrap_or(few)
}

/// Returns the iteration count from this environment variable, if it is set.
pub fn count_from_env<T: std::str::FromStr>(variable: &str) -> Option<T> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().ok().unwrap_or_else(|| panic!("{variable} is a number")))
}

/// Runs a test to its end, as `#[tokio::test]` does, for the tests that macros of the kit add.
#[doc(hidden)]
pub fn block_on<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

/// Adds a module with a test on each database, for the macros of the kit: products need no crate for it.
#[doc(hidden)]
#[macro_export]
macro_rules! test_on_both_databases {
    ($test:ident, |$backend:ident| $body:block) => {
        mod $test {
            use super::*;

            async fn run($backend: $crate::testkit::Backend) $body

            #[test]
            fn sqlite() {
                $crate::testkit::block_on(run($crate::testkit::Backend::Sqlite));
            }

            #[test]
            fn postgres() {
                $crate::testkit::block_on(run($crate::testkit::Backend::Postgres));
            }
        }
    };
}
