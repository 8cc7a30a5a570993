//! What the README writes down a second time, held against the first.

use std::process::Command;

use clap::CommandFactory;
use portcullis::{cli::Cli, secrets::SigningKey};

use crate::support::*;

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

/// The commands between one place and another of the README, a string for each block.
pub fn commands(from: &str, to: &str) -> Vec<&'static str> {
    let (_, part) = README.split_once(from).expect(from);
    let (part, _) = part.split_once(to).expect(to);
    part.split("```").skip(1).step_by(2).map(|block| block.trim_start_matches("sh\n")).collect()
}

#[test]
fn every_command_is_in_the_list() {
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        let listed = [format!("portcullis {name} "), format!("portcullis [{name}] ")];
        assert!(listed.iter().any(|start| README.contains(&format!("\n{start}"))), "{name}");
    }
}

/// Every email after such a word in a text.
fn emails<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    let after = text.split(before).skip(1);
    after.map(|rest| rest.split(['"', ' ', '\n']).next().unwrap()).collect()
}

/// The README has two tours and Swagger UI a third: on one server, none stands in another's way.
#[test]
fn each_tour_makes_users_of_its_own() {
    let document = portcullis::openapi::text("portcullis").unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    let schemas =
        ["SignUp", "SetUp", "CreateUser"].map(|name| &document["components"]["schemas"][name]);
    let mut made: Vec<&str> =
        schemas.iter().map(|schema| schema["example"]["email"].as_str().unwrap()).collect();
    let curl = commands("Sign up. The cookie goes", "Make a token, and write").concat();
    made.extend(emails(&curl, r#""email": ""#));
    made.extend(emails(README, "--email "));
    made.extend(emails(README, r#"signUp.email({ name: "Charles", email: ""#));
    made.sort_unstable();
    let count = made.len();
    made.dedup();
    assert_eq!((made.len(), count), (6, 6), "{made:?}");
}

/// The commands of the tour, as they stand but for where the server listens and the program is.
#[apply(both)]
async fn the_tour_ends_in_the_lock_out(backend: Backend) {
    let home = tempfile::TempDir::new().unwrap();
    let url = backend.database(home.path()).await;
    let secret = SigningKey::generate().reveal();
    let settings = [("DATABASE_URL", url.as_str()), ("PORTCULLIS_SECRET", secret.as_str())];
    let server = Running::start(home.path(), &settings);
    let script = commands("## Five minutes", "On PostgreSQL it is the same").concat();
    assert!(
        script.contains("http://localhost:8080") && script.contains("target/release/portcullis")
    );
    let script = script
        .replace("http://localhost:8080", &server.nobody.base)
        .replace("target/release/portcullis", env!("CARGO_BIN_EXE_portcullis"));
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .envs(settings)
        .current_dir(home.path())
        .output()
        .expect("bash and curl are installed");
    let seen = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{seen}{}", String::from_utf8_lossy(&output.stderr));
    assert!(seen.contains("Analytical Engine") && seen.contains("insufficient_scope"), "{seen}");
    assert_eq!(seen.matches("HTTP/1.1 401 Unauthorized").count(), 2, "{seen}");
}
