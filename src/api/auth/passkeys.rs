//! Passkeys (WebAuthn), in the protocol of Better Auth's passkey plugin.
//!
//! The differences from Better Auth are deliberate: a credential id belongs to one user; a user has one handle; only the
//! configured origins count; changes need a fresh session and are mailed; a passkey stands for both factors only if its
//! authenticator has verified the user; a ceremony is bound to the browser and used once.

pub mod authentication;
pub mod changes;
pub mod registration;

use actix_web::HttpRequest;
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::{Code, Error},
    gate::ceremony_cookie,
    secrets::passkeys::{CannotBegin, RelyingParty},
    state::State,
    store::{
        passkey_ceremonies::{self, PasskeyCeremony},
        passkeys::PasskeyRow,
    },
    time::Timestamp,
};

/// A passkey.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "019ab2c4-7d11-7d6f-a0c4-8b2e5f7a9d13",
    "name": "Chrome on Linux",
    "publicKey": "AQ==",
    "userId": "019ab2c4-7d10-7a4e-9c3b-2f6e8d0a1b5c",
    "credentialID": "3q2-7w",
    "counter": 0,
    "deviceType": "multiDevice",
    "backedUp": true,
    "transports": "internal,hybrid",
    "aaguid": "00000000-0000-0000-0000-000000000000",
    "createdAt": "2026-11-23T12:48:00.000Z",
    "lastUsedAt": null,
}))]
pub struct Passkey {
    /// A UUID.
    #[schema(format = Uuid)]
    id: String,
    /// The name that you gave it.
    name: String,
    /// The public key in the server's own form, in base64.
    public_key: String,
    /// The user who signs in with it.
    #[schema(format = Uuid)]
    user_id: String,
    /// The id by which the authenticator knows it, in base64url.
    #[serde(rename = "credentialID")]
    credential_id: String,
    /// The signature counter; 0 if the authenticator has none.
    counter: i64,
    /// `multiDevice` if it may be copied to other devices, else `singleDevice`.
    device_type: &'static str,
    /// Whether it was copied, when it was last used.
    backed_up: bool,
    /// How browsers reach the authenticator, separated by commas.
    transports: String,
    /// The model of the authenticator, as it says itself.
    #[schema(format = Uuid)]
    aaguid: String,
    /// When it was created.
    created_at: Timestamp,
    /// When it was last used; null before.
    #[schema(required)]
    last_used_at: Option<Timestamp>,
}

impl From<PasskeyRow> for Passkey {
    fn from(row: PasskeyRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            public_key: BASE64_STANDARD.encode(row.public_key),
            user_id: row.user_id,
            credential_id: encoded(&row.credential_id),
            counter: row.counter,
            device_type: if row.backup_eligible { "multiDevice" } else { "singleDevice" },
            backed_up: row.backed_up,
            transports: row.transports,
            aaguid: row.aaguid,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        }
    }
}

/// A passkey that a browser may use, or must not create again.
#[derive(Serialize, ToSchema)]
pub struct CredentialDescriptor {
    /// Its id, in base64url.
    #[schema(example = "3q2-7w")]
    id: String,
    /// How browsers reach its authenticator.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["internal"]))]
    transports: Vec<String>,
    /// Always `public-key`.
    #[serde(rename = "type")]
    #[schema(example = "public-key")]
    kind: &'static str,
}

impl From<&PasskeyRow> for CredentialDescriptor {
    fn from(row: &PasskeyRow) -> Self {
        Self { id: encoded(&row.credential_id), transports: row.transports(), kind: "public-key" }
    }
}

fn encoded(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns this site as authenticators know it.
fn relying_party(state: &State) -> Result<&RelyingParty, Error> {
    let available = state.passkeys.as_ref();
    available.map_err(|reason| Code::PasskeysNotConfigured.because(format!("{reason}.")))
}

/// Ends the ceremony that has begun in this browser and returns it, whatever its response will prove.
async fn take_ceremony(state: &State, request: &HttpRequest) -> Result<PasskeyCeremony, Error> {
    let secret = ceremony_cookie::secret(&state.site, request);
    let secret = secret.ok_or(Code::ChallengeNotFound)?;
    let now = state.clock.now();
    let ceremony = passkey_ceremonies::take(&state.store, secret.hash(), now).await?;
    ceremony.ok_or_else(|| Code::ChallengeNotFound.into())
}

impl From<CannotBegin> for Error {
    fn from(fault: CannotBegin) -> Self {
        tracing::error!(%fault, "a stored passkey or user handle is not valid");
        Code::Internal.into()
    }
}
