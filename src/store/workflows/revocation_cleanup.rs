//! Removes the rows of credentials that were revoked together with many others: garbage collection.
//!
//! A revocation takes effect through the generation (`generation`). The rows that it leaves are recorded in the same
//! transaction, and removed here in batches, each a transaction that also records its progress. So a crash loses
//! nothing, and repeating a batch does no harm.

use diesel::{dsl, prelude::*};
use diesel_async::RunQueryDsl;

use crate::{
    store::{
        Error, Store, maintenance_transaction, query,
        schema::{api_tokens, revocation_cleanup, sessions, users, verifications},
        tables::{
            generation,
            revocation_cleanup::{Cleanup, Kind},
        },
    },
    time::Timestamp,
};

/// Processes up to `limit` further rows of the oldest revocation that has left any. Returns how many it processed; 0
/// when nothing is left to do.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn run_batch(store: &Store, limit: i64) -> Result<usize, Error> {
    maintenance_transaction!(store, |conn| {
        let cleanup: Option<Cleanup> = revocation_cleanup::table
            .order(revocation_cleanup::id)
            .select(Cleanup::as_select())
            .limit(1)
            .get_result(conn)
            .await
            .optional()?;
        let Some(cleanup) = cleanup else { return Ok(0) };
        let (seen, last) = match cleanup.kind.parse() {
            Ok(Kind::Sessions) => remove!(conn, &cleanup, limit, sessions, session_is_current),
            Ok(Kind::Links) => remove!(conn, &cleanup, limit, verifications, link_is_current),
            Ok(Kind::Tokens) => {
                let (rows, seen, last) =
                    revoked!(conn, &cleanup, limit, api_tokens, token_is_current);
                let never_expires = api_tokens::expires_at.is_null();
                let expired_later: dsl::AssumeNotNull<dsl::Gt<api_tokens::expires_at, Timestamp>> =
                    api_tokens::expires_at.gt(cleanup.revoked_at).assume_not_null();
                diesel::update(api_tokens::table.filter(api_tokens::id.eq_any(rows)))
                    .filter(api_tokens::revoked_at.is_null())
                    .filter(never_expires.or(expired_later))
                    .set(api_tokens::revoked_at.eq(cleanup.revoked_at))
                    .execute(conn)
                    .await?;
                (seen, last)
            }
            // A kind that only a newer binary knows: its record waits for that binary.
            Err(_) => return Ok(0),
        };
        let this = revocation_cleanup::table.find(&cleanup.id);
        match last {
            Some(last) if i64::try_from(seen).is_ok_and(|seen| seen >= limit) => {
                diesel::update(this).set(revocation_cleanup::cursor.eq(last)).execute(conn).await?
            }
            _ => diesel::delete(this).execute(conn).await?,
        };
        Ok(seen.max(1))
    })
}

/// Whether a revocation has left rows to remove.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn is_due(store: &Store) -> Result<bool, Error> {
    let oldest: Option<String> = query!(store, |conn| revocation_cleanup::table
        .order(revocation_cleanup::id)
        .select(revocation_cleanup::id)
        .limit(1)
        .get_result(conn)
        .await
        .optional())?;
    Ok(oldest.is_some())
}

/// Within a transaction: reads the next rows of this table. Returns the ids of the revoked ones, the number of rows
/// read, and the last id.
macro_rules! revoked {
    ($conn:ident, $cleanup:expr, $limit:expr, $table:ident, $is_current:ident) => {{
        let cleanup: &Cleanup = $cleanup;
        let mut query = $table::table
            .inner_join(users::table)
            .inner_join(generation::site())
            .filter($table::id.gt(&cleanup.cursor))
            .order($table::id)
            .select(($table::id, generation::$is_current()))
            .limit($limit)
            .into_boxed::<Backend>();
        if let Some(user_id) = &cleanup.user_id {
            query = query.filter($table::user_id.eq(user_id));
        }
        let rows: Vec<(String, bool)> = query.load($conn).await?;
        let (seen, last) = (rows.len(), rows.last().map(|(id, _)| id.clone()));
        let revoked: Vec<String> =
            rows.into_iter().filter(|(_, current)| !current).map(|(id, _)| id).collect();
        (revoked, seen, last)
    }};
}

macro_rules! remove {
    ($conn:ident, $cleanup:expr, $limit:expr, $table:ident, $is_current:ident) => {{
        let (rows, seen, last) = revoked!($conn, $cleanup, $limit, $table, $is_current);
        diesel::delete($table::table.filter($table::id.eq_any(rows))).execute($conn).await?;
        (seen, last)
    }};
}

use {remove, revoked};
