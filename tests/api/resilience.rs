//! Failures, and what must hold during them: outages, crashes, concurrent requests, slow clients, retries.

pub mod crash_recovery;
pub mod faults;
pub mod jobs;
pub mod mail;
pub mod races;
pub mod retention;
pub mod slow_clients;
