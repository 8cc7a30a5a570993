//! The API's handlers, one file per resource: its types, its handlers, their documentation.
//!
//! A handler's arguments declare who may call it ([`crate::gate::DeclaresAccess`]); its doc comment is its summary in
//! Swagger UI.

#[doc(hidden)]
pub mod activity;
#[doc(hidden)]
pub mod admin;
#[doc(hidden)]
pub mod auth;
pub(crate) mod client;
mod created;
#[doc(hidden)]
pub mod dashboard;
mod field_fault;
#[doc(hidden)]
pub mod health;
pub mod json;
mod limited;
#[doc(hidden)]
pub mod me;
mod nul;
pub mod page;
pub mod query;
#[doc(hidden)]
pub mod settings;
#[doc(hidden)]
pub mod setup;
#[doc(hidden)]
pub mod tokens;
#[doc(hidden)]
pub mod trusted_devices;
mod user;

pub use created::created;

/// The tags by which the OpenAPI document groups operations, in its order.
pub mod tag {
    /// Sign-up, sign-in, sign-out and account management.
    pub const AUTH: &str = "auth";
    /// The caller's own account.
    pub const ACCOUNT: &str = "account";
    /// API tokens.
    pub const TOKENS: &str = "tokens";
    /// Administration.
    pub const ADMIN: &str = "admin";
    /// For load balancers.
    pub const HEALTH: &str = "health";
}
