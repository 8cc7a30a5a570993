//! Emergency revocation by the operator, for one user or for all, after credentials have leaked.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{
    Error, Store,
    audit_events::Event,
    generation::{next_generation, next_site_generation},
    invalidating_transaction,
    revocation_cleanup::{Kind, note_cleanup},
    schema::audit_events,
    sessions::remove_sessions,
    tokens::mark_tokens,
    verifications::remove_links,
};
use crate::time::Timestamp;

/// Revokes every session, and every mailed link, as links can create sessions: of this user, or of all users.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn end_sessions(
    store: &Store,
    user_id: Option<String>,
    now: Timestamp,
    event: Event,
) -> Result<(), Error> {
    invalidating_transaction!(store, |conn| {
        if let Some(user_id) = &user_id {
            next_generation!(conn, user_id, session_generation, link_generation);
            remove_sessions!(conn, user_id, now);
            remove_links!(conn, user_id, now);
        } else {
            next_site_generation!(conn, session_generation, link_generation);
            note_cleanup!(conn, Kind::Sessions, None, now);
            note_cleanup!(conn, Kind::Links, None, now);
        }
        diesel::insert_into(audit_events::table).values(&event).execute(conn).await?;
        Ok(())
    })
}

/// Revokes every token: of this user, or of all users.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn revoke_tokens(
    store: &Store,
    user_id: Option<String>,
    now: Timestamp,
    event: Event,
) -> Result<(), Error> {
    invalidating_transaction!(store, |conn| {
        if let Some(user_id) = &user_id {
            next_generation!(conn, user_id, token_generation);
            mark_tokens!(conn, user_id, now);
        } else {
            next_site_generation!(conn, token_generation);
            note_cleanup!(conn, Kind::Tokens, None, now);
        }
        diesel::insert_into(audit_events::table).values(&event).execute(conn).await?;
        Ok(())
    })
}
