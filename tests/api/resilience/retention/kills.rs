use portcullis::time::{Clock, Timestamp, days};
use tempfile::TempDir;

use super::wait_until;
use crate::{resilience::crash_recovery::database::Database, support::*};

const ROWS: usize = 30_000;
const KILLS: usize = 3;

/// The remaining rows are the only state: whatever a kill leaves, the next start continues with.
#[apply(on_both_databases)]
async fn killed_retention_loses_nothing_and_completes_after_restart(backend: Backend) {
    let killed = kill_while_rows_are_removed(backend, Clock::System.now() - days(1), &[]).await;
    killed.browser.get("/api/me").await.expect(200);
}

/// The rows of a revocation are valid but for their generation, and noted in `revocation_cleanup`.
#[apply(on_both_databases)]
async fn killed_cleanup_of_revoked_sessions_revives_none(backend: Backend) {
    let end_all = ["session", "revoke", "--all"];
    let killed =
        kill_while_rows_are_removed(backend, Clock::System.now() + days(1), &end_all).await;
    killed.browser.get("/api/me").await.expect(401);
    wait_until("the cleanup is done", async || {
        let noted = "SELECT kind, id FROM revocation_cleanup";
        killed.database.rows(noted).await.is_empty()
    })
    .await;
}

/// A server that has removed all rows after it was killed during the removal.
struct Killed {
    browser: Caller,
    database: Database,
    _server: ServerProcess,
    _home: TempDir,
}

/// Adds sessions that end at this moment, runs a command, and kills the server several times while it removes
/// them.
async fn kill_while_rows_are_removed(backend: Backend, end: Timestamp, command: &[&str]) -> Killed {
    let home = TempDir::new().unwrap();
    let url = backend.empty_database(home.path()).await;
    let secret = portcullis::secrets::SigningKey::generate().reveal();
    let settings = [("DATABASE_URL", url.as_str()), ("PORTCULLIS_SECRET", secret.as_str())];
    let server = ServerProcess::start(home.path(), &settings);
    let body = json!({ "name": "Ada", "email": "ada@example.com", "password": PASSWORD });
    let reply = server.anonymous.post("/api/auth/sign-up/email", body).await;
    let cookie = reply.cookie().unwrap();
    let id = reply.expect(200)["user"]["id"].as_str().unwrap().to_owned();
    drop(server);
    let database = Database::at(&url).await;
    database.execute(&add_sessions(backend, &id, ROWS, end)).await;
    if !command.is_empty() {
        succeeds(run(home.path(), &settings, command, ""));
    }
    let left = async || -> usize {
        let sql = "SELECT 'left' AS kind, CAST(count(*) AS TEXT) AS id FROM sessions \
                   WHERE id LIKE 'old-%'";
        database.rows(sql).await[0].1.parse().unwrap()
    };

    let (mut before, mut halfway) = (ROWS, 0);
    for _ in 0..KILLS {
        let mut server = ServerProcess::start(home.path(), &settings);
        wait_until("a batch is committed", async || left().await < before || before == 0).await;
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        before = left().await;
        halfway += usize::from(before > 0);
        assert_eq!(database.faults().await, Vec::<String>::new());
    }
    assert!(halfway > 0, "no kill fell between two batches");
    let server = ServerProcess::start(home.path(), &settings);
    wait_until("all rows are deleted", async || left().await == 0).await;
    let browser = server.anonymous.with_cookie(&cookie);
    Killed { browser, database, _server: server, _home: home }
}
