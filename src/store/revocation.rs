//! What the operator ends, of one user or of everybody, on the day when something has leaked.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{
    Error, Store,
    alive::alive,
    audit_events::Event,
    lock_out,
    locks::{lock_every_user, lock_user},
    schema::{api_tokens, audit_events, sessions, verifications},
};
use crate::time::Timestamp;

/// Ends every session, and with them every mailed link, which could begin others: of this user, or of
/// everybody. Says how many sessions had not ended by themselves.
///
/// # Errors
/// When the store is unavailable.
pub async fn end_sessions(
    store: &Store,
    user_id: Option<String>,
    now: Timestamp,
    event: Event,
) -> Result<usize, Error> {
    lock_out!(store, |conn| {
        lock!(conn, &user_id);
        diesel::delete(sessions::table.filter(sessions::expires_at.le(now))).execute(conn).await?;
        let mut ended = diesel::delete(sessions::table).into_boxed();
        let mut links = diesel::delete(verifications::table).into_boxed();
        if let Some(user_id) = &user_id {
            ended = ended.filter(sessions::user_id.eq(user_id));
            links = links.filter(verifications::user_id.eq(user_id));
        }
        let ended = ended.execute(conn).await?;
        links.execute(conn).await?;
        diesel::insert_into(audit_events::table).values(&event).execute(conn).await?;
        Ok(ended)
    })
}

/// Revokes every token: of this user, or of everybody. Says how many worked until now.
///
/// # Errors
/// When the store is unavailable.
pub async fn revoke_tokens(
    store: &Store,
    user_id: Option<String>,
    now: Timestamp,
    event: Event,
) -> Result<usize, Error> {
    lock_out!(store, |conn| {
        lock!(conn, &user_id);
        let mut revoked = diesel::update(api_tokens::table).filter(alive(now)).into_boxed();
        if let Some(user_id) = &user_id {
            revoked = revoked.filter(api_tokens::user_id.eq(user_id));
        }
        let revoked = revoked.set(api_tokens::revoked_at.eq(now)).execute(conn).await?;
        diesel::insert_into(audit_events::table).values(&event).execute(conn).await?;
        Ok(revoked)
    })
}

/// Whoever is just signing in or making a token is waited for, and what they have made ends too.
macro_rules! lock {
    ($conn:ident, $user_id:expr) => {
        match $user_id {
            Some(user_id) => drop(lock_user!($conn, user_id)),
            None => lock_every_user!($conn),
        }
    };
}

use lock;
