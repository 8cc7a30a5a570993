use rand::distr::{Alphanumeric, SampleString};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::{HashOf, TokenHash};

/// 32 characters of base62 are 190.5 bits.
const RANDOM: usize = 32;
/// A CRC-32 takes six digits of base62.
const CHECKSUM: usize = 6;
/// How many random characters a list may show: enough to distinguish one user's tokens, 24 bits of 190.
const SHOWN: usize = 4;

/// A plaintext API token: prefix, 32 random base62 characters, and the CRC-32 of all that in base62.
///
/// The format is the one that [GitHub describes][form]: the prefix lets secret scanners find a leaked token,
/// and the checksum lets them (and us) reject an invalid one without a database lookup.
///
/// [form]: https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
pub struct PlainToken {
    text: SecretString,
    prefix: usize,
}

/// The text is not a token: truncated, mistyped, or of another product.
#[derive(Debug, Error)]
#[error("not a well-formed token")]
pub struct MalformedToken;

impl PlainToken {
    /// Generates a token with this prefix.
    #[must_use]
    pub fn generate(prefix: &str) -> Self {
        let mut text = format!("{prefix}{}", Alphanumeric.sample_string(&mut rand::rng(), RANDOM));
        text.push_str(&checksum(&text));
        Self { text: text.into(), prefix: prefix.len() }
    }

    /// Returns the hash of a presented token with one of these prefixes, which is all that the gate needs:
    /// nothing is copied. The whole text is checked, and any missing, additional or changed character is an
    /// error.
    ///
    /// # Errors
    /// [`MalformedToken`], without a hint at what is wrong with it.
    pub fn presented<P: AsRef<str>>(
        prefixes: &[P],
        text: &str,
    ) -> Result<TokenHash, MalformedToken> {
        let is_whole = |body: &str| {
            body.len() == RANDOM + CHECKSUM && body.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        let has = |prefix: &P| text.strip_prefix(prefix.as_ref()).is_some_and(is_whole);
        if !prefixes.iter().any(has) {
            return Err(MalformedToken);
        }
        let (checked, checksum) = text.split_at(text.len() - CHECKSUM);
        // Exactly six digits, so that every number has only one spelling.
        match base62::decode(checksum) {
            Ok(sum) if sum == crc32fast::hash(checked.as_bytes()).into() => {
                Ok(HashOf::of(text.as_bytes()))
            }
            _ => Err(MalformedToken),
        }
    }

    /// Returns the hash for the store.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        HashOf::of(self.text.expose_secret().as_bytes())
    }

    /// Returns the first characters, by which its owner distinguishes it from others in a list.
    #[must_use]
    pub fn display_prefix(&self) -> &str {
        &self.text.expose_secret()[..self.prefix + SHOWN]
    }

    /// Returns the token itself, for the one response that shows it to its owner.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.text.expose_secret()
    }
}

fn checksum(text: &str) -> String {
    format!("{:0>CHECKSUM$}", base62::encode(crc32fast::hash(text.as_bytes())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const PREFIX: &str = "sk_live_";

    #[test]
    fn generated_token_is_parsed_back() {
        let token = PlainToken::generate(PREFIX);
        assert_eq!(token.reveal().len(), PREFIX.len() + RANDOM + CHECKSUM);
        assert!(PlainToken::presented(&[PREFIX], token.reveal()).unwrap() == token.hash());
        assert_eq!(token.display_prefix(), &token.reveal()[..12]);
    }

    #[test]
    fn token_with_any_changed_character_is_rejected() {
        let token = PlainToken::generate(PREFIX);
        let text = token.reveal();
        for at in 0..text.len() {
            for other in ['0', 'a', 'Z', '_', ' ', 'é'] {
                if text[at..].starts_with(other) {
                    continue;
                }
                let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
                assert!(
                    PlainToken::presented(&[PREFIX], &changed).is_err(),
                    "position {at}, {other:?}"
                );
            }
        }
    }

    #[test]
    fn truncated_or_extended_token_is_rejected() {
        let token = PlainToken::generate(PREFIX);
        let text = token.reveal();
        for end in 0..text.len() {
            assert!(PlainToken::presented(&[PREFIX], &text[..end]).is_err(), "cut at {end}");
        }
        assert!(PlainToken::presented(&[PREFIX], &format!("{text}0")).is_err());
        assert!(PlainToken::presented(&[PREFIX], &format!(" {text}")).is_err());
        assert!(PlainToken::presented(&["sk_test_"], text).is_err());
    }

    #[test]
    fn valid_checksum_with_a_wrong_format_is_rejected() {
        let summed = |random: &str| {
            let text = format!("{PREFIX}{random}");
            let checksum = checksum(&text);
            PlainToken::presented(&[PREFIX], &(text + &checksum))
        };
        assert!(summed(&"a".repeat(RANDOM)).is_ok());
        assert!(summed(&"a".repeat(RANDOM + 1)).is_err());
        assert!(summed(&"a".repeat(RANDOM - 1)).is_err());
        assert!(summed(&format!("{}-", "a".repeat(RANDOM - 1))).is_err());
    }

    #[test]
    fn token_with_any_configured_prefix_is_accepted_and_no_other() {
        for prefix in ["acme_", "sk_", "sk_live_"] {
            let token = PlainToken::generate(prefix);
            let read = |prefixes: &[&str]| PlainToken::presented(prefixes, token.reveal());
            assert!(read(&["sk_", "acme_", PREFIX]).unwrap() == token.hash());
            assert!(read(&["other_", "sk", "s", "acme"]).is_err());
            assert!(read(&[]).is_err());
        }
    }

    static_assertions::assert_not_impl_any!(PlainToken: std::fmt::Debug, std::fmt::Display, serde::Serialize, Clone);
}
