//! SQLite: each statement is executed again on a connection that counts its steps, and rolled back.

use rusqlite::{Connection, ErrorCode, StatementStatus, types::Value};
use tempfile::TempDir;

use super::{Costs, SIZES, ask_for_everything, compare, pattern, seed};
use crate::support::*;

/// Steps that a statement may take without reading more: a few when a page is split.
const LITTLE: u64 = 200;

#[tokio::test]
async fn sqlite_statements_take_no_more_steps_when_the_tables_grow() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("portcullis.db");
    let url = format!("sqlite:{}", file.display());
    Backend::Sqlite.migrate(&url).await;
    let mut costs = [Costs::new(), Costs::new()];
    let mut from = 0;
    for (to, costs) in SIZES.into_iter().zip(&mut costs) {
        add_rows(&file, from..to);
        from = to;
        let statements = statements_of(&url).await;
        let database = Connection::open(&file).unwrap();
        for statement in statements {
            if let Some(steps) = steps(&database, &statement) {
                let most = costs.entry(pattern(&statement)).or_default();
                *most = steps.max(*most);
            }
        }
    }
    compare(&costs, LITTLE);
}

/// Adds rows without the triggers, which would log each as a change.
fn add_rows(file: &std::path::Path, numbers: std::ops::Range<usize>) {
    let database = Connection::open(file).unwrap();
    database.execute_batch("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; BEGIN").unwrap();
    let triggers: Vec<(String, String)> = database
        .prepare(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name <> 'changed'",
        )
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for (name, _) in &triggers {
        database.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
    for statement in seed::statements(Backend::Sqlite, numbers) {
        database.execute_batch(&statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    for (_, sql) in &triggers {
        database.execute_batch(sql).unwrap();
    }
    database.execute_batch("COMMIT").unwrap();
}

/// Returns the distinct statements that a server executes for all requests. The server is stopped afterwards.
async fn statements_of(url: &str) -> Vec<String> {
    let statements = record(url);
    let folder = TempDir::new().unwrap();
    let providers = file_with_providers(folder.path()).await;
    let server = Server::on(url, folder, &["--providers-file", &providers]).await;
    statements.lock().unwrap().clear();
    ask_for_everything(&server).await;
    server.stop().await;
    let seen = std::mem::take(&mut *statements.lock().unwrap());
    let mut distinct = std::collections::BTreeSet::new();
    seen.into_iter().filter(|statement| distinct.insert(statement.clone())).collect()
}

/// Counts the steps of a statement; `None` if it is not a query. Its changes are rolled back.
fn steps(database: &Connection, statement: &str) -> Option<u64> {
    let (sql, values) = statement.split_once(" -- binds: ").unwrap_or((statement, "[]"));
    let is_query =
        ["SELECT", "INSERT", "UPDATE", "DELETE"].iter().any(|verb| sql.starts_with(verb));
    if !is_query {
        return None;
    }
    database.execute_batch("BEGIN").unwrap();
    let mut prepared = database.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    for (place, value) in items(values).into_iter().map(value).enumerate() {
        prepared.raw_bind_parameter(place + 1, value).unwrap();
    }
    let mut rows = prepared.raw_query();
    loop {
        match rows.next() {
            Ok(Some(_)) => {}
            Ok(None) => break,
            // The row exists already: the steps until that was found are counted.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                break;
            }
            Err(error) => panic!("{statement}: {error}"),
        }
    }
    drop(rows);
    let steps = prepared.get_status(StatementStatus::VmStep);
    drop(prepared);
    database.execute_batch("ROLLBACK").unwrap();
    Some(u64::try_from(steps).unwrap())
}

/// Returns the members of a list in Rust's debug format.
fn items(list: &str) -> Vec<&str> {
    let inner = list.trim().trim_start_matches('[').strip_suffix(']').unwrap_or_default();
    let (mut depth, mut quoted, mut escaped, mut start) = (0, false, false, 0);
    let mut items = Vec::new();
    for (place, letter) in inner.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                items.push(inner[start..place].trim());
                start = place + 1;
            }
            _ => {}
        }
    }
    items.push(inner[start..].trim());
    items.retain(|item| !item.is_empty());
    items
}

/// Parses a value from Diesel's debug output, which formats it as SQLite's type or as Rust's.
fn value(shown: &str) -> Value {
    let text = |shown: &str| {
        // Strings that JSON escapes differently occur in no statement's condition.
        Value::Text(serde_json::from_str(shown).unwrap_or_else(|_| shown.to_owned()))
    };
    if let Ok(number) = shown.parse() {
        return Value::Integer(number);
    }
    if shown.starts_with('"') {
        return text(shown);
    }
    let (kind, inner) = match shown.split_once('(') {
        Some((kind, inner)) => (kind, inner.strip_suffix(')').unwrap()),
        None => (shown, ""),
    };
    match kind {
        "Null" => Value::Null,
        "I32" | "I64" => Value::Integer(inner.parse().unwrap()),
        "String" | "BorrowedString" => text(inner),
        "Binary" | "BorrowedBinary" => {
            Value::Blob(items(inner).into_iter().map(|byte| byte.parse().unwrap()).collect())
        }
        // The debug output hides a hash. A hash is looked up in a unique index, whether or not it is found, as
        // this one is not.
        "HashOf" => Value::Blob(vec![7; 32]),
        _ => panic!("{shown} is a value of an unknown kind"),
    }
}

#[test]
fn bound_values_are_parsed_from_their_debug_output() {
    let shown =
        r#"[String("a, \"b"), I64(-5), Null, Binary([1, 2]), BorrowedString("c]"), I32(1), 7]"#;
    let values: Vec<Value> = items(shown).into_iter().map(value).collect();
    let expected = [
        Value::Text("a, \"b".to_owned()),
        Value::Integer(-5),
        Value::Null,
        Value::Blob(vec![1, 2]),
        Value::Text("c]".to_owned()),
        Value::Integer(1),
        Value::Integer(7),
    ];
    assert_eq!(values, expected);
}
