use std::{
    fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretSlice};
use thiserror::Error;

use super::{HashOf, KeyFingerprint};
use crate::private_files;

/// The length of a signing key, in bytes: HMAC-SHA256's block size.
const LENGTH: usize = 64;

/// The key that signs the session cookie.
///
/// The signature keeps forged cookies away from the store. What authenticates is the secret inside, which the
/// store knows by its hash, so a leaked signing key alone gives no access.
#[derive(Clone)]
pub struct SigningKey(SecretSlice<u8>);

/// Why there is no signing key.
#[derive(Debug, Error)]
pub enum SigningKeyError {
    /// A secret is not 64 bytes in base64.
    #[error(
        "secret {number} of {of} is not 64 random bytes in base64; `portcullis secret` generates one"
    )]
    Malformed {
        /// The secret's position, from 1.
        number: usize,
        /// The number of secrets.
        of: usize,
    },
    /// The file cannot be read or created.
    #[error("the signing secret in {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
}

impl SigningKey {
    /// Generates a random key.
    #[must_use]
    pub fn generate() -> Self {
        let bytes: [u8; LENGTH] = rand::random();
        Self(bytes.to_vec().into())
    }

    /// Parses a key from its text: 64 bytes in base64.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_STANDARD.decode(text).ok()?;
        (bytes.len() == LENGTH).then(|| Self(bytes.into()))
    }

    /// Returns the key as text, for the command that generates one and for the file that stores it.
    #[must_use]
    pub fn reveal(&self) -> String {
        BASE64_STANDARD.encode(self.0.expose_secret())
    }

    /// Returns the bytes, for the code that signs.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// Returns a hash by which instances find out whether they have the same key. Not the plain SHA-256 of the
    /// key, which other programs may compute too.
    #[must_use]
    pub fn fingerprint(&self) -> KeyFingerprint {
        HashOf::of(&[&b"portcullis signing key fingerprint"[..], self.expose()].concat())
    }
}

/// The keys of the session cookie (key rotation): the first signs, and all of them verify. So a key can be
/// replaced without ending the sessions whose cookies it has signed.
#[derive(Clone)]
pub struct SigningKeys {
    signing: SigningKey,
    others: Vec<SigningKey>,
}

impl From<SigningKey> for SigningKeys {
    fn from(signing: SigningKey) -> Self {
        Self { signing, others: Vec::new() }
    }
}

impl SigningKeys {
    /// Parses keys that are separated by commas or white space; the first one signs.
    ///
    /// # Errors
    /// When there is none, or one of them is malformed.
    pub fn parse(text: &str) -> Result<Self, SigningKeyError> {
        let separator = |letter: char| letter == ',' || letter.is_whitespace();
        let texts: Vec<&str> = text.split(separator).filter(|text| !text.is_empty()).collect();
        let of = texts.len().max(1);
        let mut keys = texts.iter().enumerate().map(|(index, text)| {
            SigningKey::parse(text).ok_or(SigningKeyError::Malformed { number: index + 1, of })
        });
        let signing = keys.next().unwrap_or(Err(SigningKeyError::Malformed { number: 1, of }))?;
        Ok(Self { signing, others: keys.collect::<Result<_, _>>()? })
    }

    /// Reads the keys from this file, or, if it does not exist, creates it with a new key, readable only by its
    /// owner.
    ///
    /// # Errors
    /// When the file cannot be read or created, or its content is invalid.
    pub fn kept_in(path: &Path) -> Result<Self, SigningKeyError> {
        let fail = |source| SigningKeyError::File { path: path.to_owned(), source };
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = SigningKey::generate();
                let text = format!("{}\n", key.reveal());
                private_files::write(path, text.as_bytes())
                    .map_err(|error| fail(private_files::explain(path, error)))?;
                Ok(key.into())
            }
            Err(error) => Err(fail(private_files::explain(path, error))),
        }
    }

    /// Returns the key that signs.
    #[must_use]
    pub const fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// Returns the keys that only verify.
    #[must_use]
    pub fn others(&self) -> &[SigningKey] {
        &self.others
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    static_assertions::assert_not_impl_any!(SigningKey: std::fmt::Debug, std::fmt::Display, serde::Serialize);
    static_assertions::assert_not_impl_any!(SigningKeys: std::fmt::Debug, std::fmt::Display, serde::Serialize);

    #[test]
    fn first_signing_secret_signs_with_any_separator() {
        let [new, old, oldest] = std::array::from_fn(|_| SigningKey::generate().reveal());
        for text in [
            format!("{new},{old},{oldest}"),
            format!("{new}\n{old}\n{oldest}\n"),
            format!(" {new}, {old} {oldest},\r\n"),
        ] {
            let keys = SigningKeys::parse(&text).ok().unwrap();
            assert_eq!(keys.signing().reveal(), new);
            let others: Vec<String> = keys.others().iter().map(SigningKey::reveal).collect();
            assert_eq!(others, [old.as_str(), oldest.as_str()]);
        }
        assert!(SigningKeys::parse(&new).ok().unwrap().others().is_empty());
    }

    #[test]
    fn malformed_signing_secret_is_named_by_position_and_not_shown() {
        let good = SigningKey::generate().reveal();
        for (text, place) in [
            (String::new(), "1 of 1"),
            (",".to_owned(), "1 of 1"),
            (format!("{}x", &good[1..]), "1 of 1"),
            (format!("{good},hunter2"), "2 of 2"),
            (format!("{good},hunter2,{good}"), "2 of 3"),
        ] {
            let error = SigningKeys::parse(&text).err().unwrap().to_string();
            assert!(error.contains(place) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn fingerprints_of_different_signing_keys_differ() {
        let [one, other] = std::array::from_fn(|_| SigningKey::generate());
        assert_eq!(one.fingerprint(), one.clone().fingerprint());
        assert_ne!(one.fingerprint(), other.fingerprint());
        assert_ne!(one.fingerprint(), HashOf::of(one.expose()));
    }

    #[test]
    fn secret_file_that_is_not_text_is_rejected_and_left_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        fs::write(&file, [0xff]).unwrap();
        assert!(matches!(SigningKeys::kept_in(&file), Err(SigningKeyError::File { .. })));
        assert_eq!(fs::read(&file).unwrap(), [0xff]);
    }
}
