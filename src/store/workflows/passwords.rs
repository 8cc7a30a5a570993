//! Sets a password: by the operator, by the holder of a mailed link, or by a user who knows the current one.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::json;

use crate::{
    secrets::{LinkHash, PasswordHash},
    store::{
        Error, Store, invalidating_transaction,
        schema::{accounts, users},
        tables::{
            accounts::{NewAccount, PasswordAccount},
            activity::{Action, Client, Event, RecordEvent},
            generation::next_generation_tx,
            jobs::{AddJob, NewJob},
            locks::Locks,
            login_attempts::ClearAttempts,
            sessions::RevokeSessions,
            users::{User, present},
            verifications::{LinkError, Purpose, RedeemLinks},
        },
        workflows::{
            email_proof::EmailProof,
            sign_in::{Renewal, SessionGrant, SessionStatements, SignInRequest},
            suspension::RestoreAccess,
        },
    },
    time::Timestamp,
};

/// Sets a password for the operator: revokes every session and every mailed link of the user.
///
/// A deactivated user stays deactivated.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn set(store: &Store, account: NewAccount, event: Event) -> Result<(), Error> {
    invalidating_transaction!(store, |conn| {
        let email: Option<String> =
            diesel::update(users::table.filter(present()).find(&account.user_id))
                .set(users::updated_at.eq(account.updated_at))
                .returning(users::email)
                .get_result(conn)
                .await
                .optional()?;
        if let Some(email) = email {
            conn.clear_login_attempts(&email).await?;
        }
        put_password_tx!(conn, &account);
        let now = account.updated_at;
        next_generation_tx!(conn, &account.user_id, session_generation, link_generation);
        conn.remove_sessions(&account.user_id, now).await?;
        conn.remove_links(&account.user_id, now).await?;
        conn.record_event(&event).await?;
        Ok(())
    })
}

/// Sets the password that the holder of a mailed link has chosen, and notifies the user by mail if they had another.
/// Of two concurrent calls with one link, one succeeds.
///
/// Revokes every session, every token, every passkey and every other link: a user who resets a password may have lost
/// more than that. The link proves that its holder reads mail to the user's email. It restores suspended access, if that
/// mailbox also suspended it.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn reset(
    store: &Store,
    link: LinkHash,
    hash: PasswordHash,
    notice: impl Fn(&User) -> NewJob + Send + 'static,
    client: Client,
    now: Timestamp,
) -> Result<Result<(), LinkError>, Error> {
    invalidating_transaction!(store, |conn| {
        let (user, _) = match conn.redeem(link, &[Purpose::SetPassword], now).await? {
            Ok(taken) => taken,
            Err(refused) => return Ok(Err(refused)),
        };
        let had_password: i64 = accounts::table
            .filter(accounts::user_id.eq(&user.id))
            .filter(accounts::password_hash.is_not_null())
            .count()
            .get_result(conn)
            .await?;
        if user.suspended_at.is_some() && !conn.restore_by_mail(&user, &client, now).await? {
            return Ok(Err(LinkError::Suspended));
        }
        let user = conn.recover_account(user, &client, now).await?;
        put_password_tx!(conn, &NewAccount::password(&user.id, &hash, now));
        if had_password > 0 {
            conn.add_job(&notice(&user)).await?;
        }
        let event = Event::of_user(&user.id, Action::PasswordReset, &client, now);
        conn.record_event(&event).await?;
        Ok(Ok(()))
    })
}

/// A password that replaces another, which was verified just before.
pub struct Change {
    /// The password that was verified.
    pub verified: PasswordAccount,
    /// The new password's hash.
    pub hash: PasswordHash,
    /// The new secret of the session in which the password is changed, if the session continues.
    pub renewal: Renewal,
    /// The browser whose new session replaces all sessions, if they are to be revoked.
    pub sole_session: Option<SignInRequest>,
    /// The mail that notifies the user.
    pub notice: NewJob,
    /// The client that changes it.
    pub client: Client,
}

/// The outcome of changing a password.
pub enum Changed {
    /// It is changed.
    Done(Box<Done>),
    /// The user was deactivated in the meantime.
    Deactivated,
    /// The password is no longer the one that was verified.
    CredentialChanged,
}

/// A password that was changed.
pub struct Done {
    /// Its user.
    pub user: User,
    /// The session with its new secret; none if a concurrent request has rotated the secret.
    pub session: Option<SessionGrant>,
}

/// Changes a password, if it is still the one that was verified. Revokes every mailed link.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn change(
    store: &Store,
    user_id: String,
    change: Change,
    now: Timestamp,
) -> Result<Changed, Error> {
    invalidating_transaction!(store, |conn| {
        let Some(user) = conn.lock_user(&user_id).await?.filter(User::is_active) else {
            return Ok(Changed::Deactivated);
        };
        let changed = diesel::update(accounts::table.find(&change.verified.account_id))
            .filter(accounts::password_hash.eq(change.verified.hash.as_str()))
            .set((accounts::password_hash.eq(change.hash.as_str()), accounts::updated_at.eq(now)))
            .execute(conn)
            .await?;
        if changed == 0 {
            return Ok(Changed::CredentialChanged);
        }
        conn.clear_login_attempts(&user.email).await?;
        let session = if let Some(request) = &change.sole_session {
            next_generation_tx!(conn, &user_id, session_generation, link_generation);
            conn.remove_sessions(&user_id, now).await?;
            let methods = change.renewal.methods;
            Some(conn.continue_session(&user_id, methods, request, now).await?)
        } else {
            next_generation_tx!(conn, &user_id, link_generation);
            conn.rotate_secret(&change.renewal, now).await?
        };
        conn.remove_links(&user_id, now).await?;
        conn.add_job(&change.notice).await?;
        let event = Event::of_user(&user_id, Action::PasswordChanged, &change.client, now)
            .with_detail(json!({ "otherSessionsEnded": change.sole_session.is_some() }));
        conn.record_event(&event).await?;
        Ok(Changed::Done(Box::new(Done { user, session })))
    })
}

// Macros, because the statements must be expanded for each backend.
macro_rules! put_password_tx {
    ($conn:ident, $account:expr) => {{
        let account: &NewAccount = $account;
        diesel::insert_into(accounts::table)
            .values(account)
            .on_conflict((accounts::provider_id, accounts::account_id))
            .do_update()
            .set((
                accounts::password_hash.eq(&account.password_hash),
                accounts::updated_at.eq(account.updated_at),
            ))
            .execute($conn)
            .await?
    }};
}

use put_password_tx;
