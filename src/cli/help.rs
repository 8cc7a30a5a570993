//! The `--help` of the commands.

use clap::Command;

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

fn without_settings(command: Command) -> Command {
    command
        .mut_args(|argument| if argument.is_global_set() { argument.hide(true) } else { argument })
        .mut_subcommands(without_settings)
        .after_help(ELSEWHERE)
}
