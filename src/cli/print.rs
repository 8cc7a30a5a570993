//! What a command prints. `println!` panics where its output cannot be written.

use std::{
    fmt,
    io::{self, ErrorKind, Write},
};

use super::Failure;

/// Whoever reads the output has closed it, as `head` does: the command ends without a word.
#[derive(Debug, thiserror::Error)]
#[error("standard output was closed")]
pub struct Closed;

impl Closed {
    /// What a shell reports of a program that is ended by SIGPIPE.
    pub const STATUS: u8 = 141;
}

/// Prints text and a line break to standard output.
///
/// # Errors
/// [`Closed`], or what the system says.
pub(super) fn print(text: impl fmt::Display) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    writeln!(output, "{text}").and_then(|()| output.flush()).map_err(|fault| failure(&fault))
}

/// Turns a failed write to standard output into the command's failure.
pub(super) fn failure(fault: &io::Error) -> Failure {
    if fault.kind() == ErrorKind::BrokenPipe {
        return Closed.into();
    }
    format!("standard output: {fault}").into()
}
