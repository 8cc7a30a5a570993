//! The API's handlers, one file per resource: its types, its handlers, their documentation.
//!
//! A handler's arguments declare who may call it ([`crate::gate::DeclaresAccess`]); its doc comment is its summary in
//! Swagger UI.

pub mod activity;
pub mod admin;
pub mod auth;
pub(crate) mod client;
pub mod dashboard;
pub mod health;
pub mod json;
mod limited;
pub mod me;
pub mod page;
pub mod query;
pub mod settings;
pub mod setup;
pub mod tokens;
pub mod trusted_devices;
mod user;

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
