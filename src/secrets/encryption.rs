use rand::random;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Salt},
};
use thiserror::Error;

use super::{KeyFingerprint, SigningKey, SigningKeys, TotpSecret};

/// The keys that encrypt TOTP secrets in the database, each derived from a signing key (HKDF): the first encrypts, all
/// of them decrypt. So rotating the signing keys rotates these as well.
///
/// AES-256-GCM with a random nonce for each secret; the user's id is authenticated, so that a row that is copied to
/// another user cannot be decrypted.
pub struct EncryptionKeys(Vec<Key>);

struct Key {
    key: LessSafeKey,
    id: KeyFingerprint,
}

/// An encrypted TOTP secret, and which signing key the encryption key was derived from.
#[derive(Clone)]
pub struct EncryptedTotp {
    /// The nonce, the encrypted text and the tag.
    pub bytes: Vec<u8>,
    /// The signing key's fingerprint.
    pub key: KeyFingerprint,
}

/// A decrypted TOTP secret.
pub struct DecryptedTotp {
    /// The secret.
    pub secret: TotpSecret,
    /// The same secret, encrypted by the newest key, if an older one was used.
    pub encrypted_again: Option<EncryptedTotp>,
}

/// Why a TOTP secret cannot be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecryptionError {
    /// It was encrypted by a signing secret that is no longer accepted.
    #[error("no accepted signing secret decrypts this TOTP secret")]
    UnknownKey,
    /// Its row was changed, or belongs to another user.
    #[error("this TOTP secret was changed in the database")]
    Altered,
}

impl EncryptionKeys {
    /// Derives the keys.
    ///
    /// # Panics
    /// Never: the lengths are constants that the library accepts.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the lengths are constants")]
    pub fn new(keys: &SigningKeys) -> Self {
        let derive = |key: &SigningKey| {
            let extracted = Salt::new(HKDF_SHA256, &[]).extract(key.expose());
            let expanded = extracted
                .expand(&[b"portcullis TOTP secret encryption"], &AES_256_GCM)
                .expect("HKDF yields a key of this length");
            Key { key: LessSafeKey::new(UnboundKey::from(expanded)), id: key.fingerprint() }
        };
        Self([keys.signing()].into_iter().chain(keys.others()).map(derive).collect())
    }

    /// Returns the fingerprints of the signing keys, the newest first.
    #[must_use]
    pub fn ids(&self) -> Vec<KeyFingerprint> {
        self.0.iter().map(|key| key.id).collect()
    }

    /// Encrypts the secret of this user by the newest key.
    #[must_use]
    pub fn encrypt(&self, secret: &TotpSecret, user_id: &str) -> EncryptedTotp {
        self.0[0].encrypt(secret, user_id)
    }

    /// Decrypts the secret of this user.
    ///
    /// # Errors
    /// When no accepted key fits, or the row was changed.
    pub fn decrypt(
        &self,
        encrypted: &EncryptedTotp,
        user_id: &str,
    ) -> Result<DecryptedTotp, DecryptionError> {
        let place = self.0.iter().position(|key| key.id == encrypted.key);
        let place = place.ok_or(DecryptionError::UnknownKey)?;
        let secret = self.0[place].decrypt(&encrypted.bytes, user_id)?;
        let encrypted_again = (place > 0).then(|| self.encrypt(&secret, user_id));
        Ok(DecryptedTotp { secret, encrypted_again })
    }
}

impl Key {
    #[expect(clippy::expect_used, reason = "the library rejects only texts of gigabytes")]
    fn encrypt(&self, secret: &TotpSecret, user_id: &str) -> EncryptedTotp {
        let nonce: [u8; NONCE_LEN] = random();
        let mut text = secret.expose().to_vec();
        let tag = self
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(user_id),
                &mut text,
            )
            .expect("a short text can be encrypted");
        EncryptedTotp { bytes: [&nonce[..], &text, tag.as_ref()].concat(), key: self.id }
    }

    fn decrypt(&self, bytes: &[u8], user_id: &str) -> Result<TotpSecret, DecryptionError> {
        let altered = DecryptionError::Altered;
        let (nonce, text) = bytes.split_at_checked(NONCE_LEN).ok_or(altered)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| altered)?;
        let mut text = text.to_vec();
        let secret =
            self.key.open_in_place(nonce, Aad::from(user_id), &mut text).map_err(|_| altered)?;
        let secret = str::from_utf8(secret).map_err(|_| altered)?;
        Ok(TotpSecret::decrypted(secret.to_owned()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    static_assertions::assert_not_impl_any!(EncryptionKeys: std::fmt::Debug, std::fmt::Display, serde::Serialize);

    fn keys(keys: &[&SigningKey]) -> EncryptionKeys {
        let texts: Vec<String> = keys.iter().map(|key| key.reveal()).collect();
        EncryptionKeys::new(&SigningKeys::parse(&texts.join(",")).ok().unwrap())
    }

    #[test]
    fn encrypted_secret_is_decrypted_for_its_user_only() {
        let keys = keys(&[&SigningKey::generate()]);
        let secret = TotpSecret::generate();
        let encrypted = keys.encrypt(&secret, "ada");
        let decrypted = keys.decrypt(&encrypted, "ada").ok().unwrap();
        assert_eq!(decrypted.secret.expose(), secret.expose());
        assert!(decrypted.encrypted_again.is_none());
        assert_eq!(keys.decrypt(&encrypted, "bob").err(), Some(DecryptionError::Altered));
    }

    #[test]
    fn altered_secret_is_rejected_at_every_byte() {
        let keys = keys(&[&SigningKey::generate()]);
        let encrypted = keys.encrypt(&TotpSecret::generate(), "ada");
        for at in 0..encrypted.bytes.len() {
            let mut altered = encrypted.clone();
            altered.bytes[at] ^= 1;
            assert_eq!(keys.decrypt(&altered, "ada").err(), Some(DecryptionError::Altered));
            altered.bytes.truncate(at);
            assert_eq!(keys.decrypt(&altered, "ada").err(), Some(DecryptionError::Altered));
        }
    }

    #[test]
    fn rotated_signing_secret_encrypts_again_and_a_removed_one_is_unknown() {
        let [old, new] = std::array::from_fn(|_| SigningKey::generate());
        let secret = TotpSecret::generate();
        let before = keys(&[&old]).encrypt(&secret, "ada");
        let rotated = keys(&[&new, &old]).decrypt(&before, "ada").ok().unwrap();
        let after = rotated.encrypted_again.unwrap();
        assert_eq!(keys(&[&new]).decrypt(&before, "ada").err(), Some(DecryptionError::UnknownKey));
        let decrypted = keys(&[&new]).decrypt(&after, "ada").ok().unwrap();
        assert_eq!(decrypted.secret.expose(), secret.expose());
    }

    #[test]
    fn same_secret_is_encrypted_differently_each_time() {
        let keys = keys(&[&SigningKey::generate()]);
        let secret = TotpSecret::generate();
        assert_ne!(keys.encrypt(&secret, "ada").bytes, keys.encrypt(&secret, "ada").bytes);
        assert!(
            !keys
                .encrypt(&secret, "ada")
                .bytes
                .windows(8)
                .any(|part| part == &secret.expose()[..8])
        );
    }
}
