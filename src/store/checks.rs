//! Checks of transactions on SQLite, in builds with debug assertions, so that any test of a new statement notices a
//! mistake that its own assertions would miss.

use diesel::{QueryResult, prelude::*, result::Error as QueryError};
use diesel_async::RunQueryDsl;

use crate::store::{
    engine::sqlite::{Connection, in_place},
    schema::{epoch, users},
};

/// Runs a body that must not begin an epoch, and must index the users whose name or email it writes.
pub fn begins_no_epoch_and_indexes_users<T>(
    connection: &mut Connection,
    body: impl FnOnce(&mut Connection) -> QueryResult<T>,
) -> QueryResult<T> {
    begins_no_epoch(connection, |connection| indexes_users(connection, body))
}

/// Runs a body that must not begin an epoch: it would be answered before other instances have invalidated their
/// caches.
pub fn begins_no_epoch<T>(
    connection: &mut Connection,
    body: impl FnOnce(&mut Connection) -> QueryResult<T>,
) -> QueryResult<T> {
    const REASON: &str = "a transaction that begins an epoch must be an invalidating_transaction!";
    checked(connection, body, epoch_number, |before, after| after == before, REASON)
}

/// Runs a body that must not leave more users without their words in the search index than before.
pub fn indexes_users<T>(
    connection: &mut Connection,
    body: impl FnOnce(&mut Connection) -> QueryResult<T>,
) -> QueryResult<T> {
    const REASON: &str =
        "a user's name or email was written without its words: see tables/users/search/index.rs";
    checked(connection, body, unindexed_users, |before, after| after <= before, REASON)
}

/// Runs a body, and fails if what was counted before and after it is not as it must be. The count is `None` before the
/// tables exist.
fn checked<T>(
    connection: &mut Connection,
    body: impl FnOnce(&mut Connection) -> QueryResult<T>,
    count: fn(&mut Connection) -> Option<i64>,
    is_right: fn(Option<i64>, Option<i64>) -> bool,
    reason: &'static str,
) -> QueryResult<T> {
    if !cfg!(debug_assertions) {
        return body(connection);
    }
    let before = count(connection);
    let result = body(connection)?;
    if is_right(before, count(connection)) {
        return Ok(result);
    }
    Err(QueryError::QueryBuilderError(reason.into()))
}

/// Runs a body without a check.
pub fn anything<T>(
    connection: &mut Connection,
    body: impl FnOnce(&mut Connection) -> QueryResult<T>,
) -> QueryResult<T> {
    body(connection)
}

fn epoch_number(connection: &mut Connection) -> Option<i64> {
    in_place(epoch::table.select(epoch::number).get_result(connection)).ok()
}

fn unindexed_users(connection: &mut Connection) -> Option<i64> {
    in_place(
        users::table
            .filter(diesel::dsl::sql::<diesel::sql_types::Bool>("search_indexed = 0"))
            .count()
            .get_result(connection),
    )
    .ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use diesel::{Connection as _, connection::SimpleConnection, sql_query};

    use std::time::Duration;

    use super::*;
    use crate::store::{
        Location, Options, Store, TABLES, engine::sqlite::InPlace, query, sign_in::SignInPolicy,
        transaction,
    };

    fn database(sql: &str) -> Connection {
        let mut database = SqliteConnection::establish(":memory:").unwrap();
        database.batch_execute(sql).unwrap();
        Connection::with_runtime(database, InPlace)
    }

    #[tokio::test]
    async fn transaction_that_begins_an_epoch_is_rejected_and_undone() {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Sqlite(folder.path().join("test.db"));
        let options = Options {
            tables: vec![TABLES],
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(30),
            pool_size: 1,
            workers: 1,
            migrate: true,
            cache_size: 0,
            sign_in_policy: SignInPolicy { max_sessions: 1, verified_only: false },
        };
        let store = Store::open(&location, options).await.unwrap();
        let number = async || {
            query!(store, |conn| epoch::table.select(epoch::number).get_result::<i64>(conn).await)
        };
        let before = number().await.unwrap();
        let next = transaction!(store, |conn| diesel::update(epoch::table)
            .set(epoch::number.eq(epoch::number + 1))
            .execute(conn)
            .await);
        assert!(next.is_err());
        assert_eq!(number().await.unwrap(), before);
    }

    #[test]
    fn transaction_that_begins_an_epoch_without_invalidating_is_rejected() {
        let mut connection = database("CREATE TABLE epoch (number); INSERT INTO epoch VALUES (3)");
        let mut write = |sql: &'static str| {
            begins_no_epoch(&mut connection, |connection| {
                in_place(sql_query(sql).execute(connection))
            })
        };
        assert!(write("UPDATE epoch SET number = number").is_ok());
        assert!(write("UPDATE epoch SET number = number + 1").is_err());
    }

    #[test]
    fn transaction_that_leaves_a_user_unindexed_is_rejected() {
        let mut connection = database(
            "CREATE TABLE users (id, search_indexed); INSERT INTO users VALUES (1, 0), (2, 1)",
        );
        let mut write = |sql: &'static str| {
            indexes_users(&mut connection, |connection| {
                in_place(sql_query(sql).execute(connection))
            })
        };
        assert!(write("INSERT INTO users VALUES (3, 1)").is_ok());
        assert!(write("UPDATE users SET search_indexed = 0 WHERE id = 2").is_err());
        assert!(write("UPDATE users SET search_indexed = 1").is_ok());
        assert!(write("INSERT INTO users VALUES (4, 0)").is_err());
    }
}
