//! Authorization, and what attackers send.

pub mod access;
pub mod fuzz;
pub mod gate;
pub mod hashing;
pub mod headers;
pub mod rate_limits;
pub mod rules;
pub mod source;
