//! The entry point: parses the command line and runs the command.

#![deny(clippy::print_stderr, clippy::print_stdout)]

use std::process::ExitCode;

use portcullis::{
    cli::{self, Closed},
    output,
};

/// Replaces glibc's allocator, which does not return the memory of a burst of password hashing: 19 MiB a hash,
/// for each thread and several times over.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let done = match cli::parse() {
        Ok(asked) => Box::pin(cli::run(asked)).await,
        Err(failure) => Err(failure),
    };
    let status = match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is::<Closed>() => ExitCode::from(Closed::STATUS),
        Err(failure) => {
            output::error_line(&format!("portcullis: {failure}"));
            ExitCode::FAILURE
        }
    };
    output::flush();
    status
}
