//! What it costs to record when a credential was last used.

use futures_util::future::{join, join_all};
use portcullis::{
    store::last_used::{CredentialId, LastUsed},
    time::seconds,
};
use tempfile::TempDir;

use super::execute;
use crate::support::*;

/// Returns SQL for a trigger that counts each write of a last use.
fn counting(backend: Backend) -> String {
    const TIMES: [(&str, &str); 2] = [("sessions", "last_seen_at"), ("api_tokens", "last_used_at")];
    let (function, call) = match backend {
        Backend::Sqlite => ("", "BEGIN INSERT INTO writes VALUES (NEW.id); END"),
        Backend::Postgres => (
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN INSERT INTO writes VALUES (NEW.id); RETURN NULL; END $$;",
            "FOR EACH ROW EXECUTE FUNCTION note()",
        ),
    };
    let triggers = TIMES.map(|(table, column)| {
        format!("CREATE TRIGGER noted_{table} AFTER UPDATE OF {column} ON {table} {call};")
    });
    format!("CREATE TABLE writes (id TEXT NOT NULL); {function} {}", triggers.concat())
}

/// Under load, and on PostgreSQL at two instances that both see the token.
#[apply(on_both_databases)]
async fn last_use_is_written_once_a_minute_under_load(backend: Backend) {
    let folder = TempDir::new().unwrap();
    let url = backend.database(folder.path()).await;
    let mut instances = vec![Server::on(&url, folder, &[]).await];
    if backend == Backend::Postgres {
        instances.push(Server::on(&url, TempDir::new().unwrap(), &[]).await);
    }
    let ada = instances[0].sign_up("ada").await;
    let script = ada.token(&["read"]).await;
    let token = script.token.as_deref().unwrap();
    let mut callers = vec![ada.browser.clone()];
    callers.extend(instances.iter().map(|instance| instance.anonymous.with_token(token)));
    execute(&instances[0], &counting(backend)).await;

    let mut now = instances[0].now() + seconds(60);
    for minute in 1..=3 {
        for later in [0, 30, 29] {
            now = now + seconds(later);
            for instance in &instances {
                instance.clock.set(now);
            }
            let uses = (0..40).flat_map(|_| callers.iter().map(|caller| caller.get("/api/me")));
            let writing = (0..10).flat_map(|_| instances.iter().map(Server::write_last_uses));
            let (replies, _) = join(join_all(uses), join_all(writing)).await;
            for reply in replies {
                reply.expect(200);
            }
            join_all(instances.iter().map(Server::write_last_uses)).await;
        }
        now = now + seconds(1);
        let writes = select(&instances[0], "SELECT id AS value FROM writes ORDER BY id").await;
        let mut keys = writes.clone();
        keys.dedup();
        assert_eq!((keys.len(), writes.len()), (2, 2 * minute), "{writes:?}");
    }
}

/// A user who revokes many credentials at once locks their rows: the uses of other credentials are written, and
/// no request waits.
#[tokio::test]
async fn last_use_of_a_locked_row_is_written_next_time() {
    let folder = TempDir::new().unwrap();
    let url = Backend::Postgres.database(folder.path()).await;
    let server = Server::on(&url, folder, &[]).await;
    let (ada, bob) = (server.sign_up("ada").await, server.sign_up("bob").await);
    for person in [&ada, &bob] {
        person.token(&["read"]).await.get("/api/me").await.expect(200);
    }
    let lock_holder = connect(&url).await;
    let lock = format!("BEGIN; SELECT FROM api_tokens WHERE user_id = '{}' FOR UPDATE", ada.id);
    lock_holder.batch_execute(&lock).await.unwrap();

    let used = "SELECT user_id AS value FROM api_tokens WHERE last_used_at IS NOT NULL";
    server.write_last_uses().await;
    assert_eq!(select(&server, used).await, std::slice::from_ref(&bob.id));
    lock_holder.batch_execute("ROLLBACK").await.unwrap();
    server.write_last_uses().await;
    let mut all = select(&server, used).await;
    all.sort();
    let mut both = [ada.id, bob.id];
    both.sort();
    assert_eq!(all, both);
}

#[apply(on_both_databases)]
async fn last_uses_beyond_one_statement_are_all_written(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let (numbers, hash, now) = match backend {
        Backend::Sqlite => (
            "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 2500)",
            "randomblob(32)",
            "0",
        ),
        Backend::Postgres => (
            "WITH s AS (SELECT n FROM generate_series(1, 2500) AS n)",
            "sha256(n::text::bytea)",
            "now()",
        ),
    };
    let tokens = format!(
        "INSERT INTO api_tokens (id, user_id, token_hash, display_prefix, name, scopes, created_at)
         {numbers} SELECT 'token-' || n, '{}', {hash}, 'x', 'x', 'read', {now} FROM s",
        ada.id
    );
    execute(&server, &tokens).await;
    let now = server.now();
    for id in select(&server, "SELECT id AS value FROM api_tokens").await {
        let uses = &server.state.last_used;
        uses.note(&LastUsed::at(None), now, || CredentialId::Token(id));
    }
    server.write_last_uses().await;
    let unused = "SELECT id AS value FROM api_tokens WHERE last_used_at IS NULL";
    assert_eq!(select(&server, unused).await.len(), 0);
    let used = "SELECT id AS value FROM api_tokens WHERE last_used_at IS NOT NULL";
    assert_eq!(select(&server, used).await.len(), 2500);
}
