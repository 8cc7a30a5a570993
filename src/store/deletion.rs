//! Leaving for good. It is done with one small transaction, however much a user owns: no key works any more, the
//! address is free, and no list or look-up shows them. What is theirs is deleted afterwards, in batches, and their row
//! last: `retention::leavers`.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{
    Error, Store,
    audit_events::Event,
    invalidating_transaction,
    locks::{lock_admins, lock_user},
    schema::{accounts, audit_events, jobs, users, verifications},
    user_search::unindex_user,
    users::{Role, User, is_last_admin, present},
    verifications::{LinkError, Purpose, Verification, redeem},
};
use crate::{secrets::LinkHash, time::Timestamp};

/// What is left of a user until their row goes: nothing personal.
#[derive(AsChangeset)]
#[diesel(table_name = users, treat_none_as_null = true)]
struct Left {
    email: String,
    name: &'static str,
    email_verified: bool,
    image: Option<String>,
    role: Role,
    deactivated_at: Timestamp,
    updated_at: Timestamp,
    deleted_at: Timestamp,
}

/// How a deletion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// They are gone.
    Done,
    /// The link that was to confirm it does nothing.
    LinkRejected(LinkError),
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
    invalidating_transaction!(store, |conn| {
        lock_admins!(conn);
        // Before what is theirs, as everywhere: whoever writes to them meanwhile waits here, or is waited for.
        let Some(user) = lock_user!(conn, &user_id) else {
            return Ok(Deleted::LinkRejected(LinkError::Unknown));
        };
        // Locked out since the gate let them in: what is theirs is for an admin to look at.
        if !user.is_active() {
            return Ok(Deleted::LinkRejected(LinkError::Deactivated));
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
                return Ok(Deleted::LinkRejected(LinkError::Unknown));
            }
            if let Err(refused) = redeem!(conn, link, [Purpose::DeleteAccount], now) {
                return Ok(Deleted::LinkRejected(refused));
            }
        }
        // Few, and what they let happen must not: a sign-in, and a mail.
        diesel::delete(accounts::table.filter(accounts::user_id.eq(&user.id)))
            .execute(conn)
            .await?;
        diesel::delete(jobs::table.filter(jobs::user_id.eq(&user.id))).execute(conn).await?;
        diesel::update(users::table.filter(present()).find(&user.id))
            .set((
                // What is deleted of them later has no rights left, and begins no epoch.
                users::session_generation.eq(users::session_generation + 1),
                users::token_generation.eq(users::token_generation + 1),
                users::link_generation.eq(users::link_generation + 1),
                Left {
                    // No address has no @.
                    email: format!("deleted {}", user.id),
                    name: "",
                    email_verified: false,
                    image: None,
                    role: Role::User,
                    deactivated_at: now,
                    updated_at: now,
                    deleted_at: now,
                },
            ))
            .execute(conn)
            .await?;
        unindex_user!(conn, &user.id);
        diesel::insert_into(audit_events::table).values(&event).execute(conn).await?;
        Ok(Deleted::Done)
    })
}
