//! What is measured: a handler bare and behind the gate, and who asks for it.

pub mod jwt;
pub mod people;
pub mod served;
