//! The command line; nothing else.

use std::process::ExitCode;

use portcullis::cli;

#[tokio::main]
async fn main() -> ExitCode {
    let done = match cli::parse() {
        Ok(asked) => Box::pin(cli::run(asked)).await,
        Err(failure) => Err(failure),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("portcullis: {failure}");
            ExitCode::FAILURE
        }
    }
}
