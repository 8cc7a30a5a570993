use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::SecretString;

/// Returns 32 bytes from a CSPRNG that is seeded by the system, as text that is safe in cookies and URLs.
fn random_text() -> SecretString {
    let bytes: [u8; 32] = rand::random();
    BASE64_URL_SAFE_NO_PAD.encode(bytes).into()
}

/// A secret that a client presents, of which the store has only the hash.
macro_rules! hashed_secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name(secrecy::SecretString);

        impl $name {
            /// Wraps a secret that a client presented. Any text is accepted: a wrong one is simply not found.
            #[must_use]
            pub fn presented(text: String) -> Self {
                Self(text.into())
            }

            /// Returns the hash for the store.
            #[must_use]
            pub fn hash(&self) -> $crate::secrets::HashOf<Self> {
                $crate::secrets::HashOf::of(secrecy::ExposeSecret::expose_secret(&self.0).as_bytes())
            }

            /// Returns the secret itself, for the one place that hands it to its owner.
            #[must_use]
            pub fn reveal(&self) -> &str {
                secrecy::ExposeSecret::expose_secret(&self.0)
            }
        }
    };
}

pub(super) use hashed_secret;

macro_rules! random_secret {
    ($(#[$doc:meta])* $name:ident) => {
        hashed_secret! {
            $(#[$doc])*
            $name
        }

        impl $name {
            /// Generates a new secret of 256 random bits.
            #[must_use]
            pub fn generate() -> Self {
                Self(random_text())
            }
        }
    };
}

random_secret! {
    /// The only content of a session cookie.
    SessionSecret
}

random_secret! {
    /// The secret of a one-time link, mailed or handed over.
    LinkSecret
}

random_secret! {
    /// The secret of a sign-in that waits for the second factor.
    ChallengeSecret
}

impl SessionSecret {
    /// Returns the same text as the secret of a sign-in that waits for the second factor. A sign-in has one random
    /// secret, and its outcome decides what it is the secret of: never of both.
    #[must_use]
    pub fn of_challenge(&self) -> ChallengeSecret {
        ChallengeSecret(self.0.clone())
    }
}

random_secret! {
    /// The secret in the cookie of a trusted device.
    DeviceSecret
}

random_secret! {
    /// The secret that binds a passkey ceremony to the browser in which it began.
    CeremonySecret
}

random_secret! {
    /// The secret of a browser's sign-in at an identity provider, in a cookie of its own.
    FlowSecret
}

#[cfg(test)]
mod tests {
    use super::{CeremonySecret, ChallengeSecret, DeviceSecret, LinkSecret, SessionSecret};

    static_assertions::assert_not_impl_any!(SessionSecret: std::fmt::Debug, std::fmt::Display, serde::Serialize, Clone);
    static_assertions::assert_not_impl_any!(ChallengeSecret: std::fmt::Debug, std::fmt::Display, serde::Serialize, Clone);
    static_assertions::assert_not_impl_any!(DeviceSecret: std::fmt::Debug, std::fmt::Display, serde::Serialize, Clone);
    static_assertions::assert_not_impl_any!(CeremonySecret: std::fmt::Debug, std::fmt::Display, serde::Serialize, Clone);
    static_assertions::assert_not_impl_any!(LinkSecret: std::fmt::Debug, std::fmt::Display, serde::Serialize, Clone);
}
