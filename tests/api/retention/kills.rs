use portcullis::time::{Clock, days};
use tempfile::TempDir;

use super::until;
use crate::{kill::database::Database, support::*};

const ROWS: usize = 30_000;
const KILLS: usize = 3;

/// The batches are the state: whatever a kill leaves, the next start goes on with.
#[apply(both)]
async fn a_kill_during_batches_loses_nothing_and_the_work_is_completed_after_restarts(
    backend: Backend,
) {
    let home = TempDir::new().unwrap();
    let url = backend.empty_database(home.path()).await;
    let secret = portcullis::secrets::SigningKey::generate().reveal();
    let settings = [("DATABASE_URL", url.as_str()), ("PORTCULLIS_SECRET", secret.as_str())];
    let server = Running::start(home.path(), &settings);
    let body = json!({ "name": "Ada", "email": "ada@example.com", "password": PASSWORD });
    let reply = server.nobody.post("/api/auth/sign-up/email", body).await;
    let cookie = reply.cookie().unwrap();
    let id = reply.expect(200)["user"]["id"].as_str().unwrap().to_owned();
    drop(server);
    let database = Database::at(&url).await;
    let end = Clock::System.now() - days(1);
    database.execute(&add_sessions(backend, &id, ROWS, end)).await;
    let left = async || -> usize {
        let sql = "SELECT 'left' AS kind, CAST(count(*) AS TEXT) AS id FROM sessions \
                   WHERE id LIKE 'old-%'";
        database.rows(sql).await[0].1.parse().unwrap()
    };

    let (mut before, mut halfway) = (ROWS, 0);
    for _ in 0..KILLS {
        let mut server = Running::start(home.path(), &settings);
        until("a batch is committed", async || left().await < before || before == 0).await;
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        before = left().await;
        halfway += usize::from(before > 0);
        assert_eq!(database.faults().await, Vec::<String>::new());
    }
    assert!(halfway > 0, "no kill was between two batches");
    let server = Running::start(home.path(), &settings);
    until("all are deleted", async || left().await == 0).await;
    server.nobody.with_cookie(&cookie).get("/api/me").await.expect(200);
}
