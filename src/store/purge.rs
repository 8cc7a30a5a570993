//! Rows whose time is over.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{
    Error, Store, epoch, guesses, lock_out,
    schema::{
        api_tokens, audit_events, changes, epoch as epochs, familiar_networks, guesses as tries,
        jobs, sessions, setup_links, verifications,
    },
    verifications::MEMORY,
};
use crate::time::{Span, Timestamp, days};

/// A dead token stays in its owner's list for this long, so that they can see what became of it.
const TOKEN_MEMORY: Span = days(30);

/// A job that was given up waits for an admin for this long.
const JOB_MEMORY: Span = days(30);

/// Deletes expired sessions and links, tokens and jobs long dead, audit events older than they are kept,
/// and the changes that nobody needs to hear of any more.
///
/// # Errors
/// When the store is unavailable.
pub async fn purge(store: &Store, keep_audit_events: Span, now: Timestamp) -> Result<usize, Error> {
    let dead = now - TOKEN_MEMORY;
    lock_out!(store, |conn| {
        let mut deleted = diesel::delete(sessions::table.filter(sessions::expires_at.le(now)))
            .execute(conn)
            .await?;
        deleted +=
            diesel::delete(verifications::table.filter(verifications::expires_at.le(now - MEMORY)))
                .execute(conn)
                .await?;
        deleted += diesel::delete(setup_links::table.filter(setup_links::expires_at.le(now)))
            .execute(conn)
            .await?;
        deleted += diesel::delete(tries::table.filter(tries::last_at.le(now - guesses::MEMORY)))
            .execute(conn)
            .await?;
        deleted += diesel::delete(
            familiar_networks::table.filter(familiar_networks::seen_at.le(now - guesses::FAMILIAR)),
        )
        .execute(conn)
        .await?;
        deleted += diesel::delete(jobs::table.filter(jobs::given_up_at.le(now - JOB_MEMORY)))
            .execute(conn)
            .await?;
        deleted += diesel::delete(
            api_tokens::table
                .filter(api_tokens::revoked_at.le(dead).or(api_tokens::expires_at.le(dead))),
        )
        .execute(conn)
        .await?;
        deleted += diesel::delete(
            audit_events::table.filter(audit_events::created_at.lt(now - keep_audit_events)),
        )
        .execute(conn)
        .await?;
        let epoch: Option<i64> =
            epochs::table.select(epochs::number).get_result(conn).await.optional()?;
        let old = epoch.unwrap_or(0).saturating_sub(epoch::MANY);
        deleted +=
            diesel::delete(changes::table.filter(changes::number.le(old))).execute(conn).await?;
        Ok(deleted)
    })
}
