//! The store where HTTP does not reach, and what tests do to it behind the server's back.

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use portcullis::store::{Location, Store, schema::verifications, verifications::NewVerification};

use crate::support::*;

/// Executes a statement on a test's database.
pub async fn execute(server: &Server, sql: &str) {
    let sql = sql.to_owned();
    match &server.state.store {
        Store::Sqlite(sqlite) => sqlite
            .write(move |connection| {
                portcullis::store::in_place(async move { connection.batch_execute(&sql).await })
            })
            .await
            .unwrap(),
        Store::Postgres(postgres) => {
            postgres.write(async |connection| connection.batch_execute(&sql).await).await.unwrap();
        }
    }
}

/// Adds a link.
pub async fn add_link(server: &Server, link: NewVerification) {
    match &server.state.store {
        Store::Sqlite(sqlite) => sqlite
            .write(move |connection| {
                portcullis::store::in_place(async move {
                    diesel::insert_into(verifications::table)
                        .values(&link)
                        .execute(connection)
                        .await
                })
            })
            .await
            .map(drop)
            .unwrap(),
        Store::Postgres(postgres) => postgres
            .write(async |connection| {
                diesel::insert_into(verifications::table).values(&link).execute(connection).await
            })
            .await
            .map(drop)
            .unwrap(),
    }
}

#[apply(both)]
async fn two_starters_on_an_empty_database_migrate_it_once(backend: Backend) {
    let folder = tempfile::TempDir::new().unwrap();
    let url = backend.empty_database(folder.path()).await;
    let location = Location::parse(&url, None).unwrap();
    let (one, other) = tokio::join!(Store::migrate(&location), Store::migrate(&location));
    let applied = one.unwrap().len() + other.unwrap().len();
    assert!(applied >= 7, "{applied}");
    assert_eq!(Store::migrate(&location).await.unwrap().len(), 0);
}
