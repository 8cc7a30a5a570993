//! The operations, by their URLs.

pub mod activity;
pub mod admin;
pub mod auth;
pub mod pages;
pub mod projects;
pub mod setup;
pub mod tokens;
