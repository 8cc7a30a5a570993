//! Account deletion. One small transaction does it, however much a user owns: every credential stops working, the
//! email becomes free, and no list or lookup shows the user. The user's rows are deleted afterwards in batches, and
//! the user's own row last: `retention::leavers`.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    secrets::LinkHash,
    store::{
        Error, Store, invalidating_transaction,
        schema::{accounts, jobs, users, verifications},
        tables::{
            activity::{Event, RecordEvent},
            locks::Locks,
            passkeys::RemovePasskeys,
            users::{FindUsers, Role, present, search::IndexUsers},
            verifications::{LinkError, Purpose, RedeemLinks},
        },
    },
    time::Timestamp,
};

/// The values that overwrite a user's row until it is deleted: nothing personal.
#[derive(AsChangeset)]
#[diesel(table_name = users, treat_none_as_null = true)]
struct DeletedUser {
    email: String,
    name: &'static str,
    email_verified: bool,
    image: Option<String>,
    role: Role,
    deactivated_at: Timestamp,
    updated_at: Timestamp,
    deleted_at: Timestamp,
}

/// The outcome of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// The account is deleted.
    Done,
    /// The link that was to confirm it is not valid.
    LinkRejected(LinkError),
    /// It would have left the site without an active admin.
    LastAdmin,
}

/// Deletes a user's account, confirmed by a link of theirs if one is given. The site keeps at least one active admin;
/// the link is then not spent.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn delete(
    store: &Store,
    user_id: String,
    confirmed_by: Option<LinkHash>,
    event: Event,
    now: Timestamp,
) -> Result<Deleted, Error> {
    invalidating_transaction!(store, |conn| {
        conn.lock_admins().await?;
        // Locked before the user's other rows, as everywhere: a concurrent write to them waits here, or this waits for
        // it.
        let Some(user) = conn.lock_user(&user_id).await? else {
            return Ok(Deleted::LinkRejected(LinkError::Unknown));
        };
        // Deactivated since the gate accepted the request: an admin may still need the user's data.
        if !user.is_active() {
            return Ok(Deleted::LinkRejected(LinkError::Deactivated));
        }
        if conn.is_last_admin(&user).await? {
            return Ok(Deleted::LastAdmin);
        }
        if let Some(link) = confirmed_by {
            let own: i64 = verifications::table
                .filter(verifications::secret_hash.eq(link))
                .filter(verifications::user_id.eq(&user.id))
                .count()
                .get_result(conn)
                .await?;
            // Another user's link is not valid here, and must not be spent by the attempt.
            if own == 0 {
                return Ok(Deleted::LinkRejected(LinkError::Unknown));
            }
            if let Err(refused) = conn.redeem(link, &[Purpose::DeleteAccount], now).await? {
                return Ok(Deleted::LinkRejected(refused));
            }
        }
        // Deleted now, because they are few and must have no effect any more: sign-in methods and mails.
        diesel::delete(accounts::table.filter(accounts::user_id.eq(&user.id)))
            .execute(conn)
            .await?;
        conn.remove_passkeys(&user.id).await?;
        diesel::delete(jobs::table.filter(jobs::user_id.eq(&user.id))).execute(conn).await?;
        diesel::update(users::table.filter(present()).find(&user.id))
            .set((
                // Rows that are deleted later are then already revoked, and begin no epoch.
                users::session_generation.eq(users::session_generation + 1),
                users::token_generation.eq(users::token_generation + 1),
                users::link_generation.eq(users::link_generation + 1),
                DeletedUser {
                    // Contains no @, so it equals no email.
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
        conn.unindex_user(&user.id).await?;
        conn.record_event(&event).await?;
        Ok(Deleted::Done)
    })
}
