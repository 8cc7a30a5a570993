//! Passkey ceremonies that have begun: what must be known when the browser's response arrives.

use diesel::{
    backend::Backend,
    deserialize::{self, FromSql, FromSqlRow},
    prelude::*,
    sql_types::Text,
};
use diesel_async::RunQueryDsl;
use strum::{EnumString, IntoStaticStr};

use crate::{
    secrets::CeremonyHash,
    store::{Error, Store, schema::passkey_ceremonies, transaction},
    time::{Span, Timestamp, seconds},
};

/// How long a ceremony may take.
pub const CEREMONY_LIFETIME: Span = seconds(5 * 60);

/// What a ceremony is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, FromSqlRow)]
#[strum(serialize_all = "kebab-case")]
pub enum CeremonyPurpose {
    /// To create a passkey.
    Registration,
    /// To sign in with any passkey.
    SignIn,
    /// To authenticate again in a session.
    Reauthentication,
}

impl<DB> FromSql<Text, DB> for CeremonyPurpose
where
    DB: Backend,
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(String::from_sql(value)?.parse()?)
    }
}

/// A row of `passkey_ceremonies`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = passkey_ceremonies)]
pub struct PasskeyCeremony {
    /// What it is for.
    pub purpose: CeremonyPurpose,
    /// Its user; none before a sign-in.
    pub user_id: Option<String>,
    /// What the verification needs, with the challenge.
    pub state: Vec<u8>,
}

/// A row of `passkey_ceremonies` to insert.
#[derive(Insertable)]
#[diesel(table_name = passkey_ceremonies)]
struct NewCeremony {
    secret_hash: CeremonyHash,
    purpose: &'static str,
    user_id: Option<String>,
    state: Vec<u8>,
    expires_at: Timestamp,
}

/// Begins a ceremony in the browser with this secret.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn begin(
    store: &Store,
    secret_hash: CeremonyHash,
    ceremony: PasskeyCeremony,
    now: Timestamp,
) -> Result<(), Error> {
    let PasskeyCeremony { purpose, user_id, state } = ceremony;
    let purpose = purpose.into();
    let expires_at = now + CEREMONY_LIFETIME;
    let new = NewCeremony { secret_hash, purpose, user_id, state, expires_at };
    transaction!(store, |conn| {
        diesel::insert_into(passkey_ceremonies::table).values(&new).execute(conn).await?;
        Ok(())
    })
}

/// Ends the ceremony of the browser with this secret and returns it; nothing if there is none, or it has expired. Of two
/// concurrent calls, one receives it.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn take(
    store: &Store,
    secret_hash: CeremonyHash,
    now: Timestamp,
) -> Result<Option<PasskeyCeremony>, Error> {
    transaction!(store, |conn| diesel::delete(passkey_ceremonies::table.find(secret_hash))
        .filter(passkey_ceremonies::expires_at.gt(now))
        .returning(PasskeyCeremony::as_returning())
        .get_result(conn)
        .await
        .optional())
}
