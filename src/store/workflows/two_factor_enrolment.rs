//! Turns the second factor on and off. Both end the user's other sessions, and give the own one a new secret.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    secrets::{EncryptedTotp, RecoveryHash, RecoverySalt},
    store::{
        Error, Store, invalidating_transaction,
        schema::{jobs, sessions, two_factor, users},
        tables::{
            generation::next_generation_tx,
            jobs::NewJob,
            locks::lock_user_tx,
            sessions::{Renewal, keep_session_tx, remove_sessions_tx, rotate_secret_tx},
            two_factor::{
                NewTwoFactor, TwoFactor, put_recovery_codes_tx, remove_second_factor_tx,
            },
            users::User,
        },
        transaction,
    },
    time::Timestamp,
};

/// Recovery codes to store.
#[derive(Clone)]
pub struct Codes {
    /// Their hashes.
    pub hashes: Vec<RecoveryHash>,
    /// Their salt.
    pub salt: RecoverySalt,
}

/// Why the second factor was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unchanged {
    /// The user was deactivated in the meantime.
    Deactivated,
    /// It is on already.
    AlreadyEnabled,
    /// It is not on.
    NotEnabled,
    /// The code was used before, or the secret was replaced in the meantime.
    CodeRejected,
}

/// What proves the second factor.
#[derive(Debug, Clone, Copy)]
pub enum Proof {
    /// A code of this time step.
    Step(i64),
    /// A recovery code.
    RecoveryCode(RecoveryHash),
    /// The session, in which it was proved a short time ago.
    Session,
}

/// The session in which the second factor is turned on or off, and the mail that notifies the user.
pub struct Change {
    /// The new secret of the session, the only one that continues.
    pub renewal: Renewal,
    /// The mail.
    pub notice: NewJob,
}

/// The second factor is changed.
pub struct Done {
    /// Its user.
    pub user: User,
    /// Whether the browser must receive a new cookie.
    pub renewed: bool,
}

/// Begins to enrol: stores a secret that is not in use yet, and the recovery codes. Replaces what an earlier attempt
/// has left.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn begin(
    store: &Store,
    user_id: String,
    secret: EncryptedTotp,
    codes: Codes,
    now: Timestamp,
) -> Result<Result<(), Unchanged>, Error> {
    transaction!(store, |conn| {
        let Some(user) = lock_user_tx!(conn, &user_id).filter(User::is_active) else {
            return Ok(Err(Unchanged::Deactivated));
        };
        if user.two_factor_enabled {
            return Ok(Err(Unchanged::AlreadyEnabled));
        }
        let new = NewTwoFactor::new(&user_id, &secret, &codes.salt, now);
        diesel::insert_into(two_factor::table)
            .values(&new)
            .on_conflict(two_factor::user_id)
            .do_update()
            .set(&new)
            .execute(conn)
            .await?;
        put_recovery_codes_tx!(conn, &user_id, &codes.hashes);
        Ok(Ok(()))
    })
}

/// Turns the second factor on, after a code of this time step has proved that the user's app has the secret.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn enable(
    store: &Store,
    proved: TwoFactor,
    step: i64,
    change: Change,
    now: Timestamp,
) -> Result<Result<Done, Unchanged>, Error> {
    invalidating_transaction!(store, |conn| {
        let user_id = proved.user_id.as_str();
        let Some(user) = lock_user_tx!(conn, user_id).filter(User::is_active) else {
            return Ok(Err(Unchanged::Deactivated));
        };
        if user.two_factor_enabled {
            return Ok(Err(Unchanged::AlreadyEnabled));
        }
        let enabled = diesel::update(two_factor::table.find(user_id))
            .filter(two_factor::secret.eq(proved.encrypted().bytes))
            .set((two_factor::verified_at.eq(now), two_factor::last_step.eq(step)))
            .execute(conn)
            .await?;
        if enabled == 0 {
            return Ok(Err(Unchanged::CodeRejected));
        }
        diesel::update(users::table.find(user_id))
            .set((users::two_factor_enabled.eq(true), users::updated_at.eq(now)))
            .execute(conn)
            .await?;
        Ok(Ok(finish_tx!(conn, user_id, &change, now)))
    })
}

/// Turns the second factor off, if it is proved once more.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn disable(
    store: &Store,
    user_id: String,
    proof: Proof,
    change: Change,
    now: Timestamp,
) -> Result<Result<Done, Unchanged>, Error> {
    invalidating_transaction!(store, |conn| {
        let Some(user) = lock_user_tx!(conn, &user_id).filter(User::is_active) else {
            return Ok(Err(Unchanged::Deactivated));
        };
        if !user.two_factor_enabled {
            return Ok(Err(Unchanged::NotEnabled));
        }
        if !accept_proof_tx!(conn, &user_id, proof) {
            return Ok(Err(Unchanged::CodeRejected));
        }
        remove_second_factor_tx!(conn, &user_id, now);
        Ok(Ok(finish_tx!(conn, &user_id, &change, now)))
    })
}

/// Replaces the recovery codes of a user whose second factor is on.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn replace_recovery_codes(
    store: &Store,
    user_id: String,
    codes: Codes,
) -> Result<Result<(), Unchanged>, Error> {
    transaction!(store, |conn| {
        let Some(user) = lock_user_tx!(conn, &user_id).filter(User::is_active) else {
            return Ok(Err(Unchanged::Deactivated));
        };
        if !user.two_factor_enabled {
            return Ok(Err(Unchanged::NotEnabled));
        }
        diesel::update(two_factor::table.find(&user_id))
            .set(two_factor::recovery_salt.eq(codes.salt.as_str()))
            .execute(conn)
            .await?;
        put_recovery_codes_tx!(conn, &user_id, &codes.hashes);
        Ok(Ok(()))
    })
}

// Macros, because the statements must be expanded for each backend.

/// Within a transaction that has locked the user: returns whether a proof of the second factor is accepted, and spends
/// it.
macro_rules! accept_proof_tx {
    ($conn:ident, $user_id:expr, $proof:expr) => {{
        use $crate::store::{
            tables::two_factor::{accept_step_tx, spend_recovery_code_tx},
            workflows::two_factor_enrolment::Proof,
        };
        match $proof {
            Proof::Step(step) => accept_step_tx!($conn, $user_id, step),
            Proof::RecoveryCode(hash) => spend_recovery_code_tx!($conn, $user_id, hash),
            Proof::Session => true,
        }
    }};
}

/// Within a transaction that has changed the second factor: ends all sessions but the own one, which gets a new secret,
/// and notifies the user.
macro_rules! finish_tx {
    ($conn:ident, $user_id:expr, $change:expr, $now:expr) => {{
        let (user_id, change): (&str, &Change) = ($user_id, $change);
        next_generation_tx!($conn, user_id, session_generation);
        keep_session_tx!($conn, user_id, &change.renewal.id);
        remove_sessions_tx!($conn, user_id, $now);
        let renewed = rotate_secret_tx!($conn, &change.renewal, $now);
        diesel::insert_into(jobs::table).values(&change.notice).execute($conn).await?;
        let user = users::table
            .find(user_id)
            .select(User::as_select())
            .get_result($conn)
            .await?;
        Done { user, renewed }
    }};
}

pub(in crate::store) use accept_proof_tx;
use finish_tx;
