//! Emergency revocation by the operator, for one user or for all, after credentials have leaked.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    store::{
        Error, Store, invalidating_transaction,
        tables::{
            activity::{Event, RecordEvent},
            api_tokens::RevokeTokens,
            generation::{next_generation_tx, next_site_generation_tx},
            revocation_cleanup::{AddCleanup, Kind},
            sessions::RevokeSessions,
            verifications::RedeemLinks,
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
            conn.remove_sessions(user_id, now).await?;
            conn.remove_links(user_id, now).await?;
        } else {
            next_site_generation_tx!(conn, session_generation, link_generation);
            conn.add_cleanup(Kind::Sessions, None, now).await?;
            conn.add_cleanup(Kind::Links, None, now).await?;
        }
        conn.record_event(&event).await?;
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
            conn.mark_tokens_revoked(user_id, now).await?;
        } else {
            next_site_generation_tx!(conn, token_generation);
            conn.add_cleanup(Kind::Tokens, None, now).await?;
        }
        conn.record_event(&event).await?;
        Ok(())
    })
}
