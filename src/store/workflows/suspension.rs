//! Suspension: the owner of an account stops all access to it, with a link in a mail about a change that they did not
//! make. The link alone grants nothing: access is restored by a password reset, or by an admin.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    secrets::LinkHash,
    store::{
        Error, Store, invalidating_transaction,
        schema::{jobs, suspension_links, suspensions, users},
        tables::{
            activity::{Action, Client, Event, record_tx},
            jobs::NewJob,
            locks::lock_user_tx,
            suspension_links::SuspensionLink,
            users::{User, present},
            verifications::LinkError,
        },
    },
    time::Timestamp,
};

/// Suspends all access of the user to whom a link was mailed, and mails them a link to choose a new password. Does
/// nothing if it is suspended already.
///
/// If the email was changed after the link was mailed, no mail is sent: a thief may have changed it. Then only an admin
/// can restore access.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn suspend(
    store: &Store,
    link: LinkHash,
    reset: impl Fn(&User) -> NewJob + Send + 'static,
    client: Client,
    now: Timestamp,
) -> Result<Result<(), LinkError>, Error> {
    invalidating_transaction!(store, |conn| {
        let Some(mailed) = find_link_tx!(conn, link) else {
            return Ok(Err(LinkError::Unknown));
        };
        if mailed.expires_at <= now {
            return Ok(Err(LinkError::Expired));
        }
        // Found again after the lock: restoring access deletes it.
        let user = lock_user_tx!(conn, &mailed.user_id);
        let (Some(user), Some(_)) = (user, find_link_tx!(conn, link)) else {
            return Ok(Err(LinkError::Unknown));
        };
        if user.suspended_at.is_some() {
            return Ok(Ok(()));
        }
        diesel::update(users::table.filter(present()).find(&user.id))
            .set((users::suspended_at.eq(now), users::updated_at.eq(now)))
            .execute(conn)
            .await?;
        diesel::insert_into(suspensions::table)
            .values((suspensions::user_id.eq(&user.id), suspensions::email.eq(&mailed.email)))
            .execute(conn)
            .await?;
        if mailed.email == user.email {
            diesel::insert_into(jobs::table).values(reset(&user)).execute(conn).await?;
        }
        let event = Event::of_user(&user.id, Action::AccessSuspended, &client, now);
        record_tx!(conn, &event);
        Ok(Ok(()))
    })
}

// Macros, because the statements must be expanded for each backend.
macro_rules! find_link_tx {
    ($conn:ident, $secret_hash:expr) => {{
        let link: Option<SuspensionLink> = suspension_links::table
            .find($secret_hash)
            .select(SuspensionLink::as_select())
            .get_result($conn)
            .await
            .optional()?;
        link
    }};
}

/// Whether a password reset by mail to the user's email restores their suspended access.
macro_rules! is_restored_by_tx {
    ($conn:ident, $user:expr) => {{
        use $crate::store::schema::suspensions;
        let user: &$crate::store::tables::users::User = $user;
        let matching: i64 = suspensions::table
            .find(&user.id)
            .filter(suspensions::email.eq(&user.email))
            .count()
            .get_result($conn)
            .await?;
        matching == 1
    }};
}

/// Restores suspended access, and revokes the links that could suspend it again.
macro_rules! restore_access_tx {
    ($conn:ident, $user_id:expr) => {{
        use $crate::store::schema::{suspension_links, suspensions};
        let user_id: &str = $user_id;
        diesel::update(users::table.filter($crate::store::tables::users::present()).find(user_id))
            .set(users::suspended_at.eq(None::<Timestamp>))
            .execute($conn)
            .await?;
        diesel::delete(suspensions::table.find(user_id)).execute($conn).await?;
        diesel::delete(suspension_links::table.filter(suspension_links::user_id.eq(user_id)))
            .execute($conn)
            .await?;
    }};
}

use find_link_tx;
pub(in crate::store) use {is_restored_by_tx, restore_access_tx};
