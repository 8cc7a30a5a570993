//! Bootstrapping: the first admin of a new site is the holder of a link that the server has printed.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    secrets::LinkHash,
    store::{
        Error, Store, invalidating_transaction,
        schema::{accounts, setup_links},
        tables::{
            accounts::NewAccount,
            activity::{Event, RecordEvent},
            locks::Locks,
            sessions::{Method, Methods},
            users::{FindUsers, User, search::IndexUsers},
        },
        transaction,
        workflows::sign_in::{SignIn, SignInRequest, SignedIn},
    },
    time::Timestamp,
};

/// Issues a setup link if the site has no admin; returns false otherwise.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn issue(store: &Store, link: LinkHash, expires_at: Timestamp) -> Result<bool, Error> {
    transaction!(store, |conn| {
        if conn.any_active_admin().await? {
            return Ok(false);
        }
        diesel::insert_into(setup_links::table)
            .values((setup_links::secret_hash.eq(link), setup_links::expires_at.eq(expires_at)))
            .execute(conn)
            .await?;
        Ok(true)
    })
}

/// The rows that are inserted for the first admin.
pub struct FirstAdmin {
    /// The setup link.
    pub link: LinkHash,
    /// The new user.
    pub user: User,
    /// The password, where passwords are accepted.
    pub account: Option<NewAccount>,
    /// The browser that they are signed in with.
    pub request: SignInRequest,
    /// The event for the activity log.
    pub event: Event,
}

/// The outcome of a setup.
pub enum SetupOutcome {
    /// The site has an admin now, who was signed in.
    Done(SignedIn),
    /// The site already has an admin.
    AdminExists,
    /// The link was never issued, has been used, or has expired.
    InvalidLink,
}

/// Creates the first admin. Of two concurrent calls one succeeds; every other setup link is deleted.
///
/// # Errors
/// [`Error::Violated`] when another user has the email; the link then stays valid.
pub async fn claim(
    store: &Store,
    first: FirstAdmin,
    now: Timestamp,
) -> Result<SetupOutcome, Error> {
    let policy = store.sign_in_policy;
    invalidating_transaction!(store, if first.request.replaced.is_some(), |conn| {
        conn.lock_admins().await?;
        if conn.any_active_admin().await? {
            return Ok(SetupOutcome::AdminExists);
        }
        let live = diesel::delete(setup_links::table.find(first.link))
            .filter(setup_links::expires_at.gt(now))
            .execute(conn)
            .await?;
        if live == 0 {
            return Ok(SetupOutcome::InvalidLink);
        }
        diesel::delete(setup_links::table).execute(conn).await?;
        let user = conn.insert_user(&first.user).await?;
        let method = match &first.account {
            Some(account) => {
                diesel::insert_into(accounts::table).values(account).execute(conn).await?;
                Method::Password
            }
            None => Method::MagicLink,
        };
        conn.record_event(&first.event).await?;
        let methods = Methods::one(method);
        conn.sign_in(user, methods, &first.request, policy, now).await.map(SetupOutcome::Done)
    })
}
