//! Checks of transactions on SQLite, in builds with debug assertions, so that any test of a new statement notices a
//! mistake that its own assertions would miss.

use diesel::{QueryResult, prelude::*, result::Error as QueryError};
use diesel_async::RunQueryDsl;

use crate::store::{
    engine::sqlite::{Connection, in_place},
    schema::{epoch, users},
};

/// Runs a body that must not begin an epoch, and must index the users whose name or email it writes.
pub(super) fn begins_no_epoch_and_indexes_users<T>(
    connection: &mut Connection,
    body: impl FnOnce(&mut Connection) -> QueryResult<T>,
) -> QueryResult<T> {
    begins_no_epoch(connection, |connection| indexes_users(connection, body))
}

/// Runs a body that must not begin an epoch: it would be answered before other instances have invalidated their
/// caches.
pub(super) fn begins_no_epoch<T>(
    connection: &mut Connection,
    body: impl FnOnce(&mut Connection) -> QueryResult<T>,
) -> QueryResult<T> {
    if !cfg!(debug_assertions) {
        return body(connection);
    }
    let before = number(connection);
    let result = body(connection)?;
    if number(connection) == before {
        return Ok(result);
    }
    Err(QueryError::QueryBuilderError(
        "a transaction that begins an epoch must be an invalidating_transaction!".into(),
    ))
}

/// Runs a body that must not leave more users without their words in the search index than before.
pub(super) fn indexes_users<T>(
    connection: &mut Connection,
    body: impl FnOnce(&mut Connection) -> QueryResult<T>,
) -> QueryResult<T> {
    if !cfg!(debug_assertions) {
        return body(connection);
    }
    let before = unindexed(connection);
    let result = body(connection)?;
    if unindexed(connection) <= before {
        return Ok(result);
    }
    Err(QueryError::QueryBuilderError(
        "a user's name or email was written without its words: see tables/users/search/index.rs"
            .into(),
    ))
}

/// Runs a body without a check.
pub(super) fn anything<T>(
    connection: &mut Connection,
    body: impl FnOnce(&mut Connection) -> QueryResult<T>,
) -> QueryResult<T> {
    body(connection)
}

/// Returns `None` before the tables exist.
fn number(connection: &mut Connection) -> Option<i64> {
    in_place(epoch::table.select(epoch::number).get_result(connection)).ok()
}

/// Returns `None` before the tables exist.
fn unindexed(connection: &mut Connection) -> Option<i64> {
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

    use super::*;
    use crate::store::engine::sqlite::InPlace;

    fn database(sql: &str) -> Connection {
        let mut database = SqliteConnection::establish(":memory:").unwrap();
        database.batch_execute(sql).unwrap();
        Connection::with_runtime(database, InPlace)
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
