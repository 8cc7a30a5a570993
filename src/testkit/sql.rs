//! Runs SQL on a test's database, past the API.

use std::time::Duration;

use diesel::sql_types::Text;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use super::Server;
use crate::store::{self, Database, Error, lease_settings};

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    value: String,
}

/// Returns the rows of a query, whose only column is a text called `value`.
pub async fn select(server: &Server, sql: &str) -> Vec<String> {
    let sql = sql.to_owned();
    let rows: Vec<Row> = match server.state.store.database() {
        Database::Sqlite(sqlite) => sqlite
            .read(move |connection| {
                store::in_place(async move { diesel::sql_query(sql).load(connection).await })
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
                    store::in_place(async move { connection.batch_execute(&sql).await })
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
