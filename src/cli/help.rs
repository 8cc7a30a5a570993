//! What `--help` of a command shows.

use clap::Command;

/// Where the settings are, for a command that does not list them.
const ELSEWHERE: &str = "\
The database is that of the server: set DATABASE_URL or PORTCULLIS_DATA_DIR as for it.
All settings: portcullis --help";

/// The command line, with the settings listed by `portcullis --help` and by `serve` alone. Every command takes them,
/// but few concern it, and sixty of them would bury its own arguments.
pub(super) fn with_settings_in_one_place(mut command: Command) -> Command {
    // Only then has clap handed them on to the commands.
    command.build();
    command.mut_subcommands(|command| {
        if command.get_name() == "serve" { command } else { without_settings(command) }
    })
}

fn without_settings(command: Command) -> Command {
    command
        .mut_args(|argument| if argument.is_global_set() { argument.hide(true) } else { argument })
        .mut_subcommands(without_settings)
        .after_help(ELSEWHERE)
}
