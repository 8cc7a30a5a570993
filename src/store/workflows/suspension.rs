//! Suspension: the owner of an account stops all access to it, with a link in a mail about a change that they did not
//! make. The link alone grants nothing: access is restored by another link, mailed to the same mailbox, or by an admin.
//! That link chooses a password, or where passwords are not used signs in.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    secrets::LinkHash,
    store::{
        Error, Store, invalidating_transaction,
        schema::{accounts, suspension_links, suspensions, users},
        statements,
        tables::{
            activity::{Action, Client, Event, RecordEvent},
            jobs::{AddJob, NewJob},
            locks::Locks,
            sessions::{Method, Methods},
            suspension_links::SuspensionLink,
            users::{User, present},
            verifications::{LinkError, Purpose, RedeemLinks},
        },
        workflows::{
            email_proof::EmailProof,
            sign_in::{SignIn, SignInRequest, SignedIn},
        },
    },
    time::Timestamp,
};

/// Suspends all access of the user to whom a link was mailed, and mails them a link that restores it. Does
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
    restoring_mail: impl Fn(&User) -> NewJob + Send + 'static,
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
        let user = conn.lock_user(&mailed.user_id).await?;
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
            conn.add_job(&restoring_mail(&user)).await?;
        }
        let event = Event::of_user(&user.id, Action::AccessSuspended, &client, now);
        conn.record_event(&event).await?;
        Ok(Ok(()))
    })
}

/// Restores suspended access with a mailed link where passwords are not used, and signs in. Revokes what a password reset
/// revokes; the second factor stays due.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn restore(
    store: &Store,
    link: LinkHash,
    request: SignInRequest,
    now: Timestamp,
) -> Result<Result<SignedIn, LinkError>, Error> {
    let policy = store.sign_in_policy;
    invalidating_transaction!(store, |conn| {
        let (user, _) = match conn.redeem(link, &[Purpose::RestoreAccess], now).await? {
            Ok(redeemed) => redeemed,
            Err(refused) => return Ok(Err(refused)),
        };
        if user.suspended_at.is_none() {
            return Ok(Err(LinkError::Unknown));
        }
        if !conn.restore_by_mail(&user, &request.client, now).await? {
            return Ok(Err(LinkError::Suspended));
        }
        let user = conn.recover_account(user, &request.client, now).await?;
        let methods = Methods::one(Method::MagicLink);
        conn.sign_in(user, methods, &request, policy, now).await.map(Ok)
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

statements! {
    /// Restores suspended access, within a transaction.
    pub(in crate::store) trait RestoreAccess {
        /// Restores a user's suspended access for the holder of a link that was mailed to their email, and records it.
        /// Removes the password and linked accounts at providers: a thief may know the one, and have linked another.
        /// Returns false, and does nothing, if another mailbox has suspended it: the email was changed since.
        async fn restore_by_mail(conn, user: &User, client: &Client, now: Timestamp) -> bool {
            let matching: i64 = suspensions::table
                .find(&user.id)
                .filter(suspensions::email.eq(&user.email))
                .count()
                .get_result(conn)
                .await?;
            if matching == 1 {
                conn.restore_access(&user.id).await?;
                diesel::delete(accounts::table.filter(accounts::user_id.eq(&user.id)))
                    .execute(conn)
                    .await?;
                let event = Event::of_user(&user.id, Action::AccessRestored, client, now);
                conn.record_event(&event).await?;
            }
            Ok(matching == 1)
        }

        /// Restores suspended access, and revokes the links that could suspend it again.
        async fn restore_access(conn, user_id: &str) -> () {
            diesel::update(users::table.filter(present()).find(user_id))
                .set(users::suspended_at.eq(None::<Timestamp>))
                .execute(conn)
                .await?;
            diesel::delete(suspensions::table.find(user_id)).execute(conn).await?;
            diesel::delete(suspension_links::table.filter(suspension_links::user_id.eq(user_id)))
                .execute(conn)
                .await
                .map(drop)
        }
    }
}

use find_link_tx;
