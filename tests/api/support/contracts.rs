//! Contracts: the tests that each resource or link of a kind must pass. What it is, its own test file describes; one line
//! there adds the tests, each by its name.

pub mod mailed_link;
pub mod user_owned_resource;
