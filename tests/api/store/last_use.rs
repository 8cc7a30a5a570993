//! What it costs to know when a key was last used.

use futures_util::future::{join, join_all};
use portcullis::time::seconds;
use tempfile::TempDir;

use super::execute;
use crate::{support::*, tokens::select};

/// Notes each time that somebody's last use is written.
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
#[apply(both)]
async fn a_key_that_is_used_all_the_time_costs_one_write_a_minute(backend: Backend) {
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
    callers.extend(instances.iter().map(|instance| instance.nobody.with_token(token)));
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
