use std::{thread, time::Duration};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use portcullis::store::{Location, Store};
use tempfile::TempDir;

use crate::support::*;

/// Longer than the store's timeout, with the settings below.
const HELD: Duration = Duration::from_millis(2500);

/// Locks the row that a command needs, for this long.
async fn hold(url: &str) -> thread::JoinHandle<()> {
    let hold = "UPDATE locks SET name = name";
    let runtime = tokio::runtime::Handle::current();
    let url = url.to_owned();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let holding = thread::spawn(move || {
        if let Some(file) = url.strip_prefix("sqlite:") {
            let mut connection = SqliteConnection::establish(file).unwrap();
            connection.batch_execute(&format!("BEGIN IMMEDIATE; {hold}")).unwrap();
            sender.send(()).unwrap();
            thread::sleep(HELD);
            connection.batch_execute("COMMIT").unwrap();
        } else {
            runtime.block_on(async {
                let client = connect(&url).await;
                client.batch_execute(&format!("BEGIN; {hold}")).await.unwrap();
                sender.send(()).unwrap();
                tokio::time::sleep(HELD).await;
                client.batch_execute("COMMIT").await.unwrap();
            });
        }
    });
    receiver.await.unwrap();
    holding
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn command_waits_for_the_database_beyond_the_request_timeout(#[case] backend: Backend) {
    let home = TempDir::new().unwrap();
    let url = backend.database(home.path()).await;
    let settings = [("DATABASE_URL", url.as_str()), ("PORTCULLIS_DATABASE_TIMEOUT", "1")];
    let command = |arguments: &[&str]| run(home.path(), &settings, arguments, PASSWORD);
    succeeds(command(&["user", "create", "--name", "Ada", "--email", "ada@example.com"]));
    let holding = hold(&url).await;
    succeeds(command(&["user", "deactivate", "ada@example.com"]));
    holding.join().unwrap();
}

/// The timeouts of a database, in milliseconds.
const LIMIT: u64 = 500;

#[tokio::test]
async fn migration_is_not_limited_by_database_timeouts() {
    let home = TempDir::new().unwrap();
    let url = Backend::Postgres.empty_database(home.path()).await;
    let client = connect(&url).await;
    let name: String =
        client.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
    for limit in ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"] {
        let set = format!("ALTER DATABASE {name} SET {limit} = {LIMIT}");
        client.batch_execute(&set).await.unwrap();
    }
    // The lock that another migrating instance holds, for longer than the timeouts.
    let lock = "SELECT pg_advisory_lock(x'706f727463756c6c'::bigint)";
    client.batch_execute(lock).await.unwrap();
    let location = Location::parse(&url, None).unwrap();
    let tables = product().tables();
    let migration = Store::migrate(&location, &tables);
    let release = async {
        tokio::time::sleep(Duration::from_millis(3 * LIMIT)).await;
        let waiting = "SELECT count(*) FROM pg_locks JOIN pg_database ON database = pg_database.oid
             WHERE NOT granted AND locktype = 'advisory' AND datname = current_database()";
        let waiting: i64 = client.query_one(waiting, &[]).await.unwrap().get(0);
        assert_eq!(waiting, 1);
        drop(client);
    };
    let (migrated, ()) = tokio::join!(migration, release);
    migrated.unwrap();
}
