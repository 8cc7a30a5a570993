//! Turns the second factor on and off, and proves it in a session. The first two end the user's other sessions; all give
//! the own one a new secret.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    secrets::{EncryptedTotp, RecoveryHash, RecoverySalt},
    store::{
        Error, Store, invalidating_transaction,
        schema::{sessions, two_factor, users},
        statements,
        tables::{
            activity::{Event, RecordEvent},
            admin_write::{AdminCheckFailed, admin_write},
            generation::next_generation_tx,
            jobs::{AddJob, NewJob},
            locks::Locks,
            login_attempts::ClearAttempts,
            sessions::{Method, Methods, RevokeSessions},
            trusted_devices::{NewTrustedDevice, TrustDevices},
            two_factor::{NewTwoFactor, SecondFactor, TwoFactor},
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
        let Some(user) = conn.lock_user(&user_id).await?.filter(User::is_active) else {
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
        conn.put_recovery_codes(&user_id, &codes.hashes).await?;
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
        let Some(user) = conn.lock_user(user_id).await?.filter(User::is_active) else {
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
        conn.note_proof(&change.renewal.id, Some(now)).await?;
        Ok(Ok(conn.finish_change(user_id, &change, now).await?))
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
        let user = match conn.prove_second_factor(&user_id, proof).await? {
            Ok(user) => user,
            Err(unchanged) => return Ok(Err(unchanged)),
        };
        if let Some(device) = &step.trusted {
            conn.trust_device(device).await?;
        }
        conn.note_proof(&step.renewal.id, Some(now)).await?;
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
        if let Err(unchanged) = conn.prove_second_factor(&user_id, proof).await? {
            return Ok(Err(unchanged));
        }
        conn.remove_second_factor(&user_id, now).await?;
        conn.note_proof(&change.renewal.id, None).await?;
        Ok(Ok(conn.finish_change(&user_id, &change, now).await?))
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
        if let Err(unchanged) = conn.prove_second_factor(&user_id, proof).await? {
            return Ok(Err(unchanged));
        }
        diesel::update(two_factor::table.find(&user_id))
            .set(two_factor::recovery_salt.eq(codes.salt.as_str()))
            .execute(conn)
            .await?;
        conn.put_recovery_codes(&user_id, &codes.hashes).await?;
        conn.record_event(&event).await?;
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
        let Some(user) = conn.lock_user(&user_id).await? else {
            return Ok(Err(AdminCheckFailed::NotFound));
        };
        let enrolled: Option<String> = two_factor::table
            .find(&user_id)
            .select(two_factor::user_id)
            .get_result(conn)
            .await
            .optional()?;
        if enrolled.is_some() {
            conn.remove_second_factor(&user_id, now).await?;
            conn.clear_code_attempts(&user_id).await?;
            next_generation_tx!(conn, &user_id, session_generation);
            conn.remove_sessions(&user_id, now).await?;
            conn.add_job(&notice(&user)).await?;
        }
        Ok(Ok((event.clone(), user)))
    })
}

statements! {
    /// The proof of a second factor, and what follows a change of it, within a transaction.
    pub(in crate::store) trait ProveSecondFactor {
        /// Returns whether a proof of the second factor of a user who is locked is accepted, and spends it.
        async fn accept_proof(conn, user_id: &str, proof: Proof) -> bool {
            match proof {
                Proof::Step(step) => conn.accept_step(user_id, step).await,
                Proof::RecoveryCode(hash) => conn.spend_recovery_code(user_id, hash).await,
                Proof::Session => Ok(true),
            }
        }

        /// Locks an active user who has a second factor, and spends a proof of it; or returns why not.
        async fn prove_second_factor(
            conn,
            user_id: &str,
            proof: Proof
        ) -> Result<User, Unchanged> {
            let user = conn.lock_user(user_id).await?.filter(User::is_active);
            let Some(user) = user else { return Ok(Err(Unchanged::Deactivated)) };
            if !user.two_factor_enabled {
                return Ok(Err(Unchanged::NotEnabled));
            }
            let accepted = conn.accept_proof(user_id, proof).await?;
            Ok(if accepted { Ok(user) } else { Err(Unchanged::CodeRejected) })
        }

        /// Records in a session when the second factor was proved in it.
        async fn note_proof(conn, session_id: &str, at: Option<Timestamp>) -> () {
            diesel::update(sessions::table.find(session_id))
                .set(sessions::second_factor_at.eq(at))
                .execute(conn)
                .await
                .map(drop)
        }

        /// Ends all sessions but the own one, which gets a new secret, and notifies the user, after a change of the second
        /// factor.
        async fn finish_change(conn, user_id: &str, change: &Change, now: Timestamp) -> Done {
            next_generation_tx!(conn, user_id, session_generation);
            conn.keep_session(user_id, &change.renewal.id).await?;
            conn.remove_sessions(user_id, now).await?;
            if let Some(device) = &change.trusted {
                conn.trust_device(device).await?;
            }
            let renewed = conn.rotate_secret(&change.renewal, now).await?;
            conn.add_job(&change.notice).await?;
            conn.record_event(&change.event).await?;
            let user = users::table.find(user_id).select(User::as_select()).get_result(conn).await?;
            Ok(Done { user, renewed })
        }
    }
}
