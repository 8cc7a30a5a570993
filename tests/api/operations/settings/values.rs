//! Every value that a setting accepts works: a server starts with the minimum and the maximum of each, and
//! serves.

use std::{fs, io::Write, path::Path, time::Duration};

use clap::Arg;
use tempfile::TempDir;

use crate::support::*;

/// The `value_name`s of settings that are not numbers.
const TEXTS: [&str; 20] = [
    "ADDRESS", "DIR", "DOMAIN", "DOMAINS", "FILE", "FILTER", "FORMAT", "MODE", "NAME", "NETWORKS",
    "ORIGINS", "PAGES", "PORT", "PREFIX", "RATE", "SECRET", "STATE", "URL", "WHEN", "WHO",
];

fn accepts(flag: &str, value: &str) -> bool {
    product().command().try_get_matches_from(["portcullis", flag, value]).is_ok()
}

/// Finds the minimum and the maximum of a number by trial.
fn bounds(flag: &str) -> [u64; 2] {
    let accepts = |number: u64| accepts(flag, &number.to_string());
    let some = (0..64).map(|bit| 1 << bit).find(|number| accepts(*number)).expect(flag);
    let least = (0..=some).find(|number| accepts(*number)).unwrap();
    let (mut most, mut over) = (some, u64::MAX);
    if accepts(over) {
        return [least, over];
    }
    while over - most > 1 {
        let middle = most + (over - most) / 2;
        if accepts(middle) { most = middle } else { over = middle }
    }
    [least, most]
}

/// Returns the environment variable and the flag of each number.
fn numbers() -> Vec<(String, String)> {
    let command = product().command();
    let kind = |argument: &Arg| {
        argument.get_value_names().and_then(|names| names.first()).map(ToString::to_string)
    };
    let mut found = Vec::new();
    for argument in command.get_arguments() {
        let (Some(name), Some(kind)) = (argument.get_env(), kind(argument)) else { continue };
        let known = TEXTS.contains(&&*kind) || NUMBERS.contains(&&*kind);
        let name = name.to_string_lossy().into_owned();
        assert!(known, "{name} has values of an unknown kind, {kind}: is it a number?");
        if NUMBERS.contains(&&*kind) {
            let flag = format!("--{}", argument.get_long().unwrap());
            found.push((name, flag));
        }
    }
    found
}

const NUMBERS: [&str; 3] = ["DAYS", "N", "SECONDS"];

/// Starts a server with these settings, and uses it.
async fn serves(home: &Path, url: &str, settings: &[(&str, &str)]) {
    let secret = portcullis::secrets::SigningKey::generate().reveal();
    let fixed = [("DATABASE_URL", url), ("PORTCULLIS_SECRET", secret.as_str())];
    let all = [&fixed[..], settings].concat();
    let server = ServerProcess::start_logging(home, &all);
    // Workers are started one by one, all of them before the first response.
    let ready = server.anonymous.get("/health/ready");
    tokio::time::timeout(Duration::from_mins(5), ready)
        .await
        .expect("the server becomes ready")
        .expect(200);
    let use_it = async {
        let email = format!("{}@example.com", uuid::Uuid::now_v7().simple());
        let body = json!({ "name": "Ada", "email": email, "password": PASSWORD });
        let signed_up = server.anonymous.post("/api/auth/sign-up/email", body).await;
        assert!(
            [200, 429].contains(&signed_up.status.as_u16()),
            "{settings:?}: {}",
            signed_up.text
        );
        let Some(cookie) = signed_up.cookie() else { return };
        let browser = server.anonymous.with_cookie(&cookie);
        for path in ["/api/me", "/api/me", "/settings", "/api/tokens"] {
            let status = browser.get(path).await.status.as_u16();
            assert!([200, 429].contains(&status), "{settings:?}: {path} {status}");
        }
        let sign_up_status =
            browser.post("/api/tokens", json!({ "name": "x" })).await.status.as_u16();
        assert!([201, 429].contains(&sign_up_status), "{settings:?}: {sign_up_status}");
    };
    within_timeout(use_it).await;
    drop(server);
    let log = fs::read_to_string(home.join("log")).unwrap();
    assert!(!log.contains("panicked") && !log.contains("ERROR"), "{settings:?}: {log}");
}

#[tokio::test]
async fn server_serves_with_the_minimum_and_maximum_of_each_number() {
    let numbers = numbers();
    assert!(numbers.len() > 10, "{numbers:?}");
    for (name, flag) in numbers {
        for value in bounds(&flag) {
            let home = TempDir::new().unwrap();
            let url = Backend::Sqlite.database(home.path()).await;
            writeln!(std::io::stderr(), "{name}={value}").unwrap();
            serves(home.path(), &url, &[(&name, &value.to_string())]).await;
        }
    }
}

#[tokio::test]
async fn postgresql_server_serves_with_all_numbers_at_minimum_or_maximum() {
    for bound in [0, 1] {
        let home = TempDir::new().unwrap();
        let url = Backend::Postgres.database(home.path()).await;
        let numbers = numbers().into_iter();
        let values: Vec<(String, String)> =
            numbers.map(|(name, flag)| (name, bounds(&flag)[bound].to_string())).collect();
        let values: Vec<(&str, &str)> =
            values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        serves(home.path(), &url, &values).await;
    }
}
