//! A user's address: shown to be theirs, and changed for another.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{
    Error, Store,
    generation::next_generation,
    jobs::NewJob,
    lock_out,
    schema::{jobs, users, verifications},
    sessions::{keep_session, remove_sessions},
    users::{User, present},
    verifications::{Purpose, Refused, Verification, redeem, remove_links},
};
use crate::{secrets::LinkHash, time::Timestamp};

/// What a link to an address has shown.
#[derive(Debug)]
pub enum Verified {
    /// The user's address is theirs.
    Present,
    /// The user has a new address, and it is theirs.
    Changed(Box<User>),
}

/// Redeems a link that was mailed to an address: it is now known to be its user's.
///
/// Where it is a new address, every session ends but the one that asked for it, every other link
/// ends, and the old address is told.
///
/// # Errors
/// [`Error::Taken`] when the new address has become somebody else's; the link stays.
pub async fn verify(
    store: &Store,
    link: LinkHash,
    notice: impl Fn(&User) -> NewJob + Send + 'static,
    now: Timestamp,
) -> Result<Result<Verified, Refused>, Error> {
    lock_out!(store, |conn| {
        let (user, held) =
            match redeem!(conn, link, [Purpose::VerifyEmail, Purpose::ChangeEmail], now) {
                Ok(taken) => taken,
                Err(refused) => return Ok(Err(refused)),
            };
        if !held.changes_email() {
            diesel::update(users::table.filter(present()).find(&user.id))
                .set((users::email_verified.eq(true), users::updated_at.eq(now)))
                .execute(conn)
                .await?;
            return Ok(Ok(Verified::Present));
        }
        diesel::insert_into(jobs::table).values(notice(&user)).execute(conn).await?;
        let user = diesel::update(users::table.filter(present()).find(&user.id))
            .set((
                users::email.eq(&held.email),
                users::email_verified.eq(true),
                users::updated_at.eq(now),
            ))
            .returning(User::as_returning())
            .get_result(conn)
            .await?;
        next_generation!(conn, &user.id, session_generation, link_generation);
        if let Some(asker) = &held.session_id {
            keep_session!(conn, &user.id, asker);
        }
        remove_sessions!(conn, &user.id, now);
        remove_links!(conn, &user.id, now);
        Ok(Ok(Verified::Changed(Box::new(user))))
    })
}
