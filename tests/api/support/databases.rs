//! Real databases: a PostgreSQL server, PgBouncer, and a proxy that fails on demand.

mod old_rows;
mod pgbouncer;
pub mod postgres_server;
mod proxy;
pub mod statements;

pub use old_rows::{add_sessions, moment};
pub use pgbouncer::PgBouncer;
pub use postgres_server::{Restartable, connect};
pub use proxy::{Proxy, ProxyMode};
pub use statements::record;
