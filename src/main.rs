//! The command line; nothing else.

use std::process::ExitCode;

use clap::Parser;
use portcullis::cli::{self, Cli};

#[tokio::main]
async fn main() -> ExitCode {
    match cli::run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("portcullis: {failure}");
            ExitCode::FAILURE
        }
    }
}
