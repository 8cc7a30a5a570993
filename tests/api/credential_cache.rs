//! The credential cache: no instance answers from it after a revocation.

pub mod cache;
pub mod epoch;
pub mod instances;
