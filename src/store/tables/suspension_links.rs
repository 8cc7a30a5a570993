//! Mailed links that suspend access to an account. They stay valid until they expire or access is restored: neither a
//! change of the password nor of the email revokes them, since a thief may have made it.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    secrets::LinkHash,
    store::{Error, Store, schema::suspension_links, tables::locks::Locks, transaction},
    time::Timestamp,
};

/// A row of `suspension_links`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = suspension_links)]
pub struct SuspensionLink {
    /// The hash of its secret.
    pub secret_hash: LinkHash,
    /// The user whose access it suspends.
    pub user_id: String,
    /// The email that it was mailed to.
    pub email: String,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Issues a link, i.e. makes it valid, if its user still exists.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn issue(store: &Store, link: SuspensionLink) -> Result<bool, Error> {
    transaction!(store, |conn| {
        if conn.lock_user(&link.user_id).await?.is_none() {
            return Ok(false);
        }
        diesel::insert_into(suspension_links::table).values(&link).execute(conn).await?;
        Ok(true)
    })
}
