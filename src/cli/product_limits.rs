//! The settings of a product's own rate limits: flags, variables, `--help`, and how they are read.

use clap::{Arg, Command};

use super::ProductMatches;
use crate::{
    config::Rate,
    limits::{CustomLimit, Limit},
    name,
};

/// Adds the setting of a limit to a command line, in the section of the product.
pub(crate) fn add_to(command: Command, limit: &CustomLimit) -> Command {
    command.next_help_heading(name::get().title.as_str()).arg(argument(limit))
}

pub(super) fn argument(limit: &CustomLimit) -> Arg {
    let flag = format!("limit-{}", limit.name);
    let variable = name::setting(&flag.replace('-', "_").to_ascii_uppercase());
    Arg::new(flag.clone())
        .long(flag)
        .env(variable)
        .value_name("RATE")
        .value_parser(clap::value_parser!(Rate))
        .default_value(limit.default.to_string())
        .global(true)
        .help(format!("The rate limit of {}, per account. `off` disables it", limit.name))
}

/// Reads the rate of a limit.
///
/// # Errors
/// When the command line was read without this setting.
pub(crate) fn read(
    ProductMatches(matches): &ProductMatches,
    limit: &'static CustomLimit,
) -> Result<(Limit, Rate), String> {
    match matches.try_get_one::<Rate>(&format!("limit-{}", limit.name)) {
        Ok(rate) => Ok((Limit::Custom(limit), rate.copied().unwrap_or(limit.default))),
        Err(_) => Err(format!(
            "the settings were read without the rate limit {}: read them with `Product::command`",
            limit.name
        )),
    }
}
