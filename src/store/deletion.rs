//! Leaving for good. Everything that is a user's goes with their row: the tables say ON DELETE CASCADE.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{
    Error, Store,
    audit_events::Event,
    lock_out,
    locks::lock_admins,
    schema::{audit_events, users, verifications},
    users::{Role, User, find_in, is_last_admin},
    verifications::{Purpose, Refused, Verification, redeem},
};
use crate::{secrets::LinkHash, time::Timestamp};

/// How a deletion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// They are gone.
    Done,
    /// The link that was to confirm it does nothing.
    Refused(Refused),
    /// It would have left the site without an active admin.
    LastAdmin,
}

/// Deletes a user, confirmed by a link of theirs if one is given. The site keeps at least one active
/// admin; the link is then not spent.
///
/// # Errors
/// When the store is unavailable.
pub async fn delete(
    store: &Store,
    user_id: String,
    confirmed_by: Option<LinkHash>,
    event: Event,
    now: Timestamp,
) -> Result<Deleted, Error> {
    lock_out!(store, |conn| {
        lock_admins!(conn);
        let Some(user) = find_in!(conn, &user_id) else {
            return Ok(Deleted::Refused(Refused::Unknown));
        };
        // Locked out since the gate let them in: what is theirs is for an admin to look at.
        if !user.is_active() {
            return Ok(Deleted::Refused(Refused::Deactivated));
        }
        if is_last_admin!(conn, &user) {
            return Ok(Deleted::LastAdmin);
        }
        if let Some(link) = confirmed_by {
            let own: i64 = verifications::table
                .filter(verifications::secret_hash.eq(link))
                .filter(verifications::user_id.eq(&user.id))
                .count()
                .get_result(conn)
                .await?;
            // A stranger's link is none here, and must not be spent by trying it.
            if own == 0 {
                return Ok(Deleted::Refused(Refused::Unknown));
            }
            if let Err(refused) = redeem!(conn, link, [Purpose::DeleteAccount], now) {
                return Ok(Deleted::Refused(refused));
            }
        }
        diesel::delete(users::table.find(&user.id)).execute(conn).await?;
        diesel::insert_into(audit_events::table).values(&event).execute(conn).await?;
        Ok(Deleted::Done)
    })
}
