//! What a database contains, and SQL that the append-only log prevents.

use portcullis::store::Database;

use super::{Backend, Server, connect, select};

/// Returns SQL that removes the trigger which makes the activity log append-only.
pub fn allow_activity_updates(backend: Backend) -> &'static str {
    match backend {
        Backend::Sqlite => "DROP TRIGGER activity_is_append_only",
        Backend::Postgres => "DROP TRIGGER activity_is_append_only ON activity",
    }
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
