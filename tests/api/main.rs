//! The whole of it, over HTTP, against a real server on both databases. The folders mirror the URLs.

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

mod access;
mod admin;
mod auth;
mod backup;
mod better_auth;
mod cli;
mod credential_cache;
mod doc_links;
mod docs;
mod drain;
mod epoch;
mod events;
mod faults;
mod gate;
mod hashing;
mod headers;
mod hostile;
mod http;
mod instances;
mod jobs;
mod kill;
mod limits;
mod listen;
mod log_output;
mod mail;
mod packaging;
mod pages;
mod projects;
mod races;
mod readme;
mod retention;
mod rotation;
mod schema;
mod schemathesis;
mod security;
mod settings;
mod setup;
mod signals;
mod slow;
mod source;
mod store;
mod support;
mod tokens;
mod upgrade;
