//! Deletes the rows of users who have deleted their account. The deletion itself revoked every right; this only cleans
//! up, in small batches, the user's own row last.

use diesel::{
    prelude::*,
    sql_query,
    sql_types::{BigInt, Text},
};
use diesel_async::RunQueryDsl;

use super::owned;
use crate::store::{
    Error, Store, cleanup_transaction, maintenance_transaction, query, schema::users,
};

/// Deletes the next rows of a user who has deleted their account: of the first table that has any.
pub(super) async fn batch(store: &Store, limit: i64) -> Result<usize, Error> {
    let deleted_user: Option<String> = query!(store, |conn| users::table
        .filter(users::deleted_at.is_not_null())
        .order(users::deleted_at)
        .select(users::id)
        .limit(1)
        .get_result(conn)
        .await
        .optional())?;
    let Some(user_id) = deleted_user else { return Ok(0) };
    for statement in owned::statements(store).await? {
        let (user_id, statement) = (user_id.clone(), statement.clone());
        let deleted = maintenance_transaction!(store, |conn| sql_query(&statement)
            .bind::<Text, _>(&user_id)
            .bind::<BigInt, _>(limit)
            .execute(conn)
            .await)?;
        if deleted > 0 {
            return Ok(deleted);
        }
    }
    cleanup_transaction!(store, |conn| {
        let row = users::table.find(&user_id).filter(users::deleted_at.is_not_null());
        diesel::delete(row).execute(conn).await
    })
}
