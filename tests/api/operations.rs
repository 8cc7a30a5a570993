//! What operators use: commands, settings, backups, upgrades, signals, logs.

pub mod backup;
pub mod cli;
pub mod drain;
pub mod events;
pub mod listen;
pub mod log_output;
pub mod new;
pub mod packaging;
pub mod rotation;
pub mod settings;
pub mod signals;
pub mod upgrade;
