//! What callers see while the store is in trouble, and after.

mod columns;
mod files;
mod panics;
mod pgbouncer;
mod postgres;
mod restart;
mod rows;
mod sqlite;
mod statements;
mod tls;

pub use sqlite::integrity;
