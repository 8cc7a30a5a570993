//! A command that a product adds to those of this library.

use std::{env, ffi::OsString};

use clap::{ArgMatches, Command};

use super::{Failure, as_failure, environment, print::print};
use crate::{name, product::Product};

/// A command, and the function that runs it and returns what is printed.
#[derive(Clone)]
pub(crate) struct OwnCommand {
    pub command: Command,
    pub run: fn(&ArgMatches) -> Result<String, Failure>,
}

/// Returns the command of the product's own that was called, if one was.
pub(super) fn called(product: &Product) -> Option<&OwnCommand> {
    let first = env::args_os().nth(1)?;
    product.commands.iter().find(|own| first == *own.command.get_name())
}

/// Runs the command. It needs no settings, so its arguments are parsed alone.
pub(super) fn run(product: &Product, own: &OwnCommand) -> Result<(), Failure> {
    let command = own.command.clone();
    let bin_name = format!("{} {}", name::get().slug, command.get_name());
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let matches = command.bin_name(bin_name).try_get_matches_from(arguments);
    let matches = matches.map_err(|error| as_failure(&error, product))?;
    environment::refuse_unknown_variables(&product.command())?;
    print((own.run)(&matches)?)
}
