//! Sign-in: the one place that creates sessions. Whatever the method, one function decides whether its user gets one.

mod challenge;
mod grant;
mod magic_link;
#[cfg(feature = "passkeys")]
mod passkey;
mod password;
#[cfg(feature = "providers")]
mod provider;

use serde_json::json;

use crate::{
    secrets::{ChallengeHash, DeviceHash, SessionHash},
    store::{
        Error, Store, invalidating_transaction, statements,
        tables::{
            activity::{Action, Client, Event, RecordEvent},
            jobs::{AddJob, NewJob},
            known_clients::{KnownClient, NoteClient},
            sessions::{Device, Methods},
            users::User,
        },
    },
    time::Timestamp,
};

pub use challenge::{Challenge, Completed, Completion, LIFETIME, PendingSignIn, complete, pending};
pub use grant::{Reauthenticated, Renewal, SessionGrant};
pub use magic_link::{LinkFollowed, LinkRejected, MagicLinkSignIn, sign_in_with_link};
#[cfg(feature = "passkeys")]
pub use passkey::{UsedPasskey, reauthenticate_with_passkey, sign_in_with_passkey};
pub use password::{PasswordSignIn, sign_in_with_password};
#[cfg(feature = "providers")]
pub use provider::{
    NewProviderUser, ProvidedEmail, ProviderFollowed, ProviderRejected, ProviderSignIn,
    reauthenticate_with_provider, sign_in_with_provider,
};

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
    /// What the sign-in is compared with earlier ones by; none if the settings keep no networks and devices.
    pub known: Option<KnownClient>,
    /// Builds the mail about a sign-in from a client unlike the earlier ones.
    pub new_client_notice: fn(&User, &KnownClient, Timestamp) -> NewJob,
}

/// The outcome of a sign-in with a verified credential.
pub enum SignedIn {
    /// The user has a session.
    Begun(Box<(User, SessionGrant)>),
    /// The user may not sign in.
    Refused(Refusal),
    /// The user must prove the second factor: the sign-in waits for it, without a session.
    SecondFactorDue(Challenge),
}

/// Why a user with a verified credential may not sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// They are deactivated.
    Deactivated,
    /// Their access is suspended.
    Suspended,
    /// They have not confirmed their email yet.
    NotVerified,
}

/// What the rules say about a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Begin,
    Refuse(Refusal),
    /// Unless the browser is a trusted device.
    SecondFactorDue,
}

fn decide(user: &User, methods: Methods, policy: SignInPolicy) -> Decision {
    if user.is_deactivated() {
        Decision::Refuse(Refusal::Deactivated)
    } else if user.suspended_at.is_some() {
        Decision::Refuse(Refusal::Suspended)
    } else if policy.verified_only && !user.email_verified {
        Decision::Refuse(Refusal::NotVerified)
    } else if user.two_factor_enabled && !methods.has_second_factor() {
        Decision::SecondFactorDue
    } else {
        Decision::Begin
    }
}

statements! {
    /// Signs users in, within a transaction.
    pub(in crate::store) trait SignIn {
        /// Signs in a user, whose row the transaction has locked or inserted, after they have authenticated by these
        /// methods, and records it in the activity log.
        async fn sign_in(
            conn,
            user: User,
            methods: Methods,
            request: &SignInRequest,
            policy: SignInPolicy,
            now: Timestamp
        ) -> SignedIn {
            match decide(&user, methods, policy) {
                Decision::Refuse(refusal) => return Ok(SignedIn::Refused(refusal)),
                Decision::SecondFactorDue => {
                    let challenge = conn.challenge(&user.id, methods, request, now).await?;
                    if let Some(challenge) = challenge {
                        return Ok(SignedIn::SecondFactorDue(challenge));
                    }
                }
                Decision::Begin => {}
            }
            let max = policy.max_sessions;
            let grant = conn.insert_session(&user.id, methods, request, max, now).await?;
            let detail = json!({ "methods": methods.names(), "sessionId": grant.session().id });
            let event = Event::of_user(&user.id, Action::SignedIn, &request.client, now);
            conn.record_event(&event.with_detail(detail)).await?;
            if let Some(known) = &request.known
                && conn.note_client(&user.id, known, now).await?
            {
                conn.add_job(&(request.new_client_notice)(&user, known, now)).await?;
            }
            Ok(SignedIn::Begun(Box::new((user, grant))))
        }
    }
}

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
    fn sign_in_is_decided_by_access_then_verification_then_the_second_factor() {
        let now = Timestamp::from_micros(0);
        let (active, suspended, deactivated) = ((None, None), (None, Some(now)), (Some(now), None));
        let refused = Decision::Refuse;
        let first = Methods::one(Method::Password);
        let both = first.and(Method::Totp);
        for (access, verified, verified_only, enabled, methods, decision) in [
            (deactivated, false, false, false, first, refused(Refusal::Deactivated)),
            ((Some(now), Some(now)), false, true, true, first, refused(Refusal::Deactivated)),
            (deactivated, true, true, true, both, refused(Refusal::Deactivated)),
            (suspended, false, true, true, first, refused(Refusal::Suspended)),
            (suspended, true, true, true, both, refused(Refusal::Suspended)),
            (active, false, true, true, both, refused(Refusal::NotVerified)),
            (active, false, true, false, first, refused(Refusal::NotVerified)),
            (active, false, false, false, first, Decision::Begin),
            (active, true, true, false, first, Decision::Begin),
            (active, true, false, true, first, Decision::SecondFactorDue),
            (active, false, false, true, Methods::default(), Decision::SecondFactorDue),
            (active, true, true, true, both, Decision::Begin),
            (active, true, true, true, Methods::one(Method::Passkey), Decision::SecondFactorDue),
            (active, true, true, true, Methods::one(Method::VerifiedPasskey), Decision::Begin),
        ] {
            let (deactivated_at, suspended_at) = access;
            let user = User {
                email_verified: verified,
                two_factor_enabled: enabled,
                deactivated_at,
                suspended_at,
                ..User::new(String::new(), String::new(), Role::User, now)
            };
            let policy = SignInPolicy { max_sessions: 1, verified_only };
            assert_eq!(decide(&user, methods, policy), decision);
        }
    }
}
