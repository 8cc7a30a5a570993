//! The types of all secrets: passwords, tokens, cookie and link secrets, second factors, the signing key.
//!
//! A secret and what is stored of it have different types, so that one cannot be used in place of the other. No
//! type here shows its secret through `Debug`, `Display` or `Serialize`; each has one method that reveals it,
//! and that method's name says so.

mod cookies;
mod encryption;
mod flow;
mod hash;
#[cfg(feature = "passkeys")]
pub mod passkeys;
mod password;
mod password_context;
mod random;
mod recovery;
mod signing;
mod token;
mod totp;

pub use cookies::CheckedCookies;
pub use encryption::{DecryptedTotp, DecryptionError, EncryptedTotp, EncryptionKeys};
pub use flow::{FlowState, IdTokenText};
pub use hash::HashOf;
pub use password::{
    Busy, HashCost, Hashing, NewPassword, Outdated, Password, PasswordFault, PasswordHash, Verdict,
};
pub use password_context::PasswordContext;
pub use random::{
    CeremonySecret, ChallengeSecret, DeviceSecret, FlowSecret, LinkSecret, SessionSecret,
};
pub use recovery::{NewRecoveryCodes, RecoveryCode, RecoverySalt};
pub use signing::{SigningKey, SigningKeyError, SigningKeys};
pub use token::{MalformedToken, PlainToken};
pub use totp::TotpSecret;

/// The stored hash of an API token.
pub type TokenHash = HashOf<PlainToken>;
/// The stored hash of a session cookie's secret.
pub type SessionHash = HashOf<SessionSecret>;
/// The stored hash of a link's secret.
pub type LinkHash = HashOf<LinkSecret>;
/// The stored fingerprint of a signing key.
pub type KeyFingerprint = HashOf<SigningKey>;
/// The stored hash of the secret of a sign-in that waits for the second factor.
pub type ChallengeHash = HashOf<ChallengeSecret>;
/// The stored hash of the secret of a passkey ceremony.
pub type CeremonyHash = HashOf<CeremonySecret>;
/// The stored hash of a trusted device's secret.
pub type DeviceHash = HashOf<DeviceSecret>;
/// The stored hash of a recovery code.
pub type RecoveryHash = HashOf<RecoveryCode>;
/// The stored hash of the state of a sign-in at an identity provider.
pub type FlowStateHash = HashOf<FlowState>;
/// The stored hash of an ID token that was used.
pub type IdTokenHash = HashOf<IdTokenText>;
