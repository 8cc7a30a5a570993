//! The first admin of a new site, made by whoever holds a link that the server has printed.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{
    Error, Store,
    accounts::NewAccount,
    audit_events::Event,
    invalidating_transaction,
    locks::lock_admins,
    schema::{accounts, audit_events, setup_links, users},
    sessions::{NewSession, SessionRow, begin_session},
    transaction,
    user_search::insert_user,
    users::{User, any_active_admin_in},
};
use crate::{
    secrets::{LinkHash, SessionHash},
    time::Timestamp,
};

/// Makes a link work, while there is no admin; false when there is one.
///
/// # Errors
/// When the store is unavailable.
pub async fn issue(store: &Store, link: LinkHash, expires_at: Timestamp) -> Result<bool, Error> {
    transaction!(store, |conn| {
        if any_active_admin_in!(conn) {
            return Ok(false);
        }
        diesel::insert_into(setup_links::table)
            .values((setup_links::secret_hash.eq(link), setup_links::expires_at.eq(expires_at)))
            .execute(conn)
            .await?;
        Ok(true)
    })
}

/// What the first admin begins with.
pub struct FirstAdmin {
    /// The link that makes them one.
    pub link: LinkHash,
    /// Who they are.
    pub user: User,
    /// How they sign in.
    pub account: NewAccount,
    /// Their first session.
    pub session: NewSession,
    /// The session that the browser had until now.
    pub replaced: Option<SessionHash>,
    /// What the audit log says of it.
    pub event: Event,
}

/// How a claim ended.
pub enum SetupOutcome {
    /// There is an admin now, and this is their session.
    Done(Box<(User, SessionRow)>),
    /// Somebody is one already.
    AdminExists,
    /// The link was never made, has been used, or is too old.
    InvalidLink,
}

/// Makes the first admin. Of two who try at once, one succeeds; every link is dead then.
///
/// # Errors
/// [`Error::Violated`] when the address belongs to somebody; the link stays.
pub async fn claim(
    store: &Store,
    first: FirstAdmin,
    now: Timestamp,
) -> Result<SetupOutcome, Error> {
    let max_sessions = store.max_sessions;
    invalidating_transaction!(store, if first.replaced.is_some(), |conn| {
        lock_admins!(conn);
        if any_active_admin_in!(conn) {
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
        let user = insert_user!(conn, &first.user);
        diesel::insert_into(accounts::table).values(&first.account).execute(conn).await?;
        diesel::insert_into(audit_events::table).values(&first.event).execute(conn).await?;
        let session = begin_session!(conn, &first.session, first.replaced, max_sessions);
        Ok(SetupOutcome::Done(Box::new((user, session))))
    })
}
