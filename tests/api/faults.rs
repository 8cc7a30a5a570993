//! What callers see while the store is in trouble, and after.

mod files;
mod panics;
mod pgbouncer;
mod postgres;
mod restart;
mod sqlite;
mod tls;

pub use sqlite::integrity;
