//! Prints a command's output. `println!` panics when the output cannot be written.

use std::{
    fmt,
    io::{self, ErrorKind, Write},
};

use super::Failure;

/// The reader has closed the output, as `head` does: the command ends silently.
#[derive(Debug, thiserror::Error)]
#[error("standard output was closed")]
pub struct Closed;

impl Closed {
    /// The exit status that a shell reports for a program that SIGPIPE has ended.
    pub const STATUS: u8 = 141;
}

/// Prints text and a line break to standard output.
///
/// # Errors
/// [`Closed`], or the operating system's error.
pub(super) fn print(text: impl fmt::Display) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    writeln!(output, "{text}").and_then(|()| output.flush()).map_err(|fault| failure(&fault))
}

/// Converts a failed write to standard output into the command's error.
pub(super) fn failure(fault: &io::Error) -> Failure {
    if fault.kind() == ErrorKind::BrokenPipe {
        return Closed.into();
    }
    format!("standard output: {fault}").into()
}
