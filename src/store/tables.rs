//! The tables: one file per table, with its rows and the queries and changes that concern it alone.
//!
//! Parts of transactions that several transactions share are methods of the connection, which `statements!` declares. Those
//! that one transaction uses, or that differ in their columns, are macros whose names end in `_tx`: each awaits statements on
//! the transaction's connection, and returns early with an error.

pub mod accounts;
pub mod activity;
pub(in crate::store) mod admin_write;
pub mod api_tokens;
pub(in crate::store) mod generation;
pub mod jobs;
pub mod known_clients;
pub(in crate::store) mod locks;
pub mod login_attempts;
#[cfg(feature = "passkeys")]
pub mod passkey_ceremonies;
pub mod passkeys;
#[cfg(feature = "providers")]
pub mod provider_flows;
pub mod rate_limits;
pub(in crate::store) mod revocation_cleanup;
pub mod schedules;
pub mod sessions;
pub mod sign_up_links;
pub mod signing_keys;
pub mod suspension_links;
pub mod trusted_devices;
pub mod two_factor;
#[cfg(feature = "providers")]
pub mod used_id_tokens;
pub mod users;
pub mod verifications;

use crate::store::constraints::Constraint;

/// The constraints of each table that declares any.
pub(in crate::store) const CONSTRAINTS: &[&[Constraint]] = &[users::CONSTRAINTS];
