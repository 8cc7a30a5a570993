//! Sets a password: by the operator, by the holder of a mailed link, or by a user who knows the current one.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::json;

use crate::{
    secrets::{LinkHash, PasswordHash},
    store::{
        Error, Store, invalidating_transaction,
        schema::{accounts, jobs, users, verifications},
        tables::{
            accounts::{NewAccount, PasswordAccount},
            activity::{Action, Client, Event, record_event},
            generation::next_generation_tx,
            jobs::NewJob,
            locks::lock_user_tx,
            login_attempts::clear_login_attempts_tx,
            sessions::remove_sessions_tx,
            users::{User, present},
            verifications::{LinkError, Purpose, Verification, redeem_tx, remove_links_tx},
        },
        workflows::{
            email_proof::EmailProof,
            sign_in::{Renewal, SessionGrant, SessionStatements, SignInRequest},
            suspension::restore_by_mail_tx,
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
            clear_login_attempts_tx!(conn, &email);
        }
        put_password_tx!(conn, &account);
        let now = account.updated_at;
        next_generation_tx!(conn, &account.user_id, session_generation, link_generation);
        remove_sessions_tx!(conn, &account.user_id, now);
        remove_links_tx!(conn, &account.user_id, now);
        record_event!(conn, &event);
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
        let (user, _) = match redeem_tx!(conn, link, [Purpose::SetPassword], now) {
            Ok(taken) => taken,
            Err(refused) => return Ok(Err(refused)),
        };
        let had_password: i64 = accounts::table
            .filter(accounts::user_id.eq(&user.id))
            .filter(accounts::password_hash.is_not_null())
            .count()
            .get_result(conn)
            .await?;
        if user.suspended_at.is_some() && !restore_by_mail_tx!(conn, &user, &client, now) {
            return Ok(Err(LinkError::Suspended));
        }
        let user = conn.recover_account(user, &client, now).await?;
        put_password_tx!(conn, &NewAccount::password(&user.id, &hash, now));
        if had_password > 0 {
            diesel::insert_into(jobs::table).values(notice(&user)).execute(conn).await?;
        }
        let event = Event::of_user(&user.id, Action::PasswordReset, &client, now);
        record_event!(conn, &event);
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
        let Some(user) = lock_user_tx!(conn, &user_id).filter(User::is_active) else {
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
        clear_login_attempts_tx!(conn, &user.email);
        let session = if let Some(request) = &change.sole_session {
            next_generation_tx!(conn, &user_id, session_generation, link_generation);
            remove_sessions_tx!(conn, &user_id, now);
            let methods = change.renewal.methods;
            Some(conn.continue_session(&user_id, methods, request, now).await?)
        } else {
            next_generation_tx!(conn, &user_id, link_generation);
            conn.rotate_secret(&change.renewal, now).await?
        };
        remove_links_tx!(conn, &user_id, now);
        diesel::insert_into(jobs::table).values(&change.notice).execute(conn).await?;
        let event = Event::of_user(&user_id, Action::PasswordChanged, &change.client, now)
            .with_detail(json!({ "otherSessionsEnded": change.sole_session.is_some() }));
        record_event!(conn, &event);
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
