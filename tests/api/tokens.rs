//! /api/tokens

mod create;
mod list;
mod rename;
mod revoke;
mod show;

use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use portcullis::store::Database;

use crate::support::*;

const PATH: &str = "/api/tokens";

/// Where a token is.
fn place(token: &Value) -> String {
    format!("{PATH}/{}", token["id"].as_str().unwrap())
}

/// Whoever holds a token that was just made.
fn holder(server: &Server, made: &Value) -> Caller {
    server.nobody.with_token(made["token"].as_str().unwrap())
}

/// A new token as every later answer shows it.
fn view(made: &Value) -> Value {
    let mut view = made.clone();
    view.as_object_mut().unwrap().remove("token").unwrap();
    view
}

/// What no token is called by.
fn no_tokens() -> [String; 4] {
    let unknown = portcullis::store::page::new_id();
    ["none", "%00", "1", &unknown].map(|id| format!("{PATH}/{id}"))
}

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    value: String,
}

/// What a query finds; its one column is a text called `value`.
pub async fn select(server: &Server, sql: &str) -> Vec<String> {
    let sql = sql.to_owned();
    let rows: Vec<Row> = match server.state.store.database() {
        Database::Sqlite(sqlite) => sqlite
            .read(move |connection| {
                portcullis::store::in_place(
                    async move { diesel::sql_query(sql).load(connection).await },
                )
            })
            .await
            .unwrap(),
        Database::Postgres(postgres) => postgres
            .read(async |connection| diesel::sql_query(sql.clone()).load(connection).await)
            .await
            .unwrap(),
    };
    rows.into_iter().map(|row| row.value).collect()
}

/// All that the database at a URL holds.
pub async fn dump_of(url: &str) -> String {
    if let Some(file) = url.strip_prefix("sqlite:") {
        let read = |name: String| std::fs::read(name).unwrap_or_default();
        let files = [read(file.to_owned()), read(format!("{file}-wal"))].concat();
        return String::from_utf8_lossy(&files).into_owned();
    }
    let client = connect(url).await;
    let tables = "SELECT table_name::text FROM information_schema.tables \
                  WHERE table_schema = 'public'";
    let mut rows = Vec::new();
    for table in client.query(tables, &[]).await.unwrap() {
        let all = format!("SELECT row_to_json(t)::text FROM {} t", table.get::<_, String>(0));
        rows.extend(client.query(&all, &[]).await.unwrap());
    }
    rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
}

/// All that the database holds: the very files of the one, every row of the other.
pub async fn dump(server: &Server) -> String {
    if matches!(server.state.store.database(), Database::Sqlite(_)) {
        let read = |name| std::fs::read(server.folder.join(name)).unwrap_or_default();
        let files = [read("portcullis.db"), read("portcullis.db-wal")].concat();
        return String::from_utf8_lossy(&files).into_owned();
    }
    let tables = "SELECT table_name::text AS value FROM information_schema.tables \
                  WHERE table_schema = 'public'";
    let mut rows = Vec::new();
    for table in select(server, tables).await {
        let all = format!("SELECT row_to_json(t)::text AS value FROM {table} t");
        rows.extend(select(server, &all).await);
    }
    rows.join("\n")
}
