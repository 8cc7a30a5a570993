//! Signs in with identity providers, and links accounts there to users.

pub mod callback;
pub(crate) mod failure;
pub mod link;
mod outcome;
pub mod sign_in;
mod start;
pub mod verify;
