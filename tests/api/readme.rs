//! What the README writes down a second time, held against the first.

use clap::CommandFactory;
use portcullis::cli::Cli;

const README: &str = include_str!("../../README.md");

#[test]
fn every_setting_is_in_the_table() {
    let command = Cli::command();
    let settings =
        command.get_arguments().filter_map(|argument| Some((argument.get_env()?, argument)));
    let mut rows = String::from("| setting | default | what it is |\n| --- | --- | --- |\n");
    for (name, argument) in settings {
        let default = argument.get_default_values().first();
        let default =
            default.map_or(String::new(), |value| format!("`{}`", value.to_string_lossy()));
        let help = argument.get_help().unwrap().to_string();
        rows.push_str(&format!("| `{}` | {default} | {help} |\n", name.to_string_lossy()));
    }
    assert!(README.contains(&rows), "README.md's table of settings must be:\n\n{rows}");
}

#[test]
fn the_gates_table_is_the_gates_own() {
    let source = include_str!("../../src/gate.rs");
    let rows = source.lines().filter_map(|line| line.strip_prefix("//! |"));
    for row in rows {
        assert!(README.contains(&format!("|{row}")), "README.md lacks the row |{row}");
    }
}
