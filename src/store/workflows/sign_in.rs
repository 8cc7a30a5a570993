//! Sign-in: the one place that creates sessions. Whatever the method, one function decides whether its user gets one.

mod challenge;
mod grant;
mod magic_link;
mod password;

use diesel::QueryResult;
use diesel_async::RunQueryDsl;
use serde_json::json;

use crate::{
    secrets::{ChallengeHash, DeviceHash, SessionHash},
    store::{
        Error, Store,
        engine::{postgres, sqlite},
        invalidating_transaction,
        tables::{
            activity::{Action, Client, Event, record_tx},
            sessions::{Device, Methods},
            users::User,
        },
    },
    time::Timestamp,
};

pub use challenge::{Challenge, Completed, Completion, LIFETIME, PendingSignIn, complete, pending};
pub use grant::{Renewal, SessionGrant};
pub use magic_link::{LinkFollowed, LinkRejected, MagicLinkSignIn, sign_in_with_link};
pub use password::{PasswordSignIn, sign_in_with_password};

pub(in crate::store) use grant::SessionStatements;

use challenge::ChallengeStatements;
use grant::InsertSession;

/// The rules for every sign-in.
#[derive(Debug, Clone, Copy)]
pub struct SignInPolicy {
    /// The most sessions that one user may have.
    pub max_sessions: u32,
    /// Whether only users with a confirmed email may sign in.
    pub verified_only: bool,
}

/// The browser that signs in, and what its session is to be like.
#[derive(Debug, Clone)]
pub struct SignInRequest {
    /// The secret of the session.
    pub secret: SessionHash,
    /// Whether the session outlives the browser and is refreshed.
    pub remember: bool,
    /// The device that signs in.
    pub device: Device,
    /// The same, as far as the activity log keeps it.
    pub client: Client,
    /// The session that the browser had: its secret must not stay valid beside the new one.
    pub replaced: Option<SessionHash>,
    /// The secret of the challenge, if the second factor is due.
    pub challenge: ChallengeHash,
    /// The secret of a trusted device that the browser presents.
    pub device_secret: Option<DeviceHash>,
}

/// The outcome of a sign-in with a verified credential.
pub enum SignedIn {
    /// The user has a session.
    Begun(Box<(User, SessionGrant)>),
    /// The user is deactivated.
    Deactivated,
    /// The user has not confirmed their email yet.
    NotVerified,
    /// The user must prove the second factor: the sign-in waits for it, without a session.
    SecondFactorDue(Challenge),
}

/// What the rules say about a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Begin,
    Deactivated,
    NotVerified,
    /// Unless the browser is a trusted device.
    SecondFactorDue,
}

fn decide(user: &User, methods: Methods, policy: SignInPolicy) -> Decision {
    if !user.is_active() {
        Decision::Deactivated
    } else if policy.verified_only && !user.email_verified {
        Decision::NotVerified
    } else if user.two_factor_enabled && !methods.has_second_factor() {
        Decision::SecondFactorDue
    } else {
        Decision::Begin
    }
}

/// Signs users in, within a transaction. A trait, because each database has its own type of connection.
pub(in crate::store) trait SignIn {
    /// Signs in a user, whose row the transaction has locked or inserted, after they have authenticated by these
    /// methods, and records it in the activity log.
    async fn sign_in(
        &mut self,
        user: User,
        methods: Methods,
        request: &SignInRequest,
        policy: SignInPolicy,
        now: Timestamp,
    ) -> QueryResult<SignedIn>;
}

macro_rules! sign_in {
    ($Connection:ty) => {
        impl SignIn for $Connection {
            async fn sign_in(
                &mut self,
                user: User,
                methods: Methods,
                request: &SignInRequest,
                policy: SignInPolicy,
                now: Timestamp,
            ) -> QueryResult<SignedIn> {
                match decide(&user, methods, policy) {
                    Decision::Deactivated => return Ok(SignedIn::Deactivated),
                    Decision::NotVerified => return Ok(SignedIn::NotVerified),
                    Decision::SecondFactorDue => {
                        let challenge = self.challenge(&user.id, methods, request, now).await?;
                        if let Some(challenge) = challenge {
                            return Ok(SignedIn::SecondFactorDue(challenge));
                        }
                    }
                    Decision::Begin => {}
                }
                let max = policy.max_sessions;
                let grant = self.insert_session(&user.id, methods, request, max, now).await?;
                let detail =
                    json!({ "methods": methods.names(), "sessionId": grant.session().id });
                let event = Event::of_user(&user.id, Action::SignedIn, &request.client, now);
                let conn = self;
                record_tx!(conn, &event.with_detail(detail));
                Ok(SignedIn::Begun(Box::new((user, grant))))
            }
        }
    };
}

sign_in!(postgres::Connection);
sign_in!(sqlite::Connection);

/// Records that a session's user has authenticated again (re-authentication), and rotates its secret. Returns nothing
/// if the session was revoked in the meantime, or a concurrent request has rotated its secret.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn authenticated_again(
    store: &Store,
    renewal: Renewal,
    now: Timestamp,
) -> Result<Option<SessionGrant>, Error> {
    invalidating_transaction!(store, |conn| conn.rotate_secret(&renewal, now).await)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{sessions::Method, users::Role};

    #[test]
    fn sign_in_is_decided_by_deactivation_then_verification_then_the_second_factor() {
        let now = Timestamp::from_micros(0);
        let user = |active: bool, email_verified, two_factor_enabled| User {
            email_verified,
            two_factor_enabled,
            deactivated_at: (!active).then_some(now),
            ..User::new(String::new(), String::new(), Role::User, now)
        };
        let policy = |verified_only| SignInPolicy { max_sessions: 1, verified_only };
        let first = Methods::one(Method::Password);
        let both = first.and(Method::Totp);
        for (active, verified, verified_only, enabled, methods, decision) in [
            (false, false, false, false, first, Decision::Deactivated),
            (false, false, true, true, first, Decision::Deactivated),
            (false, true, true, true, both, Decision::Deactivated),
            (true, false, true, true, both, Decision::NotVerified),
            (true, false, true, false, first, Decision::NotVerified),
            (true, false, false, false, first, Decision::Begin),
            (true, true, true, false, first, Decision::Begin),
            (true, true, false, true, first, Decision::SecondFactorDue),
            (true, false, false, true, Methods::default(), Decision::SecondFactorDue),
            (true, true, true, true, both, Decision::Begin),
        ] {
            let user = user(active, verified, enabled);
            assert_eq!(decide(&user, methods, policy(verified_only)), decision);
        }
    }
}
