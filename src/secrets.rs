//! Everything that must not be read: passwords, tokens, cookie and link secrets, the signing key.
//!
//! A secret and what is stored of it are different types, so that one cannot stand where the other
//! belongs. No type here shows its secret through `Debug`, `Display` or `Serialize`; each has one
//! method by which it leaves, and that method's name says so.

mod cookies;
mod hash;
mod password;
mod password_context;
mod random;
mod signing;
mod token;

pub use cookies::CheckedCookies;
pub use hash::HashOf;
pub use password::{
    Busy, HashCost, Hashing, NewPassword, Outdated, Password, PasswordFault, PasswordHash, Verdict,
};
pub use password_context::PasswordContext;
pub use random::{LinkSecret, SessionSecret};
pub use signing::{SigningKey, SigningKeyError, SigningKeys};
pub use token::{MalformedToken, PlainToken};

/// What the store keeps of an API token.
pub type TokenHash = HashOf<PlainToken>;
/// What the store keeps of a session cookie's secret.
pub type SessionHash = HashOf<SessionSecret>;
/// What the store keeps of the secret in a link.
pub type LinkHash = HashOf<LinkSecret>;
/// What the store keeps of a signing key.
pub type KeyFingerprint = HashOf<SigningKey>;
