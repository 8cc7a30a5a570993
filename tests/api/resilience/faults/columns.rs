//! Corrupt rows: each column of each table that is listed holds an invalid value: NULL, an empty or unknown
//! one, or the last moment. Each list shows the row, pages past it, and grants nothing because of it.

use std::{collections::BTreeSet, fs, path::Path};

use diesel::{Connection, RunQueryDsl, SqliteConnection, connection::SimpleConnection, sql_query};
use tempfile::TempDir;

use super::rows::{admin_of, alter, logging, moments};
use crate::{contract::schema::declared, support::*};

/// A table whose rows are listed, and what differs between a row and its copies.
pub type Table = (&'static str, &'static [(&'static str, &'static str)]);

const TABLES: [Table; 6] = [
    ("users", &[("email", "TEXT")]),
    ("accounts", &[("account_id", "TEXT")]),
    ("sessions", &[("secret_hash", "BYTES")]),
    ("api_tokens", &[("token_hash", "BYTES")]),
    ("activity", &[]),
    ("jobs", &[]),
];

/// Without one of these columns a row is in no list.
const KEYS: [&str; 4] = ["id", "user_id", "secret_hash", "token_hash"];

/// Rows that are left out of a list because of their values: a session that has ended or was revoked, and a
/// deleted user.
const LEFT_OUT: [&str; 6] = [
    "sessions.expires_at.null",
    "sessions.expires_at.first",
    "sessions.generation.null",
    "sessions.generation.odd",
    "users.deleted_at.last",
    "users.deleted_at.first",
];

/// Returns SQL that copies each table's newest row, once for each column and value, and the names of the
/// copies.
pub fn copies(backend: Backend, tables: &[Table]) -> (String, BTreeSet<String>) {
    let [last, first, _] = moments(backend);
    let bytes = |text: &str| match backend {
        Backend::Sqlite => format!("CAST({text} AS BLOB)"),
        Backend::Postgres => format!("CAST({text} AS BYTEA)"),
    };
    let (mut statements, mut names) = (Vec::new(), BTreeSet::new());
    for (table, own) in tables {
        let columns: Vec<_> = declared().into_iter().filter(|column| column.0 == *table).collect();
        assert!(columns.len() > 5, "{table}");
        for (_, column, kind, _) in &columns {
            if KEYS.contains(&&**column) {
                continue;
            }
            let odd: Vec<(&str, &str)> = match kind.as_str() {
                "Text" => vec![("empty", "''"), ("odd", "'<i> \u{202e}é\" unknown'")],
                "Moment" => vec![("last", &last), ("first", &first)],
                "Integer" => vec![("odd", "2147483647")],
                "BigInt" => vec![("odd", "9223372036854775807")],
                _ => Vec::new(),
            };
            for (value, literal) in [("null", "NULL")].into_iter().chain(odd) {
                let id = format!("{table}.{column}.{value}");
                let own = |name: &str| own.iter().find(|(own, _)| *own == name).map(|own| own.1);
                let cell = |name: &str| match own(name) {
                    _ if name == column => literal.to_owned(),
                    _ if name == "id" => format!("'{id}'"),
                    Some("TEXT") => format!("'{id}@example.com'"),
                    Some(_) => bytes(&format!("'{id}'")),
                    None => name.to_owned(),
                };
                let cells: Vec<_> = columns.iter().map(|(_, name, ..)| cell(name)).collect();
                let columns: Vec<_> = columns.iter().map(|(_, name, ..)| name.as_str()).collect();
                statements.push(format!(
                    "INSERT INTO {table} ({}) SELECT {} FROM {table} WHERE id < 'a' ORDER BY id DESC LIMIT 1",
                    columns.join(", "),
                    cells.join(", ")
                ));
                names.insert(id);
            }
        }
    }
    (statements.join(";\n"), names)
}

/// Drops the constraints on rows, except for the keys.
pub async fn drop_constraints(backend: Backend, url: &str, tables: &[Table]) {
    let tables: Vec<_> = tables.iter().map(|(table, _)| format!("'{table}'")).collect();
    let tables = tables.join(", ");
    match backend {
        Backend::Sqlite => {
            let file = url.strip_prefix("sqlite:").unwrap();
            let mut beside = SqliteConnection::establish(file).unwrap();
            sql_query("PRAGMA busy_timeout = 5000").execute(&mut beside).unwrap();
            beside
                .batch_execute(&format!(
                    "PRAGMA writable_schema = ON;
                     UPDATE sqlite_schema SET sql = replace(replace(sql, ' NOT NULL PRIMARY KEY', ' PRIMARY KEY'), ' NOT NULL', '')
                         WHERE type = 'table' AND name IN ({tables});
                     PRAGMA schema_version = 1000000"
                ))
                .unwrap();
        }
        Backend::Postgres => {
            let checks = format!(
                "DO $$ DECLARE it record; BEGIN
                     FOR it IN SELECT conrelid::regclass AS tab, conname FROM pg_constraint
                         WHERE contype = 'c' AND conrelid::regclass::text IN ({tables}) LOOP
                         EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', it.tab, it.conname);
                     END LOOP;
                     FOR it IN SELECT table_name AS tab, column_name AS col FROM information_schema.columns
                         WHERE table_schema = 'public' AND table_name IN ({tables}) AND column_name <> 'id' LOOP
                         EXECUTE format('ALTER TABLE %I ALTER %I DROP NOT NULL', it.tab, it.col);
                     END LOOP;
                 END $$"
            );
            alter(backend, url, &checks).await;
        }
    }
}

/// Returns all ids of a list, read in pages.
pub async fn ids(caller: &Caller, path: &str) -> Vec<String> {
    let pages = pages(caller, path).await;
    pages.iter().flat_map(|items| each(items, "id")).collect()
}

/// Returns the rows of a table that a list must show.
pub fn of<'a>(names: &'a BTreeSet<String>, table: &str) -> BTreeSet<&'a str> {
    let shown = names.iter().filter(|name| !LEFT_OUT.contains(&name.as_str()));
    shown.filter(|name| name.starts_with(&format!("{table}."))).map(String::as_str).collect()
}

/// Returns those of these ids that are copies.
pub fn odd(ids: &[String]) -> BTreeSet<&str> {
    ids.iter().map(String::as_str).filter(|id| id.contains('.')).collect()
}

fn log_of(home: &Path) -> String {
    fs::read_to_string(home.join("log")).unwrap()
}

#[apply(on_both_databases)]
async fn lists_show_rows_with_unexpected_values_and_pagination_goes_on(backend: Backend) {
    let home = TempDir::new().unwrap();
    let (server, url) = logging(backend, home.path()).await;
    let settings = [("DATABASE_URL", url.as_str())];
    let admin = admin_of(home.path(), &server, &settings).await;
    let probe = OutageProbe::sign_up(&server.anonymous).await;
    let browser = &probe.browser;
    let me = browser.get("/api/me").await.expect(200)["user"]["id"].as_str().unwrap().to_owned();
    drop_constraints(backend, &url, &TABLES).await;
    let (copies, names) = copies(backend, &TABLES);
    let now = if backend == Backend::Sqlite { "0" } else { "now()" };
    let job = format!(
        "INSERT INTO jobs (id, kind, payload, attempts, run_at, created_at)
         VALUES ('09', 'of-tomorrow', '{{}}', 0, {now}, {now});"
    );
    alter(backend, &url, &format!("{job}\n{copies}")).await;

    let shown = ids(browser, &format!("{TOKENS}?limit=7")).await;
    assert_eq!(odd(&shown), of(&names, "api_tokens"));
    assert!(shown.iter().any(|id| id.starts_with("01")), "there is a next page");
    for (path, table) in [
        ("/api/admin/users?limit=7".to_owned(), "users"),
        ("/api/admin/tokens?limit=7".to_owned(), "api_tokens"),
        ("/api/admin/activity?limit=7".to_owned(), "activity"),
        ("/api/admin/jobs?limit=7".to_owned(), "jobs"),
        (format!("/api/admin/users/{me}/sessions?limit=7"), "sessions"),
    ] {
        let shown = ids(&admin, &path).await;
        assert_eq!(odd(&shown), of(&names, table), "{path}");
    }
    for (path, table) in
        [("/api/auth/list-sessions", "sessions"), ("/api/auth/list-accounts", "accounts")]
    {
        let list = browser.get(path).await.expect(200);
        let shown = each(list.as_array().unwrap(), "id");
        assert_eq!(odd(&shown), of(&names, table), "{path}");
    }
    // Every user, of whatever role, is either active or deactivated.
    let mut by_state = Vec::new();
    for state in ["active", "deactivated"] {
        by_state.extend(ids(&admin, &format!("/api/admin/users?limit=7&state={state}")).await);
    }
    assert_eq!(odd(&by_state), of(&names, "users"));
    for state in ["active", "expired", "revoked"] {
        ids(&admin, &format!("/api/admin/tokens?limit=7&state={state}")).await;
    }
    for state in ["waiting", "given-up"] {
        ids(&admin, &format!("/api/admin/jobs?limit=7&state={state}")).await;
    }
    assert_eq!(browser.navigate("/settings").await.status, 200);
    let user = format!("/admin/users/{me}");
    for page in
        ["/admin", "/admin?state=active", &user, "/admin/tokens", "/admin/activity", "/admin/jobs"]
    {
        let shown = admin.navigate(page).await;
        assert_eq!(shown.status, 200, "{page}: {}", shown.text);
    }
    for command in
        [&["user", "list"][..], &["token", "list"], &["session", "list", "--email", &probe.email]]
    {
        succeeds(run(home.path(), &settings, command, ""));
    }

    let log = log_of(home.path());
    for column in ["users.name", "users.role", "api_tokens.scopes", "jobs.kind"] {
        let null = |line: &&str| line.contains(&format!("\"{column}\"")) && line.contains("NULL");
        assert_eq!(log.lines().filter(null).count(), 1, "{column}: {log}");
    }
    assert!(!log.contains("the store is unavailable"), "{log}");
    assert!(!log.contains("a statement is wrong"), "{log}");
}
