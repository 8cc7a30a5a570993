//! What can be asked, one file a resource: its types, its handlers, their documentation.
//!
//! A handler's arguments say who may call it ([`crate::gate::Declares`]); its doc comment is its
//! summary in Swagger UI.

pub mod admin;
pub mod auth;
pub mod dashboard;
pub mod health;
pub(crate) mod json;
mod limited;
pub mod me;
pub(crate) mod page;
pub mod projects;
pub(crate) mod query;
pub mod settings;
pub mod setup;
pub mod tokens;
mod user;

/// The tags under which the document groups operations, in its order.
pub mod tag {
    /// Signing up, in and out.
    pub const AUTH: &str = "auth";
    /// Whoever asks.
    pub const ACCOUNT: &str = "account";
    /// The example resource.
    pub const PROJECTS: &str = "projects";
    /// API tokens.
    pub const TOKENS: &str = "tokens";
    /// The admins' part.
    pub const ADMIN: &str = "admin";
    /// For load balancers.
    pub const HEALTH: &str = "health";
}
