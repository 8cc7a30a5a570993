use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

use super::HashOf;

/// 32 bytes from a generator that is seeded by the system's, as text that fits a cookie or a URL.
fn random_text() -> SecretString {
    let bytes: [u8; 32] = rand::random();
    BASE64_URL_SAFE_NO_PAD.encode(bytes).into()
}

macro_rules! random_secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name(SecretString);

        impl $name {
            /// A new one, of 256 random bits.
            #[must_use]
            pub fn generate() -> Self {
                Self(random_text())
            }

            /// One that somebody presented. Any text will do: a wrong one is simply not found.
            #[must_use]
            pub fn presented(text: String) -> Self {
                Self(text.into())
            }

            /// What the store keeps of it.
            #[must_use]
            pub fn hash(&self) -> HashOf<Self> {
                HashOf::of(self.0.expose_secret().as_bytes())
            }

            /// The secret itself, for the one place that hands it to its owner.
            #[must_use]
            pub fn reveal(&self) -> &str {
                self.0.expose_secret()
            }
        }
    };
}

random_secret! {
    /// What a session cookie carries, and nothing else in it.
    SessionSecret
}

random_secret! {
    /// What makes a mailed or handed-over link work once.
    LinkSecret
}

#[cfg(test)]
mod tests {
    use super::{LinkSecret, SessionSecret};

    static_assertions::assert_not_impl_any!(SessionSecret: std::fmt::Debug, std::fmt::Display, serde::Serialize, Clone);
    static_assertions::assert_not_impl_any!(LinkSecret: std::fmt::Debug, std::fmt::Display, serde::Serialize, Clone);
}
