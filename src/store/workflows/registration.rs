//! Registration: new users, by sign-up or by an admin.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    store::{
        Error, Store, invalidating_transaction,
        schema::{accounts, activity, jobs},
        tables::{
            accounts::NewAccount,
            activity::{Action, Client, Event, record_event},
            admin_write::{AdminCheckFailed, admin_write},
            jobs::NewJob,
            sessions::{Method, Methods},
            users::{
                User,
                search::{insert_user_tx, insert_user_unless_taken_tx},
            },
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
        let user = insert_user_tx!(conn, &user);
        diesel::insert_into(accounts::table).values(&account).execute(conn).await?;
        if let Some(mail) = &mail {
            diesel::insert_into(jobs::table).values(mail).execute(conn).await?;
        }
        let event = Event::of_user(&user.id, Action::SignedUp, &request.client, now);
        record_event!(conn, &event);
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
        let added = insert_user_unless_taken_tx!(conn, &user);
        if added {
            diesel::insert_into(accounts::table).values(&account).execute(conn).await?;
            record_event!(conn, &event);
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
            diesel::insert_into(jobs::table).values(mail).execute(conn).await?;
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
        let user = insert_user_tx!(conn, &user);
        if let Some(account) = &with.account {
            diesel::insert_into(accounts::table).values(account).execute(conn).await?;
        }
        if let Some(mail) = &with.mail {
            diesel::insert_into(jobs::table).values(mail).execute(conn).await?;
        }
        Ok(Ok((with.event.clone(), user)))
    })
}
