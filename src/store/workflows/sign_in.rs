//! Sign-in: a session for a user whose password was verified.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    secrets::{PasswordHash, SessionHash},
    store::{
        Error, Store, invalidating_transaction,
        schema::accounts,
        tables::{
            accounts::PasswordAccount,
            locks::lock_user_tx,
            sessions::{NewSession, SessionRow, begin_session_tx},
            users::User,
        },
    },
};

/// The outcome of signing in with a verified password.
pub enum SignedIn {
    /// A session has been created.
    Begun(Box<(User, SessionRow)>),
    /// The user is deactivated.
    Deactivated,
    /// The password was changed while it was being checked.
    CredentialChanged,
    /// The user has not confirmed their email yet.
    NotVerified,
}

/// What a sign-in needs besides a password.
pub struct SigningIn {
    /// The password's hash by the current parameters, if the stored one is older.
    pub rehashed: Option<PasswordHash>,
    /// The session to create.
    pub session: NewSession,
    /// The session that the browser had: its secret must not stay valid beside the new one.
    pub replaced: Option<SessionHash>,
    /// Whether only users with a confirmed email may sign in.
    pub verified_only: bool,
}

/// Creates a session, if the password is still the one that was verified, and its user active.
///
/// Locks both rows, so that no change of password and no deactivation can interleave with the check and the insertion.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn sign_in(
    store: &Store,
    verified: PasswordAccount,
    with: SigningIn,
) -> Result<SignedIn, Error> {
    let SigningIn { rehashed, session, replaced, verified_only } = with;
    let current_hash = rehashed.as_ref().unwrap_or(&verified.hash).as_str().to_owned();
    let max_sessions = store.max_sessions;
    invalidating_transaction!(store, if replaced.is_some(), |conn| {
        let Some(user) = lock_user_tx!(conn, session.user_id()).filter(User::is_active) else {
            return Ok(SignedIn::Deactivated);
        };
        let unchanged = diesel::update(accounts::table.find(&verified.account_id))
            .filter(accounts::password_hash.eq(verified.hash.as_str()))
            .set(accounts::password_hash.eq(&current_hash))
            .execute(conn)
            .await?;
        if unchanged == 0 {
            return Ok(SignedIn::CredentialChanged);
        }
        if verified_only && !user.email_verified {
            return Ok(SignedIn::NotVerified);
        }
        let session = begin_session_tx!(conn, &session, replaced, max_sessions);
        Ok(SignedIn::Begun(Box::new((user, session))))
    })
}
