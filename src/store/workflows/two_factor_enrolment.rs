//! Turns the second factor on and off, and proves it in a session. The first two end the user's other sessions; all give
//! the own one a new secret.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    secrets::{EncryptedTotp, RecoveryHash, RecoverySalt},
    store::{
        Error, Store, invalidating_transaction,
        schema::{jobs, two_factor, users},
        tables::{
            activity::{Event, record_event},
            admin_write::{AdminCheckFailed, admin_write},
            generation::next_generation_tx,
            jobs::NewJob,
            locks::lock_user_tx,
            login_attempts::clear_code_attempts_tx,
            sessions::{Method, Methods, keep_session_tx, remove_sessions_tx},
            trusted_devices::{NewTrustedDevice, trust_device_tx},
            two_factor::{NewTwoFactor, TwoFactor, put_recovery_codes_tx, remove_second_factor_tx},
            users::User,
        },
        transaction,
        workflows::sign_in::{Renewal, SessionGrant, SessionStatements},
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

impl Proof {
    /// Returns the methods by which a session's user has authenticated, this time included.
    #[must_use]
    pub const fn and(self, methods: Methods) -> Methods {
        match self {
            Self::Step(_) => methods.and(Method::Totp),
            Self::RecoveryCode(_) => methods.and(Method::RecoveryCode),
            Self::Session => methods,
        }
    }
}

/// What a session gets when the second factor is proved in it.
pub struct Step {
    /// Its new secret.
    pub renewal: Renewal,
    /// The device to trust from now on.
    pub trusted: Option<NewTrustedDevice>,
}

/// The session in which the second factor is turned on or off, and the mail that notifies the user.
pub struct Change {
    /// The new secret of the session, the only one that continues.
    pub renewal: Renewal,
    /// The device to trust from now on.
    pub trusted: Option<NewTrustedDevice>,
    /// The mail.
    pub notice: NewJob,
    /// The event for the activity log.
    pub event: Event,
}

/// The second factor is changed.
pub struct Done {
    /// Its user.
    pub user: User,
    /// The session with its new secret; none if a concurrent request has rotated its secret.
    pub renewed: Option<SessionGrant>,
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
        note_proof_tx!(conn, &change.renewal.id, Some(now));
        Ok(Ok(finish_tx!(conn, user_id, &change, now)))
    })
}

/// Proves the second factor in a session of a user who has one.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn prove(
    store: &Store,
    user_id: String,
    proof: Proof,
    step: Step,
    now: Timestamp,
) -> Result<Result<Done, Unchanged>, Error> {
    invalidating_transaction!(store, |conn| {
        let user = match prove_tx!(conn, &user_id, proof) {
            Ok(user) => user,
            Err(unchanged) => return Ok(Err(unchanged)),
        };
        if let Some(device) = &step.trusted {
            trust_device_tx!(conn, device);
        }
        note_proof_tx!(conn, &step.renewal.id, Some(now));
        let renewed = conn.rotate_secret(&step.renewal, now).await?;
        Ok(Ok(Done { user, renewed }))
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
        if let Err(unchanged) = prove_tx!(conn, &user_id, proof) {
            return Ok(Err(unchanged));
        }
        remove_second_factor_tx!(conn, &user_id, now);
        note_proof_tx!(conn, &change.renewal.id, None::<Timestamp>);
        Ok(Ok(finish_tx!(conn, &user_id, &change, now)))
    })
}

/// Replaces the recovery codes of a user who proves the second factor once more.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn replace_recovery_codes(
    store: &Store,
    user_id: String,
    proof: Proof,
    codes: Codes,
    event: Event,
) -> Result<Result<(), Unchanged>, Error> {
    transaction!(store, |conn| {
        if let Err(unchanged) = prove_tx!(conn, &user_id, proof) {
            return Ok(Err(unchanged));
        }
        diesel::update(two_factor::table.find(&user_id))
            .set(two_factor::recovery_salt.eq(codes.salt.as_str()))
            .execute(conn)
            .await?;
        put_recovery_codes_tx!(conn, &user_id, &codes.hashes);
        record_event!(conn, &event);
        Ok(Ok(()))
    })
}

/// Removes a user's second factor, for an admin who still is one or for the operator: ends their sessions, and the wait
/// after wrong codes. Idempotent.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn reset(
    store: &Store,
    user_id: String,
    event: Event,
    notice: impl Fn(&User) -> NewJob + Send + 'static,
    now: Timestamp,
) -> Result<Result<User, AdminCheckFailed>, Error> {
    admin_write!(store, by event.actor_id.clone(), |conn| {
        let Some(user) = lock_user_tx!(conn, &user_id) else {
            return Ok(Err(AdminCheckFailed::NotFound));
        };
        let enrolled: Option<String> = two_factor::table
            .find(&user_id)
            .select(two_factor::user_id)
            .get_result(conn)
            .await
            .optional()?;
        if enrolled.is_some() {
            remove_second_factor_tx!(conn, &user_id, now);
            clear_code_attempts_tx!(conn, &user_id);
            next_generation_tx!(conn, &user_id, session_generation);
            remove_sessions_tx!(conn, &user_id, now);
            diesel::insert_into(jobs::table).values(notice(&user)).execute(conn).await?;
        }
        Ok(Ok((event.clone(), user)))
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

/// Within a transaction: locks an active user who has a second factor, and spends a proof of it; or returns why not.
macro_rules! prove_tx {
    ($conn:ident, $user_id:expr, $proof:expr) => {{
        match lock_user_tx!($conn, $user_id).filter(User::is_active) {
            None => Err(Unchanged::Deactivated),
            Some(user) if !user.two_factor_enabled => Err(Unchanged::NotEnabled),
            Some(user) => {
                if accept_proof_tx!($conn, $user_id, $proof) {
                    Ok(user)
                } else {
                    Err(Unchanged::CodeRejected)
                }
            }
        }
    }};
}

/// Within a transaction: records in a session when the second factor was proved in it.
macro_rules! note_proof_tx {
    ($conn:ident, $session_id:expr, $at:expr) => {{
        use $crate::store::schema::sessions;
        diesel::update(sessions::table.find($session_id))
            .set(sessions::second_factor_at.eq($at))
            .execute($conn)
            .await?
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
        if let Some(device) = &change.trusted {
            trust_device_tx!($conn, device);
        }
        let renewed = $conn.rotate_secret(&change.renewal, $now).await?;
        diesel::insert_into(jobs::table).values(&change.notice).execute($conn).await?;
        record_event!($conn, &change.event);
        let user = users::table.find(user_id).select(User::as_select()).get_result($conn).await?;
        Done { user, renewed }
    }};
}

pub(in crate::store) use {accept_proof_tx, note_proof_tx};
use {finish_tx, prove_tx};
