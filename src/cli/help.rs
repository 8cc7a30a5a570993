//! The `--help` of the commands.

use clap::{Command, builder::StyledStr};

use crate::name::in_text;

/// Points to the list of settings, in the help of commands that do not list them.
const ELSEWHERE: &str = "\
The database is that of the server: set DATABASE_URL or PORTCULLIS_DATA_DIR as for it.
All settings: portcullis --help";

/// Returns the command line with the settings listed by `portcullis --help` and by `serve` only. Every command
/// accepts them, but few are relevant to it, and sixty of them would bury the command's own arguments.
pub(super) fn with_settings_in_one_place(mut command: Command) -> Command {
    // Only after this has clap passed the global arguments on to the commands.
    command.build();
    command.mut_subcommands(|command| {
        if command.get_name() == "serve" { command } else { without_settings(command) }
    })
}

/// Returns the command line whose texts name the settings and commands of this product.
pub(super) fn with_names(command: Command) -> Command {
    let renamed = |text: &StyledStr| in_text(&text.to_string()).into_owned();
    let (about, long_about) =
        (command.get_about().map(renamed), command.get_long_about().map(renamed));
    let command = command.mut_args(|argument| {
        let (help, long_help) =
            (argument.get_help().map(renamed), argument.get_long_help().map(renamed));
        let argument = match help {
            Some(help) => argument.help(help),
            None => argument,
        };
        match long_help {
            Some(help) => argument.long_help(help),
            None => argument,
        }
    });
    let command = match about {
        Some(about) => command.about(about),
        None => command,
    };
    let command = match long_about {
        Some(about) => command.long_about(about),
        None => command,
    };
    command.mut_subcommands(with_names)
}

fn without_settings(command: Command) -> Command {
    command
        .mut_args(|argument| if argument.is_global_set() { argument.hide(true) } else { argument })
        .mut_subcommands(without_settings)
        .after_help(in_text(ELSEWHERE).into_owned())
}
