//! What callers see while the store is in trouble, and after.

mod files;
mod panics;
mod postgres;
mod restart;
mod sqlite;

pub use sqlite::integrity;
