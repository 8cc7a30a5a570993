//! Portcullis: a complete REST backend with one gate, where each request is authenticated.
//!
//! A product is a crate of its own that depends on this one: `docs/how-to/build-a-product.md` describes it, and [`prelude`] has
//! what its operations need. `docs/reference/public-api.txt` lists what a product may use. Items that are public and not on
//! these pages are for what the macros expand to, and for the tests of this repository: they may change at any time.
//!
//! Features, all of them on by default: `pages`, `passkeys`, `providers` (sign-in at identity providers) and `swagger-ui`;
//! and `testkit`, for the tests of products.
//!
//! The modules, in the order in which a request meets them. Handlers use the gate's types and the store; the gate uses
//! the store and no handler; the store uses none of them.
//!
//! - [`product`] is what all of it makes: a name, and the [`component`]s that a product adds, such as their [operations](mod@operations)
//! - [`app`] builds the server, runs it, and shuts it down gracefully, or puts the gate into another application
//! - `routes` is the route table, `openapi` the same table as an OpenAPI document
//! - [`gate`] authenticates each request exactly once: the result is a [`gate::Session`] or an anonymous caller
//! - [`api`] holds the handlers, one file per resource
//! - `docs` serves Swagger UI and the list of error codes
//! - [`pages`] serves the HTML pages, a thin client of the API, which works without them
//! - [`jobs`] is the queue of background jobs, and `mail` the emails that most of them send
//! - `retention` deletes expired data, `key_check` compares the signing keys of all instances,
//!   `totp_keys` encrypts TOTP secrets again after a rotation
//! - [`store`] is the data layer, on SQLite or PostgreSQL
//!
//! Beside them, [`cli`] holds the commands, [`config`] every setting, [`state`] what all requests share,
//! [`site`] the server's public name and origins, [`error`] every error that a client can receive, `secrets`
//! the types of all secrets, `limits` the rate limits, `private_files` the permissions of files,
//! `metrics` the Prometheus metrics, [`http_client`] requests to other servers, `output` non-blocking writes to
//! stdout and stderr, [scopes](mod@scope) of API tokens, `name` the product's name in all its forms, [`time`] the
//! clock, and `testkit` what the tests of a product need, behind a feature of that name.

// These macros panic when the output is closed or the disk is full; `output` and `cli::print` do not.
#![deny(clippy::print_stderr, clippy::print_stdout)]

pub mod api;
pub mod app;
pub mod cli;
pub mod component;
pub mod config;
mod connection_url;
#[doc(hidden)]
pub mod docs;
pub mod error;
pub mod fields;
pub mod gate;
pub mod http_client;
pub mod jobs;
pub(crate) mod key_check;
#[doc(hidden)]
pub mod limits;
pub(crate) mod mail;
pub(crate) mod metrics;
mod name;
#[doc(hidden)]
pub mod openapi;
pub mod operations;
#[doc(hidden)]
pub mod output;
#[cfg(feature = "pages")]
pub mod pages;
pub mod prelude;
pub(crate) mod private_files;
pub mod product;
#[cfg(feature = "providers")]
#[doc(hidden)]
pub mod providers;
pub(crate) mod request_id;
mod resource;
pub(crate) mod retention;
#[doc(hidden)]
pub mod routes;
pub mod scope;
#[doc(hidden)]
pub mod secrets;
pub mod site;
pub mod state;
pub mod store;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod time;
pub(crate) mod totp_keys;
mod user_agent;
