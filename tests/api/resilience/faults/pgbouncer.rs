//! A connection pooler in front of PostgreSQL: session pooling works, any other mode is refused at the start.

use tempfile::TempDir;

use crate::support::*;

/// The server, and every command that uses the database.
const COMMANDS: [&[&str]; 8] = [
    &["serve"],
    &["serve", "--no-migrate"],
    &["migrate"],
    &["user", "list"],
    &["session", "list", "--email", "ada@example.com"],
    &["token", "list"],
    &["cache", "status"],
    &["retention", "status"],
];

fn settings<'a>(url: &'a str, secret: &'a str) -> [(&'a str, &'a str); 2] {
    [("DATABASE_URL", url), ("PORTCULLIS_SECRET", secret)]
}

fn secret() -> String {
    portcullis::secrets::SigningKey::generate().reveal()
}

#[rstest]
#[case::last_used_first(&["pool_mode = transaction"])]
#[case::in_turn(&["pool_mode = transaction", "server_round_robin = 1", "min_pool_size = 3"])]
#[case::one_session(&["pool_mode = transaction", "default_pool_size = 1"])]
#[case::always_reset(&["pool_mode = transaction", "server_reset_query_always = 1"])]
#[case::a_statement_each(&["pool_mode = statement"])]
#[tokio::test]
async fn pgbouncer_without_session_mode_is_rejected_by_every_command(#[case] mode: &[&str]) {
    let home = TempDir::new().unwrap();
    let direct = Backend::Postgres.database(home.path()).await;
    let (_pool, url) = PgBouncer::before(&direct, mode).await;
    for command in COMMANDS {
        let refusal = fails(run(home.path(), &settings(&url, &secret()), command, ""));
        assert!(refusal.contains("PgBouncer"), "{command:?}: {refusal}");
        assert!(refusal.contains("transaction or statement mode"), "{command:?}: {refusal}");
        assert_eq!(refusal.lines().count(), 1, "{command:?}: {refusal}");
    }
}

#[tokio::test]
async fn pgbouncer_in_transaction_mode_is_detected_under_load_of_others() {
    let home = TempDir::new().unwrap();
    let direct = Backend::Postgres.database(home.path()).await;
    let (_pool, url) = PgBouncer::before(&direct, &["pool_mode = transaction"]).await;
    let mut traffic = Vec::new();
    for _ in 0..4 {
        let other = connect(&url).await;
        traffic.push(tokio::spawn(
            async move { while other.simple_query("SELECT 1").await.is_ok() {} },
        ));
    }
    let location = portcullis::store::Location::parse(&url, None).unwrap();
    for _ in 0..20 {
        let migrated = portcullis::store::Store::migrate(&location, &product().tables()).await;
        assert!(migrated.unwrap_err().to_string().contains("transaction or statement mode"));
    }
    traffic.iter().for_each(tokio::task::JoinHandle::abort);
}

#[rstest]
#[case::that_resets_its_sessions(&["pool_mode = session"])]
#[case::that_hands_on_what_was_left(&["pool_mode = session", "server_reset_query ="])]
#[tokio::test]
async fn pgbouncer_in_session_mode_works_for_servers_and_commands(#[case] mode: &[&str]) {
    let home = TempDir::new().unwrap();
    let direct = Backend::Postgres.database(home.path()).await;
    // The connections that an instance needs by docs/how-to/run-several-instances.md: its pool, its workers,
    // and one; and three for a command.
    let pool = [mode, &["default_pool_size = 10"]].concat();
    let (_pool, url) = PgBouncer::before(&direct, &pool).await;
    leave_statements(&url).await;
    let secret = secret();
    let size = [("PORTCULLIS_DATABASE_POOL_SIZE", "4"), ("PORTCULLIS_WORKERS", "2")];
    let settings = [&settings(&url, &secret)[..], &size].concat();
    for round in 0..3 {
        let server = ServerProcess::start(home.path(), &settings);
        let email = format!("{round}@example.com");
        let probe = OutageProbe::sign_up_as(&server.anonymous, &email).await;
        let requests = (0..60).map(|_| {
            let script = probe.script.clone();
            tokio::spawn(async move { script.get(TOKENS).await.status })
        });
        for status in requests.collect::<Vec<_>>() {
            assert_eq!(status.await.unwrap(), 200);
        }
        for command in &COMMANDS[2..] {
            if !command.contains(&"session") {
                succeeds(run(home.path(), &settings, command, ""));
            }
        }
        server.signal("TERM");
        assert!(server.wait().success(), "{round}");
    }
}

/// Leaves prepared statements in every session of the pool, with the names that a new process chooses.
async fn leave_statements(url: &str) {
    let all: Vec<String> =
        (0..300).map(|number| format!("PREPARE s{number} AS SELECT 1;")).collect();
    let all = all.concat();
    let mut others = Vec::new();
    for _ in 0..10 {
        let (other, driver) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        let driver = tokio::spawn(driver);
        other.batch_execute(&all).await.unwrap();
        others.push((other, driver));
    }
    for (other, driver) in others {
        drop(other);
        driver.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn database_url_options_dropped_by_pgbouncer_fail_and_are_named() {
    let home = TempDir::new().unwrap();
    let direct = Backend::Postgres.database(home.path()).await;
    let mode = ["pool_mode = session", "ignore_startup_parameters = options"];
    let (_pool, url) = PgBouncer::before(&direct, &mode).await;
    let options = "?options=-c%20statement_timeout%3D3s%20-c%20search_path%3Dpublic";
    let refusal =
        fails(run(home.path(), &settings(&format!("{url}{options}"), &secret()), &["migrate"], ""));
    assert!(refusal.contains("options of DATABASE_URL have no effect"), "{refusal}");
    assert!(refusal.contains("search_path") && refusal.contains("statement_timeout"), "{refusal}");
    succeeds(run(
        home.path(),
        &settings(&format!("{direct}{options}"), &secret()),
        &["migrate"],
        "",
    ));
}
