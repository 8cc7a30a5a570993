//! The engine: runs a query or a transaction on SQLite or PostgreSQL. It knows no table.

pub mod backup;
pub(in crate::store) mod file_lock;
pub(in crate::store) mod migrate;
pub mod page;
pub(in crate::store) mod per_worker;
pub(in crate::store) mod postgres;
pub(in crate::store) mod schema_compatibility;
pub mod shared_clock;
pub(in crate::store) mod sqlite;
pub(in crate::store) mod stored;
pub(in crate::store) mod unreadable;
