//! Second factors: the TOTP secret of each user who has begun to enrol, and their recovery codes.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    secrets::{EncryptedTotp, KeyFingerprint, RecoveryHash, RecoverySalt},
    store::{
        Error, Store, query,
        schema::{recovery_codes, trusted_devices, two_factor, users},
        statements, transaction,
    },
    time::Timestamp,
};

/// A row of `two_factor`.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = two_factor)]
pub struct TwoFactor {
    /// The user's id.
    pub user_id: String,
    secret: Vec<u8>,
    key_fingerprint: KeyFingerprint,
    /// Since when it is in use; before that the user has not entered a first code yet.
    pub verified_at: Option<Timestamp>,
    recovery_salt: String,
}

impl TwoFactor {
    /// The TOTP secret, as it is stored.
    #[must_use]
    pub fn encrypted(&self) -> EncryptedTotp {
        EncryptedTotp { bytes: self.secret.clone(), key: self.key_fingerprint }
    }

    /// The salt of the recovery codes.
    #[must_use]
    pub fn recovery_salt(&self) -> RecoverySalt {
        RecoverySalt::stored(self.recovery_salt.clone())
    }
}

/// A row of `two_factor` to insert: not in use yet.
#[derive(Clone, Insertable, AsChangeset)]
#[diesel(table_name = two_factor, treat_none_as_null = true)]
pub(in crate::store) struct NewTwoFactor {
    user_id: String,
    secret: Vec<u8>,
    key_fingerprint: KeyFingerprint,
    verified_at: Option<Timestamp>,
    last_step: i64,
    recovery_salt: String,
    created_at: Timestamp,
}

impl NewTwoFactor {
    pub fn new(user_id: &str, secret: &EncryptedTotp, salt: &RecoverySalt, now: Timestamp) -> Self {
        Self {
            user_id: user_id.to_owned(),
            secret: secret.bytes.clone(),
            key_fingerprint: secret.key,
            verified_at: None,
            last_step: 0,
            recovery_salt: salt.as_str().to_owned(),
            created_at: now,
        }
    }
}

/// A row of `recovery_codes`.
#[derive(Insertable)]
#[diesel(table_name = recovery_codes)]
pub(in crate::store) struct StoredCode<'a> {
    pub user_id: &'a str,
    pub code_hash: RecoveryHash,
}

/// Returns a user's second factor, in use or not.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn find(store: &Store, user_id: String) -> Result<Option<TwoFactor>, Error> {
    query!(store, |conn| two_factor::table
        .find(&user_id)
        .select(TwoFactor::as_select())
        .get_result(conn)
        .await
        .optional())
}

/// Returns how many recovery codes a user has left.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn recovery_codes_left(store: &Store, user_id: String) -> Result<i64, Error> {
    query!(store, |conn| recovery_codes::table
        .filter(recovery_codes::user_id.eq(&user_id))
        .count()
        .get_result(conn)
        .await)
}

/// Returns some of the second factors whose secret one of these keys encrypts.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn encrypted_by(
    store: &Store,
    keys: Vec<KeyFingerprint>,
    limit: i64,
) -> Result<Vec<TwoFactor>, Error> {
    query!(store, |conn| two_factor::table
        .filter(two_factor::key_fingerprint.eq_any(&keys))
        .select(TwoFactor::as_select())
        .limit(limit)
        .load(conn)
        .await)
}

/// Returns the number of second factors in use whose secret none of these keys encrypts, and the ids of some of their users.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn encrypted_by_none_of(
    store: &Store,
    keys: Vec<KeyFingerprint>,
    shown: i64,
) -> Result<(i64, Vec<String>), Error> {
    query!(store, |conn| {
        let count = two_factor::table
            .filter(two_factor::key_fingerprint.ne_all(&keys))
            .filter(two_factor::verified_at.is_not_null())
            .count()
            .get_result(conn)
            .await?;
        let users = two_factor::table
            .filter(two_factor::key_fingerprint.ne_all(&keys))
            .filter(two_factor::verified_at.is_not_null())
            .order(two_factor::user_id)
            .select(two_factor::user_id)
            .limit(shown)
            .load(conn)
            .await?;
        Ok((count, users))
    })
}

/// Stores a secret as another key encrypts it, unless the user has another secret by now.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn encrypt_again(
    store: &Store,
    before: TwoFactor,
    after: EncryptedTotp,
) -> Result<(), Error> {
    transaction!(store, |conn| {
        diesel::update(two_factor::table.find(&before.user_id))
            .filter(two_factor::secret.eq(&before.secret))
            .set((two_factor::secret.eq(&after.bytes), two_factor::key_fingerprint.eq(after.key)))
            .execute(conn)
            .await?;
        Ok(())
    })
}

statements! {
    /// Changes of a second factor, within a transaction.
    pub(in crate::store) trait SecondFactor {
        /// Accepts the code of a time step, unless a code of this step or of a later one was accepted before (RFC 6238,
        /// 5.2). Returns whether it did.
        async fn accept_step(conn, user_id: &str, step: i64) -> bool {
            let accepted = diesel::update(two_factor::table.find(user_id))
                .filter(two_factor::verified_at.is_not_null())
                .filter(two_factor::last_step.lt(step))
                .set(two_factor::last_step.eq(step))
                .execute(conn)
                .await?;
            Ok(accepted == 1)
        }

        /// Spends a recovery code. Returns whether the user had it: of two concurrent attempts with one code, one deletes
        /// it.
        async fn spend_recovery_code(conn, user_id: &str, hash: RecoveryHash) -> bool {
            let spent =
                diesel::delete(recovery_codes::table.find((user_id, hash))).execute(conn).await?;
            Ok(spent == 1)
        }

        /// Replaces the recovery codes of a user who is locked.
        async fn put_recovery_codes(conn, user_id: &str, hashes: &[RecoveryHash]) -> () {
            diesel::delete(recovery_codes::table.filter(recovery_codes::user_id.eq(user_id)))
                .execute(conn)
                .await?;
            for code_hash in hashes {
                diesel::insert_into(recovery_codes::table)
                    .values(StoredCode { user_id, code_hash: *code_hash })
                    .execute(conn)
                    .await?;
            }
            Ok(())
        }

        /// Removes the second factor of a user who is locked, with the recovery codes and the trusted devices.
        async fn remove_second_factor(conn, user_id: &str, now: Timestamp) -> () {
            diesel::delete(two_factor::table.find(user_id)).execute(conn).await?;
            diesel::delete(recovery_codes::table.filter(recovery_codes::user_id.eq(user_id)))
                .execute(conn)
                .await?;
            diesel::delete(trusted_devices::table.filter(trusted_devices::user_id.eq(user_id)))
                .execute(conn)
                .await?;
            diesel::update(users::table.find(user_id))
                .set((users::two_factor_enabled.eq(false), users::updated_at.eq(now)))
                .execute(conn)
                .await
                .map(drop)
        }
    }
}
