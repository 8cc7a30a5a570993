use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::hmac;

use super::{FlowSecret, random::hashed_secret};

hashed_secret! {
    /// The `state` of a sign-in at an identity provider (RFC 6749, 10.12).
    FlowState
}

hashed_secret! {
    /// An ID token that a client presented.
    IdTokenText
}

/// What a sign-in at a provider has to keep secret is derived from the secret in the browser's cookie (HMAC-SHA-256), so
/// that the database holds none of it, and only this browser can finish the sign-in.
impl FlowSecret {
    /// Returns the state. It reveals nothing of the others.
    #[must_use]
    pub fn state(&self) -> FlowState {
        FlowState(self.derive("state").into())
    }

    /// Returns the nonce, which the ID token must contain (OpenID Connect Core 1.0, 3.1.2.1).
    #[must_use]
    pub fn nonce(&self) -> String {
        self.derive("nonce")
    }

    /// Returns the PKCE code verifier (RFC 7636, 4.1): 43 characters.
    #[must_use]
    pub fn code_verifier(&self) -> String {
        self.derive("PKCE code verifier")
    }

    fn derive(&self, label: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.reveal().as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, label.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static_assertions::assert_not_impl_any!(FlowSecret: std::fmt::Debug, std::fmt::Display, serde::Serialize, Clone);

    #[test]
    fn derived_secrets_differ_from_each_other_and_between_flows() {
        let all: Vec<String> = [FlowSecret::generate(), FlowSecret::generate()]
            .iter()
            .flat_map(|s| [s.state().reveal().to_owned(), s.nonce(), s.code_verifier()])
            .collect();
        let mut distinct = all.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), all.len());
        assert!(all.iter().all(|text| text.len() == 43));
    }

    #[test]
    fn derived_secrets_are_the_same_for_the_same_cookie() {
        let secret = FlowSecret::generate();
        let again = FlowSecret::presented(secret.reveal().to_owned());
        assert_eq!(secret.nonce(), again.nonce());
        assert_eq!(secret.state().hash(), again.state().hash());
    }
}
