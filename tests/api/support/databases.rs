//! Real databases that fail: PgBouncer, and a proxy that fails on demand.

mod old_rows;
mod pgbouncer;
mod proxy;
pub mod statements;

pub use old_rows::{add_sessions, moment};
pub use pgbouncer::PgBouncer;
pub use proxy::{Proxy, ProxyMode};
pub use statements::record;
