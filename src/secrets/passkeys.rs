//! Passkeys (WebAuthn Level 3): what is sent to a browser, and the verification of what it returns. The only module
//! that uses `webauthn_rp`.
//!
//! A ceremony has two requests: the first sends a random challenge, the second returns what the authenticator has
//! signed. What must be remembered in between is stored, so that any instance can finish it.

mod assertion;
mod registration;
mod relying_party;

use serde::Serialize;
use thiserror::Error;
use webauthn_rp::{bin::Decode, request::register::UserHandle64};

pub use assertion::{Assertion, AssertionRejected, PresentedAssertion, StoredPasskey};
pub use registration::NewPasskey;
pub use relying_party::{RelyingParty, RelyingPartyError};

/// The length of a user handle, in bytes: the longest that is allowed, as the specification recommends.
pub const USER_HANDLE_LENGTH: usize = 64;

/// The COSE algorithms that are offered, in order of preference: ES256, Ed25519 (EdDSA) and RS256. All of them are
/// verified; authenticators of Windows may know only the last.
pub const ALGORITHMS: [i32; 3] = [-7, -8, -257];

/// How long a browser waits for the user, in milliseconds.
pub const TIMEOUT: u32 = 300_000;

/// A ceremony that has begun.
pub struct Ceremony {
    /// What must be stored until it is finished; it holds the challenge.
    pub state: Vec<u8>,
    /// The challenge, in base64url, for the browser.
    pub challenge: String,
}

/// A ceremony could not be begun: the options or the stored credentials are not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a passkey ceremony could not be begun")]
pub struct CannotBegin;

/// What a browser has returned is not valid; the text says why, for the log and for developers. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Rejected(pub String);

/// Generates the random handle by which authenticators know a user (WebAuthn, 14.6.1): nothing personal.
#[must_use]
pub fn new_user_handle() -> Vec<u8> {
    UserHandle64::new().as_ref().to_vec()
}

/// Returns the challenge of a ceremony's options.
fn challenge_of(options: &impl Serialize) -> Result<String, CannotBegin> {
    let options = serde_json::to_value(options).map_err(|_| CannotBegin)?;
    options["challenge"].as_str().map(str::to_owned).ok_or(CannotBegin)
}

/// Returns a stored user handle in the library's type.
fn handle(bytes: &[u8]) -> Option<UserHandle64> {
    let bytes: [u8; USER_HANDLE_LENGTH] = bytes.try_into().ok()?;
    UserHandle64::decode(bytes).ok()
}
