use std::num::NonZeroU32;

use webauthn_rp::{
    AuthenticatedCredential, DiscoverableAuthentication64, DiscoverableAuthenticationServerState,
    DiscoverableCredentialRequestOptions, NonDiscoverableAuthentication64,
    NonDiscoverableAuthenticationServerState, NonDiscoverableCredentialRequestOptions,
    bin::Decode,
    bin::Encode,
    request::{
        Credentials, PublicKeyCredentialDescriptor, UserVerificationRequirement,
        auth::{
            AllowedCredentials, AuthenticationVerificationOptions,
            PublicKeyCredentialRequestOptions,
        },
    },
    response::{
        AuthTransports, AuthenticatorAttachment, Backup, CredentialId,
        auth::error::AuthCeremonyErr,
        register::{DynamicState, StaticState},
    },
};

use super::{CannotBegin, Ceremony, Rejected, RelyingParty, TIMEOUT, challenge_of, handle};

/// A passkey as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPasskey {
    /// The credential id.
    pub credential_id: Vec<u8>,
    /// The public key, as the registration has returned it.
    pub public_key: Vec<u8>,
    /// The signature counter.
    pub counter: u32,
    /// Whether it may be copied to other devices.
    pub backup_eligible: bool,
    /// The handle of its user.
    pub user_handle: Vec<u8>,
}

/// What an authenticator has proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assertion {
    /// The new signature counter.
    pub counter: u32,
    /// Whether the passkey is copied to other devices now.
    pub backed_up: bool,
    /// Whether the authenticator has verified the user, by a PIN or a fingerprint for instance, and not only that one is
    /// present.
    pub user_verified: bool,
}

/// Why an assertion is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssertionRejected {
    /// It is signed, and its signature counter has not grown: there may be a copy of the authenticator.
    CounterWentBack,
    /// It is not valid.
    Invalid(Rejected),
}

/// A browser's response, of which only the form was checked.
pub enum PresentedAssertion {
    /// Of any passkey of this site, which names its user.
    Discovered(DiscoverableAuthentication64),
    /// Of one of the listed passkeys.
    Listed(NonDiscoverableAuthentication64),
}

impl PresentedAssertion {
    /// Reads the response to a request for any passkey: `AuthenticationResponseJSON`.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn discovered(response: &str) -> Result<Self, Rejected> {
        // The library panics later if the handle is null (webauthn_rp 0.3.0).
        let read = read_any(response)?;
        if read.response().user_handle().is_none() {
            return Err(Rejected("the user handle is missing".into()));
        }
        DiscoverableAuthentication64::from_json_relaxed(response.as_bytes())
            .map(Self::Discovered)
            .map_err(|reason| Rejected(reason.to_string()))
    }

    /// Reads the response to a request for one of the listed passkeys.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn listed(response: &str) -> Result<Self, Rejected> {
        read_any(response).map(Self::Listed)
    }

    /// The id of the passkey that it claims to come from.
    #[must_use]
    pub fn credential_id(&self) -> &[u8] {
        match self {
            Self::Discovered(response) => response.raw_id().into_inner(),
            Self::Listed(response) => response.raw_id().into_inner(),
        }
    }
}

fn read_any(response: &str) -> Result<NonDiscoverableAuthentication64, Rejected> {
    NonDiscoverableAuthentication64::from_json_relaxed(response.as_bytes())
        .map_err(|reason| Rejected(reason.to_string()))
}

impl RelyingParty {
    /// Begins a sign-in with any passkey of this site.
    ///
    /// # Errors
    /// Never with these options.
    pub fn begin_sign_in(&self) -> Result<Ceremony, CannotBegin> {
        let mut options = DiscoverableCredentialRequestOptions::passkey(&self.id);
        prepare(&mut options.0)?;
        let (server, client) = options.start_ceremony().map_err(|_| CannotBegin)?;
        Ok(Ceremony {
            challenge: challenge_of(&client)?,
            state: server.encode().map_err(|_| CannotBegin)?,
        })
    }

    /// Begins a re-authentication with one of a user's passkeys.
    ///
    /// # Errors
    /// When there are none, or a stored id is not valid.
    pub fn begin_reauthentication(&self, ids: Vec<Vec<u8>>) -> Result<Ceremony, CannotBegin> {
        // The transports are written into the browser's options elsewhere.
        let transports = AuthTransports::decode(0).map_err(|_| CannotBegin)?;
        let mut allowed = AllowedCredentials::with_capacity(ids.len());
        for id in ids {
            let id = CredentialId::<Vec<u8>>::decode(id).map_err(|_| CannotBegin)?;
            allowed.push(PublicKeyCredentialDescriptor { id, transports }.into());
        }
        let mut options = NonDiscoverableCredentialRequestOptions::second_factor(&self.id, allowed)
            .map_err(|_| CannotBegin)?;
        prepare(options.options())?;
        let (server, client) = options.start_ceremony().map_err(|_| CannotBegin)?;
        Ok(Ceremony {
            challenge: challenge_of(&client)?,
            state: server.encode().map_err(|_| CannotBegin)?,
        })
    }

    /// Verifies a response with the stored passkey that it names.
    ///
    /// # Errors
    /// Why it is rejected.
    pub fn verify(
        &self,
        state: &[u8],
        presented: &PresentedAssertion,
        stored: &StoredPasskey,
    ) -> Result<Assertion, AssertionRejected> {
        let broken = || AssertionRejected::Invalid(Rejected("a stored value is not valid".into()));
        let handle = handle(&stored.user_handle).ok_or_else(broken)?;
        let id = CredentialId::<&[u8]>::decode(&stored.credential_id).map_err(|_| broken())?;
        let key = StaticState::decode(stored.public_key.as_slice()).map_err(|_| broken())?;
        let dynamic = DynamicState {
            // It becomes true only by this response.
            user_verified: false,
            backup: if stored.backup_eligible { Backup::Eligible } else { Backup::NotEligible },
            sign_count: stored.counter,
            authenticator_attachment: AuthenticatorAttachment::None,
        };
        let mut credential =
            AuthenticatedCredential::new(id, &handle, key, dynamic).map_err(|_| broken())?;
        let origins = self.allowed_origins();
        let options = AuthenticationVerificationOptions::<&str, &str> {
            allowed_origins: &origins,
            error_on_unsolicited_extensions: false,
            update_uv: true,
            ..AuthenticationVerificationOptions::default()
        };
        let verified =
            match presented {
                PresentedAssertion::Discovered(response) => {
                    DiscoverableAuthenticationServerState::decode(state)
                        .map_err(|_| broken())?
                        .verify(&self.id, response, &mut credential, &options)
                }
                PresentedAssertion::Listed(response) => {
                    NonDiscoverableAuthenticationServerState::decode(state)
                        .map_err(|_| broken())?
                        .verify(&self.id, response, &mut credential, &options)
                }
            };
        verified.map_err(|reason| self.explain(&reason))?;
        let DynamicState { user_verified, backup, sign_count, .. } = credential.dynamic_state();
        Ok(Assertion { counter: sign_count, backed_up: backup == Backup::Exists, user_verified })
    }

    fn explain(&self, reason: &AuthCeremonyErr) -> AssertionRejected {
        AssertionRejected::Invalid(Rejected(match reason {
            AuthCeremonyErr::SignatureCounter => return AssertionRejected::CounterWentBack,
            AuthCeremonyErr::OriginMismatch => self.wrong_origin(),
            AuthCeremonyErr::RpIdHashMismatch => self.wrong_domain(),
            other => other.to_string(),
        }))
    }
}

/// User verification is not required: without it a passkey is one factor of two.
fn prepare(options: &mut PublicKeyCredentialRequestOptions<'_, '_>) -> Result<(), CannotBegin> {
    options.user_verification = UserVerificationRequirement::Preferred;
    options.timeout = NonZeroU32::new(TIMEOUT).ok_or(CannotBegin)?;
    Ok(())
}
