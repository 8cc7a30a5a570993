//! Statements that fail although the database is available: those that break a constraint, and those that only
//! a bug can cause.

use std::{fs, path::Path, time::Duration};

use tempfile::TempDir;

use super::rows::{alter, logging};
use crate::support::*;

const BUG: &str = "a statement failed because of a bug";

/// Returns SQL for a trigger that runs this statement when a token is inserted.
fn on_insert(backend: Backend, when: &str, statement: &str) -> String {
    match backend {
        Backend::Sqlite => format!(
            "DROP TRIGGER IF EXISTS fails;
             CREATE TRIGGER fails {when} INSERT ON api_tokens BEGIN {statement}; END"
        ),
        Backend::Postgres => format!(
            "DROP TRIGGER IF EXISTS fails ON api_tokens;
             CREATE OR REPLACE FUNCTION fails() RETURNS TRIGGER LANGUAGE plpgsql AS
                 $$ BEGIN {statement}; RETURN NEW; END $$;
             CREATE TRIGGER fails {when} INSERT ON api_tokens FOR EACH ROW EXECUTE FUNCTION fails()"
        ),
    }
}

/// Returns the bugs in the log, which are written a little after the response: waits for this many, or ten
/// seconds.
async fn bugs(home: &Path, number: usize) -> Vec<String> {
    let read = || {
        let log = fs::read_to_string(home.join("log")).unwrap();
        log.lines().filter(|line| line.contains(BUG)).map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    for _ in 0..500 {
        if read().len() >= number {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    read()
}

#[apply(on_both_databases)]
async fn unexpected_statement_error_is_500_and_logged_once_with_its_operation(backend: Backend) {
    let home = TempDir::new().unwrap();
    let (server, url) = logging(backend, home.path()).await;
    let ada = OutageProbe::sign_up(&server.anonymous).await.browser;
    let strict = if backend == Backend::Sqlite { "STRICT" } else { "" };
    let tables = format!(
        "CREATE TABLE teams (id TEXT PRIMARY KEY);
         CREATE TABLE members (team_id TEXT REFERENCES teams (id), hours INTEGER CHECK (hours >= 0),
             name TEXT NOT NULL, size INTEGER UNIQUE) {strict};
         INSERT INTO members VALUES (NULL, 0, '', 7)"
    );
    alter(backend, &url, &tables).await;
    let type_error = match backend {
        Backend::Sqlite => "INSERT INTO members VALUES (NULL, 'x', '', 1)",
        Backend::Postgres => "INSERT INTO members VALUES (NULL, NEW.name::integer, '', 1)",
    };
    for (number, statement) in [
        "INSERT INTO members VALUES ('no such team', 0, '', 1)",
        "INSERT INTO members VALUES (NULL, -1, '', 1)",
        "INSERT INTO members VALUES (NULL, 0, NULL, 1)",
        "INSERT INTO members VALUES (NULL, 0, '', 7)",
        "UPDATE members SET nickname = ''",
        type_error,
    ]
    .into_iter()
    .enumerate()
    {
        alter(backend, &url, &on_insert(backend, "AFTER", statement)).await;
        let reply = ada.post(TOKENS, json!({ "name": "a value" })).await;
        assert_eq!(reply.header("retry-after"), None, "{statement}");
        assert_eq!(reply.status, 500, "{statement}: {}", reply.text);
        reply.assert_problem(500, "internal_error");
        let logged = bugs(home.path(), number + 1).await;
        assert_eq!(logged.len(), number + 1, "{statement}: {logged:?}");
        assert!(logged[number].contains("api_tokens::create"), "{logged:?}");
        assert!(!logged[number].contains("a value"), "{logged:?}");
    }
    ada.get(TOKENS).await.expect(200);
    alter(backend, &url, "ALTER TABLE api_tokens RENAME COLUMN name TO label").await;
    ada.get(TOKENS).await.assert_problem(500, "internal_error");
    assert!(bugs(home.path(), 7).await.last().unwrap().contains("api_tokens::list"));
    // A missing table is treated as a missing column: the schema does not fit.
    alter(backend, &url, "ALTER TABLE api_tokens RENAME TO keys").await;
    let reply = ada.get(TOKENS).await;
    assert_eq!(reply.header("retry-after"), None);
    reply.assert_problem(500, "internal_error");
    assert!(bugs(home.path(), 8).await.last().unwrap().contains("api_tokens::list"));
}

#[tokio::test]
async fn transient_postgresql_error_is_unavailable_with_retry_after() {
    let server = Backend::Postgres.start().await;
    let ada = server.sign_up("ada").await;
    for (code, message) in [
        ("53100", "could not extend file \"base/1/2\": No space left on device"),
        ("25006", "cannot execute INSERT in a read-only transaction"),
        ("40P01", "deadlock detected"),
        ("40001", "could not serialize access due to concurrent update"),
        ("57014", "canceling statement due to statement timeout"),
        ("57P01", "terminating connection due to administrator command"),
        ("53300", "sorry, too many clients already"),
    ] {
        let raise = format!("RAISE EXCEPTION USING ERRCODE = '{code}', MESSAGE = '{message}'");
        execute(&server, &on_insert(Backend::Postgres, "BEFORE", &raise)).await;
        let reply = ada.browser.post(TOKENS, json!({ "name": "x" })).await;
        assert!(reply.header("retry-after").is_some(), "{message}");
        reply.assert_problem(503, "store_unavailable");
    }
}

#[apply(on_both_databases)]
async fn create_user_or_sign_up_with_a_taken_email_names_the_field(backend: Backend) {
    let server = backend.start().await;
    let admin = server.sign_up_admin("admin").await;
    let ada = server.sign_up("ada").await;
    let body = json!({ "name": "x", "email": ada.email });
    let problem =
        admin.browser.post("/api/admin/users", body).await.assert_problem(409, "email_taken");
    assert_eq!(problem["errors"][0]["field"], "email", "{problem}");
    assert_eq!(problem["errors"][0]["code"], "taken", "{problem}");
    let body = json!({ "name": "x", "email": ada.email, "password": PASSWORD });
    let reply = server.anonymous.post("/api/auth/sign-up/email", body).await;
    let problem = reply.assert_problem(422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
    assert_eq!(problem["errors"][0]["field"], "email", "{problem}");
}
