//! Tests of the whole application over HTTP, against a real server on both databases. The folders of `routes`
//! mirror the URLs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(
    clippy::format_push_string,
    clippy::similar_names,
    clippy::case_sensitive_file_extension_comparisons,
    clippy::assigning_clones,
    clippy::too_many_lines,
    reason = "tests are read once and run often"
)]
#![allow(missing_docs, reason = "a test's name says what it shows")]

mod contract;
mod credential_cache;
#[path = "../../src/new.rs"]
mod new;
mod operations;
#[path = "../../src/projects/mod.rs"]
mod projects;
mod resilience;
mod routes;
mod security;
mod store;
mod support;
