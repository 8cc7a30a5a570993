//! How the program reads its settings: empty values, unknown settings, and lists.

mod values;

use std::collections::BTreeSet;

use portcullis::secrets::SigningKey;
use tempfile::TempDir;

use crate::support::*;

/// The settings that must not be empty.
const NEVER_EMPTY: [&str; 4] =
    ["DATABASE_URL", "DATABASE_URL_FILE", "PORTCULLIS_SECRET", "PORTCULLIS_SECRET_FILE"];

/// Returns the environment variables of every setting, including those of single commands.
fn variables(command: &clap::Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(clap::Arg::get_env);
    let own = own.map(|name| name.to_str().unwrap().to_owned());
    own.chain(command.get_subcommands().flat_map(variables)).collect()
}

/// Where a server listens unless a test sets it.
const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];

#[tokio::test]
async fn empty_setting_counts_as_unset() {
    let names = variables(&product().command());
    assert!(names.len() > 40 && names.contains("PORTCULLIS_NO_MIGRATE"), "{names:?}");
    for empty in ["", " ", " , "] {
        let home = TempDir::new().unwrap();
        let may_be_empty = names.iter().filter(|name| !NEVER_EMPTY.contains(&name.as_str()));
        let settings: Vec<(&str, &str)> = may_be_empty.map(|name| (name.as_str(), empty)).collect();
        let server =
            ServerProcess::of(portcullis(home.path(), &settings).args(SERVE).spawn().unwrap());
        assert!(server.banner.contains("SQLite in data/portcullis.db"), "{}", server.banner);
        server.anonymous.get("/health/ready").await.expect(200);
    }
}

#[test]
fn empty_database_url_or_secret_is_rejected() {
    for name in NEVER_EMPTY {
        let home = TempDir::new().unwrap();
        let refusal = fails(run(home.path(), &[(name, "")], &[], ""));
        assert!(refusal.starts_with(&format!("portcullis: {name}: ")), "{refusal}");
        assert!(!home.path().join("data").exists(), "{name}: the program started all the same");
    }
}

#[tokio::test]
async fn list_setting_accepts_spaces_and_a_trailing_comma() {
    let home = TempDir::new().unwrap();
    let secret = format!("{}, ", SigningKey::generate().reveal());
    let settings = [
        ("PORTCULLIS_TRUSTED_ORIGINS", "https://app.example.com, http://localhost:5173 ,"),
        ("PORTCULLIS_TRUSTED_PROXIES", "10.0.0.0/8 , 127.0.0.1,"),
        ("PORTCULLIS_TOKEN_PREFIX", "acme_,"),
        ("PORTCULLIS_SECRET", secret.as_str()),
    ];
    let server = ServerProcess::start(home.path(), &settings);
    server.anonymous.get("/health/ready").await.expect(200);
}

/// Arguments with which each command does something, if its settings allow it to start.
const COMMANDS: [&[&str]; 14] = [
    &[],
    &["serve"],
    &["migrate"],
    &["backup", "copy"],
    &["openapi"],
    &["errors"],
    &["routes"],
    &["user", "list"],
    &["session", "list", "--email", "ada@example.com"],
    &["token", "list"],
    &["cache", "status"],
    &["retention", "status"],
    &["secret"],
    &["new", "shop"],
];

#[test]
fn unknown_setting_fails_the_server_and_every_command() {
    let tried: BTreeSet<&str> =
        COMMANDS.iter().filter_map(|arguments| arguments.first().copied()).collect();
    let command = product().command();
    let all: BTreeSet<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    assert_eq!(tried, all);
    let home = TempDir::new().unwrap();
    for arguments in COMMANDS {
        let output = run(home.path(), &[("PORTCULLIS_SIGNUP", "hunter2")], arguments, "");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        let refusal = fails(output);
        assert_eq!(
            refusal,
            "portcullis: PORTCULLIS_SIGNUP is not a setting: did you mean PORTCULLIS_SIGN_UP?\n"
        );
        assert!(
            !home.path().join("data").exists(),
            "{arguments:?}: the program started all the same"
        );
    }
}

#[test]
fn unknown_settings_are_all_named_without_their_values() {
    let home = TempDir::new().unwrap();
    let settings = [
        ("PORTCULLIS_SECRETS", "hunter2"),
        ("portcullis_sign_up", "closed"),
        ("PORTCULLIS_PORT", "8080"),
    ];
    let refusal = fails(run(home.path(), &settings, &[], ""));
    assert_eq!(refusal.lines().count(), 1, "{refusal}");
    for part in
        ["PORTCULLIS_SECRETS", "PORTCULLIS_SECRET?", "portcullis_sign_up", "PORTCULLIS_PORT"]
    {
        assert!(refusal.contains(part), "{part}: {refusal}");
    }
    assert!(!refusal.contains("hunter2") && !refusal.contains("8080"), "{refusal}");
}

#[tokio::test]
async fn kubernetes_service_variables_are_ignored() {
    let home = TempDir::new().unwrap();
    let settings = [
        ("PORTCULLIS_SERVICE_HOST", "10.96.0.12"),
        ("PORTCULLIS_SERVICE_PORT", "8080"),
        ("PORTCULLIS_SERVICE_PORT_HTTP", "8080"),
        ("PORTCULLIS_PORT", "tcp://10.96.0.12:8080"),
        ("PORTCULLIS_PORT_8080_TCP", "tcp://10.96.0.12:8080"),
        ("PORTCULLIS_PORT_8080_TCP_PROTO", "tcp"),
        ("PORTCULLIS_PORT_8080_TCP_PORT", "8080"),
        ("PORTCULLIS_PORT_8080_TCP_ADDR", "10.96.0.12"),
    ];
    let server = ServerProcess::start(home.path(), &settings);
    server.anonymous.get("/health/ready").await.expect(200);
}
