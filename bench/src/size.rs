//! The size of tables on disk, with their indexes.

use diesel::{QueryableByName, sql_query, sql_types::BigInt};
use diesel_async::RunQueryDsl;
use portcullis::store::{self, Database, Store};

#[derive(QueryableByName)]
struct Bytes {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

/// Returns the size of the table of sessions in bytes.
///
/// # Errors
/// When the store is unavailable.
pub async fn of_sessions(store: &Store) -> Result<i64, store::Error> {
    let bytes: Bytes = match store.database() {
        Database::Postgres(postgres) => {
            let query = || sql_query("SELECT pg_total_relation_size('sessions') AS value");
            postgres.read(async |connection| query().get_result(connection).await).await?
        }
        Database::Sqlite(sqlite) => {
            let query = sql_query(
                "SELECT sum(pgsize) AS value FROM dbstat WHERE name IN
                 (SELECT name FROM sqlite_master WHERE tbl_name = 'sessions')",
            );
            let read = |connection: &mut _| {
                store::in_place(async move { query.get_result(connection).await })
            };
            sqlite.read(read).await?
        }
    };
    Ok(bytes.value)
}
