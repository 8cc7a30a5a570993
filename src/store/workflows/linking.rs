//! Links accounts at identity providers to users, and unlinks them.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::json;

use crate::{
    store::{
        Error, Store,
        schema::accounts,
        tables::{
            accounts::{NewAccount, link_tx},
            activity::{Action, Client, Event, RecordEvent},
            jobs::{AddJob, NewJob},
            locks::Locks,
            users::User,
        },
        transaction,
        workflows::sign_in_methods::{Usable, is_last_sign_in_method_tx},
    },
    time::Timestamp,
};

/// The outcome of linking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linked {
    /// The account is the user's.
    Done,
    /// It is another user's.
    OfAnotherUser,
    /// The user was deactivated or deleted in the meantime.
    UserGone,
}

/// Links an account to the user of a session, and sends them a mail. The account's email does not matter: the user has
/// shown, in one browser, to be both.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn link(
    store: &Store,
    account: NewAccount,
    mail: NewJob,
    client: Client,
    now: Timestamp,
) -> Result<Linked, Error> {
    transaction!(store, |conn| {
        let user = conn.lock_user(&account.user_id).await?;
        let Some(user) = user.filter(User::is_active) else {
            return Ok(Linked::UserGone);
        };
        let is_new = match link_tx!(conn, &account) {
            (owner, _) if owner != user.id => return Ok(Linked::OfAnotherUser),
            (_, is_new) => is_new,
        };
        if is_new {
            let event = Event::of_user(&user.id, Action::ProviderLinked, &client, now)
                .with_detail(json!({ "provider": account.provider_id }));
            conn.record_event(&event).await?;
            conn.add_job(&mail).await?;
        }
        Ok(Linked::Done)
    })
}

/// The outcome of unlinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlinked {
    /// The account is unlinked.
    Done,
    /// The user has no such account.
    NotFound,
    /// It is the last with which the user can sign in.
    Last,
}

/// Removes one of a user's sign-in methods, and sends them a mail. The last one stays, unless the user can always sign in
/// with a mailed link; a password counts only where passwords are accepted.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn unlink(
    store: &Store,
    (user_id, account_id): (String, String),
    usable: Usable,
    mail: NewJob,
    client: Client,
    now: Timestamp,
) -> Result<Unlinked, Error> {
    transaction!(store, |conn| {
        if conn.lock_user(&user_id).await?.is_none() {
            return Ok(Unlinked::NotFound);
        }
        let provider: Option<String> = accounts::table
            .find(&account_id)
            .filter(accounts::user_id.eq(&user_id))
            .select(accounts::provider_id)
            .get_result(conn)
            .await
            .optional()?;
        let Some(provider) = provider else { return Ok(Unlinked::NotFound) };
        if is_last_sign_in_method_tx!(conn, &user_id, &account_id, usable) {
            return Ok(Unlinked::Last);
        }
        diesel::delete(accounts::table.find(&account_id)).execute(conn).await?;
        let event = Event::of_user(&user_id, Action::ProviderUnlinked, &client, now)
            .with_detail(json!({ "provider": provider }));
        conn.record_event(&event).await?;
        conn.add_job(&mail).await?;
        Ok(Unlinked::Done)
    })
}
