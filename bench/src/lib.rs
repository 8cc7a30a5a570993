//! What is measured: one handler, bare and behind the gate, and the users who request it.

pub mod jwt;
pub mod people;
pub mod served;
