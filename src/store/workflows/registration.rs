//! Registration: new users, by sign-up or by an admin.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    store::{
        Error, Store, invalidating_transaction,
        schema::{accounts, activity, jobs},
        tables::{
            accounts::NewAccount,
            activity::{Action, Client, Event, RecordEvent},
            admin_write::{AdminCheckFailed, admin_write},
            jobs::{AddJob, NewJob},
            sessions::{Method, Methods},
            users::{User, search::IndexUsers},
        },
        transaction,
        workflows::sign_in::{SignIn, SignInRequest, SignedIn},
    },
    time::Timestamp,
};

/// Inserts a user with their sign-in method, their first session, which replaces the one that the browser had, and the
/// mail to them, if any.
///
/// # Errors
/// [`Error::Violated`] when another user has the email.
pub async fn sign_up(
    store: &Store,
    user: User,
    account: NewAccount,
    request: SignInRequest,
    mail: Option<NewJob>,
    now: Timestamp,
) -> Result<SignedIn, Error> {
    let policy = store.sign_in_policy;
    invalidating_transaction!(store, if request.replaced.is_some(), |conn| {
        let user = conn.insert_user(&user).await?;
        diesel::insert_into(accounts::table).values(&account).execute(conn).await?;
        if let Some(mail) = &mail {
            conn.add_job(mail).await?;
        }
        let event = Event::of_user(&user.id, Action::SignedUp, &request.client, now);
        conn.record_event(&event).await?;
        conn.sign_in(user, Methods::one(Method::Password), &request, policy, now).await
    })
}

/// Inserts a user who has yet to confirm the email; if another user has it, sends a mail to them instead. Both are one
/// transaction of the same steps, so that timing does not reveal which it was (user enumeration).
///
/// # Errors
/// As every query: see [`Error`].
pub async fn register(
    store: &Store,
    user: User,
    account: NewAccount,
    mails: Option<(NewJob, NewJob)>,
    client: Client,
) -> Result<(), Error> {
    transaction!(store, |conn| {
        let event = Event::of_user(&user.id, Action::SignedUp, &client, user.created_at);
        let added = conn.insert_user_unless_taken(&user).await?;
        if added {
            diesel::insert_into(accounts::table).values(&account).execute(conn).await?;
            conn.record_event(&event).await?;
        } else {
            // The same number of round trips as the other branch; these statements match no row.
            diesel::delete(accounts::table.find(&account.id)).execute(conn).await?;
            diesel::delete(activity::table.find(&event.id)).execute(conn).await?;
            for job in crate::store::user_events::jobs(&event) {
                diesel::delete(jobs::table.find(job.id())).execute(conn).await?;
            }
        }
        if let Some((welcome, sign_up_attempt)) = &mails {
            let mail = if added { welcome } else { sign_up_attempt };
            conn.add_job(mail).await?;
        }
        Ok(())
    })
}

/// What is inserted together with a new user.
pub struct CreateUserOptions {
    /// The sign-in method, if it is known already.
    pub account: Option<NewAccount>,
    /// The mail to the user.
    pub mail: Option<NewJob>,
    /// The event for the activity log.
    pub event: Event,
}

/// Inserts a user with these options, for an admin who still is one, or the operator.
///
/// # Errors
/// [`Error::Violated`] when another user has the email.
pub async fn create_user(
    store: &Store,
    user: User,
    with: CreateUserOptions,
) -> Result<Result<User, AdminCheckFailed>, Error> {
    admin_write!(store, by with.event.actor_id.clone(), |conn| {
        let user = conn.insert_user(&user).await?;
        if let Some(account) = &with.account {
            diesel::insert_into(accounts::table).values(account).execute(conn).await?;
        }
        if let Some(mail) = &with.mail {
            conn.add_job(mail).await?;
        }
        Ok(Ok((with.event.clone(), user)))
    })
}
