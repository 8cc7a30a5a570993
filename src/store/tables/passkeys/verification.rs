//! What the ceremonies read and write: a build without passkeys has only the rows.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::PasskeyRow;
use crate::{
    secrets::passkeys::{NewPasskey, StoredPasskey},
    store::{
        Error, Store,
        engine::page::new_id,
        query,
        schema::{passkey_handles, passkeys},
        tables::activity::{Event, RecordEvent},
        transaction,
    },
    time::Timestamp,
};

impl PasskeyRow {
    /// A passkey that was just created.
    #[must_use]
    pub fn new(user_id: &str, name: String, created: NewPasskey, now: Timestamp) -> Self {
        Self {
            id: new_id(),
            user_id: user_id.to_owned(),
            name,
            credential_id: created.credential_id,
            public_key: created.public_key,
            counter: created.counter.into(),
            transports: created.transports.join(","),
            backup_eligible: created.backup_eligible,
            backed_up: created.backed_up,
            aaguid: created.aaguid,
            created_at: now,
            last_used_at: None,
        }
    }

    /// Returns what the verification needs, for the user with this handle.
    #[must_use]
    pub fn stored(&self, user_handle: Vec<u8>) -> StoredPasskey {
        StoredPasskey {
            credential_id: self.credential_id.clone(),
            public_key: self.public_key.clone(),
            counter: u32::try_from(self.counter).unwrap_or(u32::MAX),
            backup_eligible: self.backup_eligible,
            user_handle,
        }
    }
}

/// Returns the passkey that an authenticator knows by this id, and the handle of its user.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn by_credential(
    store: &Store,
    credential_id: Vec<u8>,
) -> Result<Option<(PasskeyRow, Vec<u8>)>, Error> {
    query!(store, |conn| passkeys::table
        .inner_join(passkey_handles::table.on(passkey_handles::user_id.eq(passkeys::user_id)))
        .filter(passkeys::credential_id.eq(&credential_id))
        .select((PasskeyRow::as_select(), passkey_handles::handle))
        .get_result(conn)
        .await
        .optional())
}

/// Returns the handle of a user: the stored one, or else this one, which is stored.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn handle_of(store: &Store, user_id: String, new: Vec<u8>) -> Result<Vec<u8>, Error> {
    let found = user_id.clone();
    let stored: Option<Vec<u8>> = query!(store, |conn| passkey_handles::table
        .find(&found)
        .select(passkey_handles::handle)
        .get_result(conn)
        .await
        .optional())?;
    if let Some(handle) = stored {
        return Ok(handle);
    }
    transaction!(store, |conn| {
        diesel::insert_into(passkey_handles::table)
            .values((passkey_handles::user_id.eq(&user_id), passkey_handles::handle.eq(&new)))
            .on_conflict(passkey_handles::user_id)
            .do_nothing()
            .execute(conn)
            .await?;
        passkey_handles::table.find(&user_id).select(passkey_handles::handle).get_result(conn).await
    })
}

/// Renames a user's passkey. Returns nothing if the user has no such passkey.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn rename(
    store: &Store,
    user_id: String,
    id: String,
    name: String,
    event: Event,
) -> Result<Option<PasskeyRow>, Error> {
    transaction!(store, |conn| {
        let renamed: Option<PasskeyRow> = diesel::update(passkeys::table.find(&id))
            .filter(passkeys::user_id.eq(&user_id))
            .set(passkeys::name.eq(&name))
            .returning(PasskeyRow::as_returning())
            .get_result(conn)
            .await
            .optional()?;
        if renamed.is_some() {
            conn.record_event(&event).await?;
        }
        Ok(renamed)
    })
}

// A macro, because the statements must be expanded for each backend.

/// Within a transaction that has locked the user: records that a passkey was used, if it is still as it was when its
/// response was verified. Returns whether it is: of two responses with one signature counter, one is accepted.
macro_rules! use_passkey_tx {
    ($conn:ident, $passkey:expr, $assertion:expr, $now:expr) => {{
        use $crate::{
            secrets::passkeys::Assertion,
            store::{schema::passkeys, tables::passkeys::PasskeyRow},
        };
        let (passkey, assertion): (&PasskeyRow, &Assertion) = ($passkey, $assertion);
        let used = diesel::update(passkeys::table.find(&passkey.id))
            .filter(passkeys::user_id.eq(&passkey.user_id))
            .filter(passkeys::counter.eq(passkey.counter))
            .set((
                passkeys::counter.eq(i64::from(assertion.counter)),
                passkeys::backed_up.eq(assertion.backed_up),
                passkeys::last_used_at.eq($now),
            ))
            .execute($conn)
            .await?;
        used == 1
    }};
}

pub(in crate::store) use use_passkey_tx;
