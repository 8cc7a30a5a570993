use std::{
    fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretSlice};
use thiserror::Error;

use crate::private_files;

/// How many bytes sign a cookie: HMAC-SHA256's block size.
const LENGTH: usize = 64;

/// The key that signs the session cookie.
///
/// The signature keeps junk away from the store; what opens a session is the secret inside, which
/// the store knows by its hash. Whoever learns this key alone can therefore open nothing.
#[derive(Clone)]
pub struct SigningKey(SecretSlice<u8>);

/// Why there is no signing key.
#[derive(Debug, Error)]
pub enum SigningKeyError {
    /// The text is not 64 bytes in base64.
    #[error("the signing secret must be 64 random bytes in base64; `portcullis secret` makes one")]
    Malformed,
    /// The file cannot be read or made.
    #[error("the signing secret in {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl SigningKey {
    /// A new random key.
    #[must_use]
    pub fn generate() -> Self {
        let bytes: [u8; LENGTH] = rand::random();
        Self(bytes.to_vec().into())
    }

    /// Reads a key from its text.
    ///
    /// # Errors
    /// When it is not 64 bytes in base64.
    pub fn parse(text: &str) -> Result<Self, SigningKeyError> {
        let bytes = BASE64_STANDARD.decode(text.trim()).map_err(|_| SigningKeyError::Malformed)?;
        if bytes.len() != LENGTH {
            return Err(SigningKeyError::Malformed);
        }
        Ok(Self(bytes.into()))
    }

    /// Reads the key that this file keeps; where there is none, makes one that only we may read.
    ///
    /// # Errors
    /// When the file cannot be read or made, or holds something else.
    pub fn kept_in(path: &Path) -> Result<Self, SigningKeyError> {
        let fail = |source| SigningKeyError::File { path: path.to_owned(), source };
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Self::generate();
                let text = format!("{}\n", key.reveal());
                private_files::write(path, text.as_bytes())
                    .map_err(|error| fail(private_files::explain(path, error)))?;
                Ok(key)
            }
            Err(error) => Err(fail(private_files::explain(path, error))),
        }
    }

    /// The key as text, for the command that makes one and the file that keeps it.
    #[must_use]
    pub fn reveal(&self) -> String {
        BASE64_STANDARD.encode(self.0.expose_secret())
    }

    /// The bytes, for what signs.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    static_assertions::assert_not_impl_any!(SigningKey: std::fmt::Debug, std::fmt::Display, serde::Serialize);

    #[test]
    fn a_file_that_cannot_be_read_as_text_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        fs::write(&file, [0xff]).unwrap();
        assert!(matches!(SigningKey::kept_in(&file), Err(SigningKeyError::File { .. })));
        assert_eq!(fs::read(&file).unwrap(), [0xff]);
    }
}
