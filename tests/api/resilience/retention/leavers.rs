use portcullis::{
    secrets::SigningKey,
    store::{
        account_deletion::{self, Deleted},
        activity::{Action, Event},
        retention::Due,
    },
    time::days,
};
use tempfile::TempDir;

use super::{step, wait_until};
use crate::{resilience::crash_recovery::database::Database, support::*};

/// A product's own tables: one that belongs to users, and one that belongs to the first.
const PRODUCT: &str = "
    CREATE TABLE notes (id INTEGER NOT NULL PRIMARY KEY,
        owner TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE);
    CREATE INDEX notes_by_owner ON notes (owner);
    CREATE TABLE \"order\" (note_id INTEGER NOT NULL REFERENCES notes (id) ON DELETE CASCADE,
        line INTEGER NOT NULL, PRIMARY KEY (note_id, line))";

/// Returns SQL that adds this many rows of a product to a user, beginning with this id.
fn add_notes(user_id: &str, from: usize, count: usize) -> String {
    let last = from + count;
    format!(
        "WITH RECURSIVE n (i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {last})
         INSERT INTO notes (id, owner) SELECT i, '{user_id}' FROM n;
         INSERT INTO \"order\" (note_id, line) SELECT id, 1 FROM notes WHERE owner = '{user_id}';
         INSERT INTO \"order\" (note_id, line) SELECT id, 2 FROM notes WHERE owner = '{user_id}'"
    )
}

async fn count(server: &Server, table: &str) -> usize {
    select(server, &format!("SELECT 'x' AS value FROM {table}")).await.len()
}

/// Deletes an account, and leaves its rows to the background cleanup.
async fn leave(server: &Server, person: &TestUser) {
    let (id, now) = (person.id.clone(), server.now());
    let event = Event::new(Some(&id), Action::UserDeleted, &id, &json!({}), now);
    let left = account_deletion::delete(&server.state.store, id, None, event, now).await.unwrap();
    assert_eq!(left, Deleted::Done);
}

#[apply(on_both_databases)]
async fn deleted_account_is_gone_at_once_and_its_rows_in_batches(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let (ada, grace) = (server.sign_up("ada").await, server.sign_up("grace").await);
    let script = ada.token(&["read", "write"]).await;
    execute(&server, PRODUCT).await;
    execute(&server, &add_notes(&ada.id, 0, 25)).await;
    execute(&server, &add_notes(&grace.id, 100, 3)).await;
    leave(&server, &ada).await;

    assert_eq!((count(&server, "notes").await, count(&server, "\"order\"").await), (28, 56));
    ada.browser.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
    script.get("/api/me").await.assert_problem(401, "token_invalid");
    let user_path = format!("/api/admin/users/{}", ada.id);
    let browser = &admin.browser;
    browser.get(&user_path).await.assert_problem(404, "not_found");
    browser.patch(&user_path, json!({ "name": "Ada" })).await.assert_problem(404, "not_found");
    for action in ["deactivate", "reactivate"] {
        let path = format!("{user_path}/{action}");
        browser.post(&path, json!({})).await.assert_problem(404, "not_found");
    }
    for query in ["", "?search=ada", "?search=deleted", "?state=deactivated"] {
        let list = browser.get(&format!("/api/admin/users{query}")).await.expect(200);
        assert!(!list.to_string().contains(&ada.id), "{query}: {list}");
    }
    assert_ne!(server.sign_up("ada").await.id, ada.id, "the email is available again");
    let personal = "SELECT name || email || coalesce(image, '') AS value FROM users \
                    WHERE deleted_at IS NOT NULL";
    assert_eq!(select(&server, personal).await, [format!("deleted {}", ada.id)]);

    let due = Due { now: server.now(), keep_activity: days(365) };
    let mut batches = Vec::new();
    loop {
        match (step("deleted accounts").batch)(&server.state.store, due, 10).await.unwrap() {
            0 => break,
            rows => batches.push(rows),
        }
    }
    assert!(batches.iter().all(|rows| *rows <= 10) && batches.len() > 8, "{batches:?}");
    assert_eq!((count(&server, "notes").await, count(&server, "\"order\"").await), (3, 6));
    let left = format!("SELECT id AS value FROM users WHERE id = '{}'", ada.id);
    assert_eq!(select(&server, &left).await, [""; 0]);
    grace.browser.get("/api/me").await.expect(200);
}

/// Transactions that lock in one order do not deadlock: the user first, then the rows that belong to it.
#[tokio::test]
async fn delete_user_locks_the_user_row_before_dependent_rows() {
    let folder = TempDir::new().unwrap();
    let url = Backend::Postgres.database(folder.path()).await;
    let server = Server::on(&url, TempDir::new().unwrap(), &[]).await;
    let ada = server.sign_up("ada").await;
    server.wait_for_jobs().await;
    let mut client = connect(&url).await;
    let other = client.transaction().await.unwrap();
    let user = "SELECT 1 FROM users WHERE id = $1 FOR UPDATE";
    other.execute(user, &[&ada.id]).await.unwrap();
    let meanwhile = async {
        wait_until("the deletion waits for the user", async || {
            let waiting = "SELECT 'x' AS value FROM pg_stat_activity \
                           WHERE datname = current_database() AND wait_event_type = 'Lock'";
            !select(&server, waiting).await.is_empty()
        })
        .await;
        let account = "SELECT 1 FROM accounts WHERE user_id = $1 FOR UPDATE NOWAIT";
        other.execute(account, &[&ada.id]).await.expect("no row of theirs is locked yet");
        other.commit().await.unwrap();
    };
    tokio::join!(leave(&server, &ada), meanwhile);
}

/// Work that depends on no clock goes on while the clock is not trusted.
#[apply(on_both_databases)]
async fn deleted_accounts_are_cleaned_up_while_the_clock_is_not_trusted(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    server.clock.step(server.now() + days(400));
    server.state.retention_due.notify_one();
    wait_until("the jump is detected", async || {
        let sql = "SELECT 'x' AS value FROM retention_clock WHERE jump IS NOT NULL";
        !select(&server, sql).await.is_empty()
    })
    .await;
    leave(&server, &ada).await;
    server.state.retention_due.notify_one();
    server.wait_for_deletions().await;
}

#[apply(on_both_databases)]
async fn killed_account_cleanup_completes_after_restart(backend: Backend) {
    let home = TempDir::new().unwrap();
    let url = backend.empty_database(home.path()).await;
    let secret = SigningKey::generate().reveal();
    let settings = [("DATABASE_URL", url.as_str()), ("PORTCULLIS_SECRET", secret.as_str())];
    let mut server = ServerProcess::start(home.path(), &settings);
    let body = json!({ "name": "Ada", "email": "ada@example.com", "password": PASSWORD });
    let reply = server.anonymous.post("/api/auth/sign-up/email", body).await;
    let browser = server.anonymous.with_cookie(&reply.cookie().unwrap());
    let id = reply.expect(200)["user"]["id"].as_str().unwrap().to_owned();
    let database = Database::at(&url).await;
    database.execute(PRODUCT).await;
    database.execute(&add_notes(&id, 0, 3_000)).await;
    // Without a cascade, this row keeps the last note until it is deleted: however fast the server is,
    // something is left.
    database
        .execute(
            "CREATE TABLE pins (note_id INTEGER NOT NULL REFERENCES notes (id));
             INSERT INTO pins VALUES (2999)",
        )
        .await;
    let leave = json!({ "password": PASSWORD });
    browser.post("/api/auth/delete-user", leave).await.expect(200);
    let left = async |sql: &str| -> usize {
        let sql = format!("SELECT 'left' AS kind, CAST(count(*) AS TEXT) AS id FROM {sql}");
        database.rows(&sql).await[0].1.parse().unwrap()
    };
    wait_until("a batch is committed", async || left("\"order\"").await < 6_000).await;
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    assert!(left("notes").await > 0);
    assert_eq!(left("users WHERE deleted_at IS NOT NULL").await, 1);
    database.execute("DROP TABLE pins").await;
    let _server = ServerProcess::start(home.path(), &settings);
    wait_until("the user's row is deleted", async || left("users").await == 0).await;
    assert_eq!((left("notes").await, left("\"order\"").await), (0, 0));
}

/// Without an index, each batch would read the whole table.
#[apply(on_both_databases)]
async fn every_foreign_key_to_users_has_an_index(backend: Backend) {
    let server = backend.start().await;
    let (keys, indexes) = match backend {
        Backend::Sqlite => (
            "SELECT m.name || '.' || f.\"from\" AS value FROM sqlite_master m
             JOIN pragma_foreign_key_list(m.name) f WHERE f.\"table\" = 'users'",
            "SELECT m.name || '.' || c.name AS value FROM sqlite_master m
             JOIN pragma_index_list(m.name) i JOIN pragma_index_info(i.name) c
             WHERE m.type = 'table' AND c.seqno = 0 AND c.name IS NOT NULL AND NOT i.partial",
        ),
        Backend::Postgres => (
            "SELECT c.conrelid::regclass || '.' || a.attname AS value FROM pg_constraint c
             JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
             WHERE c.contype = 'f' AND c.confrelid = 'users'::regclass",
            "SELECT i.indrelid::regclass || '.' || a.attname AS value FROM pg_index i
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
             WHERE i.indpred IS NULL",
        ),
    };
    let (keys, indexes) = (select(&server, keys).await, select(&server, indexes).await);
    assert!(keys.len() >= 6, "{keys:?}");
    for key in keys {
        assert!(indexes.contains(&key), "no index on {key}");
    }
}
