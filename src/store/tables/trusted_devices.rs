//! Trusted devices: browsers in which a sign-in does not ask for the second factor.
//!
//! A device's generation is the sum of those of sessions and of links. So whatever revokes all sessions or all links of
//! a user or of the site revokes these as well: a change or reset of the password, "sign out everywhere", an admin, the
//! operator. No such operation has to know of this table.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    secrets::DeviceHash,
    store::{
        Error, Store,
        engine::page::new_id,
        query,
        schema::{epoch, trusted_devices, users},
        statements,
        tables::{generation, sessions::Device},
        transaction,
    },
    time::{Span, Timestamp, days},
};

/// How long a device stays trusted after its last sign-in.
pub const TRUSTED: Span = days(30);
/// The most devices that one user may trust: beyond it the oldest is forgotten.
pub const MOST: i64 = 20;

/// A row of `trusted_devices`, without the hash of its secret.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = trusted_devices)]
pub struct TrustedDevice {
    /// Its id.
    pub id: String,
    /// The IP address from which it was first trusted.
    pub ip_address: Option<String>,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
    /// When it was first trusted.
    pub created_at: Timestamp,
    /// When it last stood for the second factor.
    pub last_used_at: Timestamp,
    /// Until when it is trusted without another sign-in.
    pub expires_at: Timestamp,
}

/// A row of `trusted_devices` to insert.
#[derive(Clone, Insertable)]
#[diesel(table_name = trusted_devices)]
pub struct NewTrustedDevice {
    pub(in crate::store) id: String,
    pub(in crate::store) user_id: String,
    secret_hash: DeviceHash,
    ip_address: Option<String>,
    user_agent: Option<String>,
    created_at: Timestamp,
    last_used_at: Timestamp,
    expires_at: Timestamp,
}

impl NewTrustedDevice {
    /// A device that is trusted from now on.
    #[must_use]
    pub fn new(user_id: &str, secret_hash: DeviceHash, device: Device, now: Timestamp) -> Self {
        Self {
            id: new_id(),
            user_id: user_id.to_owned(),
            secret_hash,
            ip_address: device.ip_address,
            user_agent: device.user_agent,
            created_at: now,
            last_used_at: now,
            expires_at: now + TRUSTED,
        }
    }
}

/// Matches devices whose trust has not been revoked.
#[diesel::dsl::auto_type(no_type_alias)]
pub(in crate::store) fn trust_is_current() -> _ {
    trusted_devices::generation.eq(users::session_generation
        + users::link_generation
        + epoch::session_generation
        + epoch::link_generation)
}

/// Returns the devices that a user trusts, newest first.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn list(
    store: &Store,
    user_id: String,
    now: Timestamp,
) -> Result<Vec<TrustedDevice>, Error> {
    query!(store, |conn| trusted_devices::table
        .inner_join(users::table)
        .inner_join(generation::site())
        .filter(trust_is_current())
        .filter(trusted_devices::user_id.eq(&user_id))
        .filter(trusted_devices::expires_at.gt(now))
        .order(trusted_devices::id.desc())
        .select(TrustedDevice::as_select())
        .limit(MOST)
        .load(conn)
        .await)
}

/// Ends the trust in one device of a user. Returns whether there was such a device.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn remove(store: &Store, user_id: String, id: String) -> Result<bool, Error> {
    transaction!(store, |conn| {
        let removed = diesel::delete(trusted_devices::table.find(&id))
            .filter(trusted_devices::user_id.eq(&user_id))
            .execute(conn)
            .await?;
        Ok(removed == 1)
    })
}

statements! {
    /// Trusted devices, within a transaction.
    pub(in crate::store) trait TrustDevices {
        /// Returns the generation of a device that is trusted now.
        async fn trust_generation(conn, user_id: &str) -> i64 {
            let generation: Option<i64> = users::table
                .inner_join(generation::site())
                .filter(users::id.eq(user_id))
                .select(
                    users::session_generation
                        + users::link_generation
                        + epoch::session_generation
                        + epoch::link_generation,
                )
                .get_result(conn)
                .await
                .optional()?;
            Ok(generation.unwrap_or_default())
        }

        /// Trusts a device of a user who is locked. If there are then too many, forgets the oldest, and those whose trust
        /// was revoked.
        async fn trust_device(conn, device: &NewTrustedDevice) -> () {
            let generation = conn.trust_generation(&device.user_id).await?;
            diesel::insert_into(trusted_devices::table)
                .values((device, trusted_devices::generation.eq(generation)))
                .execute(conn)
                .await?;
            diesel::delete(
                trusted_devices::table
                    .filter(trusted_devices::user_id.eq(&device.user_id))
                    .filter(trusted_devices::generation.lt(generation)),
            )
            .execute(conn)
            .await?;
            let surplus: Vec<String> = trusted_devices::table
                .filter(trusted_devices::user_id.eq(&device.user_id))
                .filter(trusted_devices::id.ne(&device.id))
                .order(trusted_devices::id.desc())
                .select(trusted_devices::id)
                .offset(MOST - 1)
                .load(conn)
                .await?;
            diesel::delete(trusted_devices::table.filter(trusted_devices::id.eq_any(surplus)))
                .execute(conn)
                .await
                .map(drop)
        }

        /// Returns whether the user trusts the device with this secret, and extends the trust.
        async fn use_trusted_device(
            conn,
            user_id: &str,
            secret_hash: DeviceHash,
            now: Timestamp
        ) -> bool {
            let generation = conn.trust_generation(user_id).await?;
            let used = diesel::update(trusted_devices::table)
                .filter(trusted_devices::secret_hash.eq(secret_hash))
                .filter(trusted_devices::user_id.eq(user_id))
                .filter(trusted_devices::generation.eq(generation))
                .filter(trusted_devices::expires_at.gt(now))
                .set((
                    trusted_devices::last_used_at.eq(now),
                    trusted_devices::expires_at.eq(now + TRUSTED),
                ))
                .execute(conn)
                .await?;
            Ok(used == 1)
        }
    }
}
