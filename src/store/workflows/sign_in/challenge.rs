//! Sign-ins that wait for the second factor. A challenge is no session: it can only be completed.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{SignIn, SignInRequest, SignedIn};
use crate::{
    secrets::ChallengeHash,
    store::{
        Error, Store, invalidating_transaction, query,
        schema::{epoch, sessions, sign_in_challenges, users},
        statements,
        tables::{
            generation,
            locks::Locks,
            sessions::Methods,
            trusted_devices::{NewTrustedDevice, TrustDevices},
        },
        workflows::two_factor_enrolment::{Proof, ProveSecondFactor},
    },
    time::{Span, Timestamp, seconds},
};

/// How long a sign-in waits for the second factor.
pub const LIFETIME: Span = seconds(10 * 60);

/// How many codes may be tried for one sign-in.
const MOST_ATTEMPTS: i32 = 5;

/// Proof that a sign-in with this secret waits for the second factor. Only a sign-in creates one, and without one its
/// cookie cannot be set.
#[derive(Debug)]
pub struct Challenge {
    secret: ChallengeHash,
}

impl Challenge {
    /// Whether this is the challenge's secret.
    #[must_use]
    pub fn is_for(&self, secret: ChallengeHash) -> bool {
        self.secret == secret
    }
}

/// A row of `sign_in_challenges` to insert.
#[derive(Insertable)]
#[diesel(table_name = sign_in_challenges)]
struct NewChallenge<'a> {
    secret_hash: ChallengeHash,
    user_id: &'a str,
    methods: String,
    remember: bool,
    attempts: i32,
    generation: i64,
    expires_at: Timestamp,
}

statements! {
    /// The beginning of a challenge, within a transaction that has locked the user.
    pub(super) trait ChallengeStatements {
        /// Inserts a challenge, and ends the session that the browser had; returns none if the browser is a trusted device,
        /// which stands for the second factor.
        async fn challenge(
            conn,
            user_id: &str,
            methods: Methods,
            request: &SignInRequest,
            now: Timestamp
        ) -> Option<Challenge> {
            if let Some(secret) = request.device_secret
                && conn.use_trusted_device(user_id, secret, now).await?
            {
                return Ok(None);
            }
            if let Some(replaced) = request.replaced {
                diesel::delete(sessions::table.filter(sessions::secret_hash.eq(replaced)))
                    .execute(conn)
                    .await?;
            }
            let new = NewChallenge {
                secret_hash: request.challenge,
                user_id,
                methods: methods.to_string(),
                remember: request.remember,
                attempts: 0,
                generation: conn.trust_generation(user_id).await?,
                expires_at: now + LIFETIME,
            };
            diesel::insert_into(sign_in_challenges::table).values(new).execute(conn).await?;
            Ok(Some(Challenge { secret: request.challenge }))
        }
    }
}

/// A sign-in that waits.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = sign_in_challenges)]
pub struct PendingSignIn {
    secret_hash: ChallengeHash,
    /// Its user.
    pub user_id: String,
    methods: Methods,
    /// Whether its session outlives the browser.
    pub remember: bool,
    attempts: i32,
}

impl PendingSignIn {
    /// Whether no further code may be tried.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.attempts >= MOST_ATTEMPTS
    }
}

/// Matches challenges that nothing has revoked: as for trusted devices, a change of the password revokes them.
#[diesel::dsl::auto_type(no_type_alias)]
fn is_current() -> _ {
    sign_in_challenges::generation.eq(users::session_generation
        + users::link_generation
        + epoch::session_generation
        + epoch::link_generation)
}

/// Returns the sign-in with this secret, if it still waits.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn pending(
    store: &Store,
    secret: ChallengeHash,
    now: Timestamp,
) -> Result<Option<PendingSignIn>, Error> {
    query!(store, |conn| sign_in_challenges::table
        .inner_join(users::table)
        .inner_join(generation::site())
        .filter(sign_in_challenges::secret_hash.eq(secret))
        .filter(sign_in_challenges::expires_at.gt(now))
        .filter(is_current())
        .select(PendingSignIn::as_select())
        .get_result(conn)
        .await
        .optional())
}

/// A proof of the second factor for a sign-in that waits.
pub struct Completion {
    /// The sign-in.
    pub pending: PendingSignIn,
    /// The proof; none for a wrong code.
    pub proof: Option<Proof>,
    /// The browser.
    pub request: SignInRequest,
    /// The device to trust from now on.
    pub trusted: Option<NewTrustedDevice>,
}

/// The outcome of an attempt to complete a sign-in.
pub enum Completed {
    /// The second factor was proved: the outcome of the sign-in.
    Proved(SignedIn),
    /// The code is wrong or was used before. It is counted.
    CodeRejected,
    /// The sign-in was completed or revoked in the meantime, or no further code may be tried.
    Gone,
}

/// Completes a sign-in. Of two concurrent calls, one succeeds.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn complete(
    store: &Store,
    completion: Completion,
    now: Timestamp,
) -> Result<Completed, Error> {
    let policy = store.sign_in_policy;
    let replaces = completion.request.replaced.is_some();
    invalidating_transaction!(store, if replaces, |conn| {
        let Completion { pending, proof, request, trusted } = &completion;
        let Some(user) = conn.lock_user(&pending.user_id).await? else {
            return Ok(Completed::Gone);
        };
        // Read after the lock: a revocation in between revokes the challenge.
        let generation = conn.trust_generation(&pending.user_id).await?;
        let counted = diesel::update(sign_in_challenges::table.find(pending.secret_hash))
            .filter(sign_in_challenges::attempts.lt(MOST_ATTEMPTS))
            .filter(sign_in_challenges::generation.eq(generation))
            .set(sign_in_challenges::attempts.eq(sign_in_challenges::attempts + 1))
            .execute(conn)
            .await?;
        if counted == 0 {
            return Ok(Completed::Gone);
        }
        let Some(proof) = *proof else { return Ok(Completed::CodeRejected) };
        if !conn.accept_proof(&pending.user_id, proof).await? {
            return Ok(Completed::CodeRejected);
        }
        diesel::delete(sign_in_challenges::table.find(pending.secret_hash)).execute(conn).await?;
        if let Some(device) = trusted {
            conn.trust_device(device).await?;
        }
        let methods = proof.and(pending.methods);
        let signed_in = conn.sign_in(user, methods, request, policy, now).await?;
        if let SignedIn::Begun(begun) = &signed_in {
            conn.note_proof(&begun.1.session().id, Some(now)).await?;
        }
        Ok(Completed::Proved(signed_in))
    })
}
