//! Runs SQL on a test's database, past the API.

use std::time::Duration;

use diesel::sql_types::Text;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use portcullis::store::{Database, Error, lease_settings};

use super::{Backend, Server, databases::connect};

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    value: String,
}

/// Returns SQL that removes the trigger which makes the activity log append-only.
pub fn allow_activity_updates(backend: Backend) -> &'static str {
    match backend {
        Backend::Sqlite => "DROP TRIGGER activity_is_append_only",
        Backend::Postgres => "DROP TRIGGER activity_is_append_only ON activity",
    }
}

/// Returns the rows of a query, whose only column is a text called `value`.
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

/// Returns everything that the database at a URL holds.
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

/// Returns everything that the database holds: the files of SQLite, or every row of PostgreSQL.
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

/// Executes a statement on a test's database. The server may not see a change of a user's rights before its
/// lease ends.
pub async fn execute(server: &Server, sql: &str) {
    let epoch =
        async || lease_settings::show(&server.state.store).await.ok().map(|lease| lease.number);
    let before = epoch().await;
    try_execute(server, sql).await.unwrap();
    if before != epoch().await {
        wait_for_lease_end(server).await;
    }
}

/// Executes a statement that the database may reject, and that changes no user's rights.
pub async fn try_execute(server: &Server, sql: &str) -> Result<(), Error> {
    let sql = sql.to_owned();
    match server.state.store.database() {
        Database::Sqlite(sqlite) => {
            sqlite
                .write(move |connection| {
                    portcullis::store::in_place(async move { connection.batch_execute(&sql).await })
                })
                .await
        }
        Database::Postgres(postgres) => {
            postgres.write(async |connection| connection.batch_execute(&sql).await).await
        }
    }
}

/// Waits until no instance can serve from what it cached before.
pub async fn wait_for_lease_end(server: &Server) {
    let Ok(lease) = lease_settings::show(&server.state.store).await else { return };
    tokio::time::sleep(Duration::from_millis(lease.wait_ms.try_into().unwrap())).await;
}
