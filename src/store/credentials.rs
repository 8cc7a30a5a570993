//! The gate's lookup and its leased cache: `docs/explanation/credential-cache.md`.

mod batch_loader;
mod cache;
mod credential;
pub(in crate::store) mod epoch;
pub mod last_used;
pub mod lease_settings;
pub(in crate::store) mod lookup;
mod revocation_barrier;
pub mod session_ends;

pub use cache::Resolved;

pub(in crate::store) use cache::Counts;
