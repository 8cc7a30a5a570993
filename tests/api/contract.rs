//! The public contracts: the OpenAPI document, HTTP, the protocol of Better Auth, and the documentation.

pub mod better_auth;
pub mod doc_links;
pub mod http;
pub mod json;
mod just_recipes;
pub mod openapi;
pub mod readme;
pub mod schema;
pub mod schemathesis;
