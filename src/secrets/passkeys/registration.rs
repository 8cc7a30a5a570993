use std::num::NonZeroU32;

use uuid::Uuid;
use webauthn_rp::{
    PublicKeyCredentialCreationOptions, Registration, RegistrationServerState,
    bin::{Decode, Encode},
    request::{
        UserVerificationRequirement,
        register::{
            AuthenticatorSelectionCriteria, CoseAlgorithmIdentifier, Extension,
            RegistrationVerificationOptions, ResidentKeyRequirement, USER_HANDLE_MAX_LEN,
        },
    },
    response::{
        AuthTransports, Backup,
        register::{
            AuthenticatorExtensionOutputStaticState, CredentialProtectionPolicy, StaticState,
            error::RegCeremonyErr,
        },
    },
};

use super::{CannotBegin, Ceremony, Rejected, RelyingParty, TIMEOUT, challenge_of, handle};

/// A passkey that an authenticator has just created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPasskey {
    /// The credential id, which the authenticator has chosen.
    pub credential_id: Vec<u8>,
    /// The public key, in the form in which it is stored.
    pub public_key: Vec<u8>,
    /// The signature counter; 0 if the authenticator has none.
    pub counter: u32,
    /// How browsers reach the authenticator, such as `internal` or `usb`.
    pub transports: Vec<String>,
    /// Whether it may be copied to other devices (a synchronised passkey).
    pub backup_eligible: bool,
    /// Whether it is copied now.
    pub backed_up: bool,
    /// The model of the authenticator, as it says itself: it is not attested.
    pub aaguid: String,
}

impl RelyingParty {
    /// Begins a registration for the user with this handle.
    ///
    /// # Errors
    /// When the stored handle is not valid.
    pub fn begin_registration(&self, user_handle: &[u8]) -> Result<Ceremony, CannotBegin> {
        let handle = handle(user_handle).ok_or(CannotBegin)?;
        // The browser's options are written elsewhere: the library restricts a user's name to fewer characters.
        let mut options = PublicKeyCredentialCreationOptions::first_passkey_with_blank_user_info(
            &self.id, &handle,
        );
        options.timeout = NonZeroU32::new(TIMEOUT).ok_or(CannotBegin)?;
        options.pub_key_cred_params =
            options.pub_key_cred_params.remove(CoseAlgorithmIdentifier::Es384);
        // User verification is not required: without it a passkey is one factor of two.
        options.authenticator_selection = AuthenticatorSelectionCriteria {
            resident_key: ResidentKeyRequirement::Required,
            user_verification: UserVerificationRequirement::Preferred,
            ..AuthenticatorSelectionCriteria::passkey()
        };
        options.extensions = Extension::default();
        let (server, client) = options.start_ceremony().map_err(|_| CannotBegin)?;
        Ok(Ceremony {
            challenge: challenge_of(&client)?,
            state: server.encode().map_err(|_| CannotBegin)?,
        })
    }

    /// Finishes a registration with the browser's response: `RegistrationResponseJSON`, also without the fields that
    /// only repeat others.
    ///
    /// # Errors
    /// Why the response is rejected.
    pub fn finish_registration(
        &self,
        state: &[u8],
        response: &str,
    ) -> Result<NewPasskey, Rejected> {
        let state = RegistrationServerState::<USER_HANDLE_MAX_LEN>::decode(state)
            .map_err(|reason| Rejected(reason.to_string()))?;
        let registration = Registration::from_json_relaxed(response.as_bytes())
            .map_err(|reason| Rejected(reason.to_string()))?;
        let origins = self.allowed_origins();
        let options = RegistrationVerificationOptions::<&str, &str> {
            allowed_origins: &origins,
            // Browsers add `credProtect` by themselves.
            error_on_unsolicited_extensions: false,
            ..RegistrationVerificationOptions::default()
        };
        let registered = state.verify(&self.id, &registration, &options).map_err(|reason| {
            Rejected(match reason {
                RegCeremonyErr::OriginMismatch => self.wrong_origin(),
                RegCeremonyErr::RpIdHashMismatch => self.wrong_domain(),
                other => other.to_string(),
            })
        })?;
        let (created, dynamic) = (registered.static_state(), registered.dynamic_state());
        let kept = StaticState {
            credential_public_key: created.credential_public_key,
            // None of them is requested, so none is of use later.
            extensions: AuthenticatorExtensionOutputStaticState {
                cred_protect: CredentialProtectionPolicy::None,
                hmac_secret: None,
            },
        };
        let public_key = match kept.encode() {
            Ok(encoded) => encoded,
            Err(never) => match never {},
        };
        Ok(NewPasskey {
            credential_id: registered.id().as_ref().to_vec(),
            public_key,
            counter: dynamic.sign_count,
            transports: names(registered.transports()),
            backup_eligible: dynamic.backup != Backup::NotEligible,
            backed_up: dynamic.backup == Backup::Exists,
            aaguid: model(registered.metadata().aaguid.data()),
        })
    }

    /// Explains that a page of another origin has sent the response.
    pub(super) fn wrong_origin(&self) -> String {
        format!(
            "the page's origin is not one of those whose pages use passkeys: {}",
            self.origins().join(", ")
        )
    }

    /// Explains that the response is for another domain.
    pub(super) fn wrong_domain(&self) -> String {
        format!("the passkey is not for the domain (rpId) {}", self.domain())
    }
}

/// The names of transports, as browsers write them.
fn names(transports: AuthTransports) -> Vec<String> {
    let list = serde_json::to_value(transports).and_then(serde_json::from_value);
    list.unwrap_or_default()
}

fn model(bytes: &[u8]) -> String {
    Uuid::from_slice(bytes).unwrap_or_default().to_string()
}
