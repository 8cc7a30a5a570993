//! The workflows: one file per transaction, or few that belong together, over several tables.

pub mod account_deletion;
pub mod email_change;
pub(in crate::store) mod email_proof;
pub mod first_admin;
#[cfg(feature = "providers")]
pub mod linking;
pub mod operator_revocation;
#[cfg(feature = "passkeys")]
pub mod passkey_changes;
pub mod passwords;
pub mod registration;
pub mod retention;
pub mod revocation_cleanup;
pub mod sign_in;
#[cfg(any(feature = "passkeys", feature = "providers"))]
pub mod sign_in_methods;
pub mod suspension;
pub mod two_factor_enrolment;
pub mod user_administration;
