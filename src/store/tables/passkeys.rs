//! Passkeys, and the handles by which authenticators know their users.

#[cfg(feature = "passkeys")]
mod verification;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    store::{
        Error, Store, query,
        schema::{passkey_ceremonies, passkey_handles, passkeys},
        statements,
    },
    time::Timestamp,
};

#[cfg(feature = "passkeys")]
pub use verification::{by_credential, handle_of, rename};

/// The most passkeys that one user may have.
pub const MOST: i64 = 50;

/// A row of `passkeys`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = passkeys)]
pub struct PasskeyRow {
    /// Its id.
    pub id: String,
    /// The user's id.
    pub user_id: String,
    /// The name that the user knows it by.
    pub name: String,
    /// The id that the authenticator knows it by.
    pub credential_id: Vec<u8>,
    /// The public key, in the form of the library that verifies.
    pub public_key: Vec<u8>,
    /// The signature counter: 32 bits.
    pub counter: i64,
    /// How browsers reach the authenticator, separated by commas.
    pub transports: String,
    /// Whether it may be copied to other devices.
    pub backup_eligible: bool,
    /// Whether it was copied, when it was last used.
    pub backed_up: bool,
    /// The model of the authenticator, as it says itself.
    pub aaguid: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

impl PasskeyRow {
    /// How browsers reach the authenticator.
    #[must_use]
    pub fn transports(&self) -> Vec<String> {
        self.transports.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }
}

/// Returns a user's passkeys, oldest first.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn list(store: &Store, user_id: String) -> Result<Vec<PasskeyRow>, Error> {
    query!(store, |conn| passkeys::table
        .filter(passkeys::user_id.eq(&user_id))
        .order(passkeys::id)
        .select(PasskeyRow::as_select())
        .limit(MOST)
        .load(conn)
        .await)
}

statements! {
    /// Removes passkeys, within a transaction.
    pub(in crate::store) trait RemovePasskeys {
        /// Removes all passkeys of a user who is locked, and the handle that their authenticators know.
        async fn remove_passkeys(conn, user_id: &str) -> () {
            diesel::delete(passkeys::table.filter(passkeys::user_id.eq(user_id)))
                .execute(conn)
                .await?;
            diesel::delete(passkey_ceremonies::table.filter(passkey_ceremonies::user_id.eq(user_id)))
                .execute(conn)
                .await?;
            diesel::delete(passkey_handles::table.find(user_id)).execute(conn).await.map(drop)
        }
    }
}

#[cfg(feature = "passkeys")]
pub(in crate::store) use verification::use_passkey_tx;
