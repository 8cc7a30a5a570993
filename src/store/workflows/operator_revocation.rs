//! Emergency revocation by the operator, for one user or for all, after credentials have leaked.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    store::{
        Error, Store, invalidating_transaction,
        tables::{
            activity::{Event, record_event},
            api_tokens::mark_tokens_revoked_tx,
            generation::{next_generation_tx, next_site_generation_tx},
            revocation_cleanup::{Kind, add_cleanup_tx},
            sessions::remove_sessions_tx,
            verifications::remove_links_tx,
        },
    },
    time::Timestamp,
};

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
            next_generation_tx!(conn, user_id, session_generation, link_generation);
            remove_sessions_tx!(conn, user_id, now);
            remove_links_tx!(conn, user_id, now);
        } else {
            next_site_generation_tx!(conn, session_generation, link_generation);
            add_cleanup_tx!(conn, Kind::Sessions, None, now);
            add_cleanup_tx!(conn, Kind::Links, None, now);
        }
        record_event!(conn, &event);
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
            next_generation_tx!(conn, user_id, token_generation);
            mark_tokens_revoked_tx!(conn, user_id, now);
        } else {
            next_site_generation_tx!(conn, token_generation);
            add_cleanup_tx!(conn, Kind::Tokens, None, now);
        }
        record_event!(conn, &event);
        Ok(())
    })
}
