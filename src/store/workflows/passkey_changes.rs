//! Adds and removes passkeys, and notifies their user by mail.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::json;

use crate::store::{
    Error, Store,
    schema::passkeys,
    tables::{
        activity::{Event, RecordEvent},
        jobs::{AddJob, NewJob},
        locks::Locks,
        passkeys::{MOST, PasskeyRow},
        users::User,
    },
    transaction,
    workflows::sign_in_methods::{Usable, is_last_sign_in_method_tx},
};

/// Why a passkey was not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAdded {
    /// The user was deactivated in the meantime.
    Deactivated,
    /// A user, this one or another, has a passkey with this credential id.
    Taken,
    /// The user has as many passkeys as one may have.
    TooMany,
}

/// Why a passkey was not removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRemoved {
    /// The user has no such passkey.
    NotFound,
    /// It is the user's last sign-in method.
    LastMethod,
}

/// Adds a passkey.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn add(
    store: &Store,
    passkey: PasskeyRow,
    notice: NewJob,
    event: Event,
) -> Result<Result<(), NotAdded>, Error> {
    transaction!(store, |conn| {
        let Some(user) = conn.lock_user(&passkey.user_id).await?.filter(User::is_active) else {
            return Ok(Err(NotAdded::Deactivated));
        };
        let present: i64 =
            passkeys::table.filter(passkeys::user_id.eq(&user.id)).count().get_result(conn).await?;
        if present >= MOST {
            return Ok(Err(NotAdded::TooMany));
        }
        let added = diesel::insert_into(passkeys::table)
            .values(&passkey)
            .on_conflict(passkeys::credential_id)
            .do_nothing()
            .execute(conn)
            .await?;
        if added == 0 {
            return Ok(Err(NotAdded::Taken));
        }
        conn.add_job(&notice).await?;
        conn.record_event(&event.clone().with_detail(detail(&passkey))).await?;
        Ok(Ok(()))
    })
}

/// Removes a user's passkey, unless it is the last sign-in method.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn remove(
    store: &Store,
    user_id: String,
    id: String,
    usable: Usable,
    notice: NewJob,
    event: Event,
) -> Result<Result<(), NotRemoved>, Error> {
    transaction!(store, |conn| {
        // Locked, so that two requests cannot each remove the last but one.
        let Some(user) = conn.lock_user(&user_id).await? else {
            return Ok(Err(NotRemoved::NotFound));
        };
        let passkey: Option<PasskeyRow> = passkeys::table
            .find(&id)
            .filter(passkeys::user_id.eq(&user.id))
            .select(PasskeyRow::as_select())
            .get_result(conn)
            .await
            .optional()?;
        let Some(passkey) = passkey else { return Ok(Err(NotRemoved::NotFound)) };
        if is_last_sign_in_method_tx!(conn, &user.id, &id, usable) {
            return Ok(Err(NotRemoved::LastMethod));
        }
        diesel::delete(passkeys::table.find(&id)).execute(conn).await?;
        conn.add_job(&notice).await?;
        conn.record_event(&event.clone().with_detail(detail(&passkey))).await?;
        Ok(Ok(()))
    })
}

fn detail(passkey: &PasskeyRow) -> serde_json::Value {
    json!({ "passkeyId": passkey.id, "name": passkey.name })
}
