//! What callers see during a fault of the store, and after it.

pub mod columns;
mod files;
mod panics;
mod pgbouncer;
mod postgres;
mod restart;
pub mod rows;
mod sqlite;
mod statements;
mod tls;

pub use sqlite::integrity;
