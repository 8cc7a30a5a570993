//! Portcullis: a complete REST backend whose every request passes one gate.
//!
//! The modules, in the order in which a request meets them; each knows those below it and none above.
//!
//! - [`app`] builds the server, runs it, drains it
//! - [`routes`] is the table of everything that can be asked, [`openapi`] that table as a document
//! - [`gate`] resolves each request, once, to a [`gate::Session`] or to nobody
//! - [`api`] answers, one file a resource
//! - [`docs`] are Swagger UI and the list of error codes
//! - [`pages`] are the same for people, and a thin client of the API: without them it stands unchanged
//! - [`jobs`] does afterwards what need not be waited for, and [`mail`] is what most of them send
//! - [`retention`] deletes what is over, [`key_check`] compares the secrets of all instances
//! - [`store`] keeps the data, in SQLite or in PostgreSQL
//!
//! Beside them [`cli`] holds the commands, [`config`] every setting, [`state`] what requests share,
//! [`site`] what this server is to the world, [`error`] everything that can go wrong, [`secrets`]
//! what nobody may read, [`limits`] how often somebody may ask, [`private_files`] how files are kept
//! from other users, [`metrics`] what is measured, [`output`] what is written to the standard streams,
//! [`scope`] what a token may do, and [`time`] what time it is.

// They panic where the output is closed or the disk is full; `output` and `cli::print` do not.
#![deny(clippy::print_stderr, clippy::print_stdout)]

pub mod api;
pub mod app;
pub mod cli;
pub mod config;
mod connection_url;
pub mod docs;
pub mod error;
mod fields;
pub mod gate;
pub mod jobs;
pub mod key_check;
pub mod limits;
pub mod mail;
pub mod metrics;
pub mod openapi;
pub mod output;
pub mod pages;
pub mod private_files;
pub mod request_id;
pub mod retention;
pub mod routes;
pub mod scope;
pub mod secrets;
pub mod site;
pub mod state;
pub mod store;
pub mod time;
