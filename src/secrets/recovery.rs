use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::phc::{ParamsString, PasswordHash as Phc, Salt},
};
use rand::seq::IndexedRandom as _;
use secrecy::{ExposeSecret, SecretString};

use super::{
    HashOf, RecoveryHash,
    password::{Busy, Hasher, Hashing},
};

/// How many codes a user gets.
pub const COUNT: usize = 10;
/// The length of a code, in characters; shown in two groups.
const LENGTH: usize = 10;
/// Letters and digits that cannot be mistaken for each other when they are copied from paper.
const ALPHABET: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// A code that stands for the second factor, once: for users who have lost their authenticator app.
///
/// It has 49 random bits, so that a person can type it. That is too few for a plain hash, so it is hashed as a
/// password is. The hash does not depend on the signing secret: recovery codes must still work after a backup was
/// restored without it.
pub struct RecoveryCode(SecretString);

impl RecoveryCode {
    /// Reads a code as a user types it: case, spaces and dashes are ignored. `None` if it cannot be one.
    #[must_use]
    pub fn typed(text: &str) -> Option<Self> {
        let code: String = text
            .chars()
            .filter(|letter| !letter.is_whitespace() && *letter != '-')
            .map(|letter| letter.to_ascii_lowercase())
            .take(LENGTH + 1)
            .collect();
        let valid = code.len() == LENGTH && code.bytes().all(|byte| ALPHABET.contains(&byte));
        valid.then(|| Self(code.into()))
    }

    /// Returns the code in two groups, for the one response that shows it.
    #[must_use]
    pub fn reveal(&self) -> String {
        let (first, second) = self.0.expose_secret().split_at(LENGTH / 2);
        format!("{first}-{second}")
    }

    fn generate() -> Self {
        let mut random = rand::rng();
        let letters = (0..LENGTH).filter_map(|_| ALPHABET.choose(&mut random));
        Self(letters.map(|byte| char::from(*byte)).collect::<String>().into())
    }
}

/// The salt of a user's codes with the parameters of argon2id, in PHC form without a hash. All codes of a user share
/// it, so that an attempt costs one hash and not ten.
#[derive(Clone)]
pub struct RecoverySalt(String);

impl RecoverySalt {
    /// Wraps a salt that the store returned.
    #[must_use]
    pub fn stored(phc: String) -> Self {
        Self(phc)
    }

    /// Returns the PHC text, for the store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Newly generated codes.
pub struct NewRecoveryCodes {
    /// What the user receives.
    pub codes: Vec<RecoveryCode>,
    /// What the store receives, in the same order.
    pub hashes: Vec<RecoveryHash>,
    /// Their salt.
    pub salt: RecoverySalt,
}

impl Hashing {
    /// Generates the codes of a user.
    ///
    /// # Errors
    /// [`Busy`] when the queue is full.
    pub async fn recovery_codes(&self) -> Result<NewRecoveryCodes, Busy> {
        self.run(|hasher| {
            let codes: Vec<_> = (0..COUNT).map(|_| RecoveryCode::generate()).collect();
            let salt = hasher.recovery_salt();
            let hashes =
                codes.iter().filter_map(|code| hasher.recovery_hash(code, &salt)).collect();
            NewRecoveryCodes { codes, hashes, salt }
        })
        .await
    }

    /// Hashes a code that a user has typed, to compare it with the stored ones. `None` if the salt is malformed.
    ///
    /// # Errors
    /// [`Busy`] when the queue is full.
    pub async fn recovery_code(
        &self,
        code: RecoveryCode,
        salt: RecoverySalt,
    ) -> Result<Option<RecoveryHash>, Busy> {
        self.run(move |hasher| hasher.recovery_hash(&code, &salt)).await
    }
}

impl Hasher {
    #[expect(clippy::expect_used, reason = "the parameters of a hash always have a text")]
    fn recovery_salt(&self) -> RecoverySalt {
        let phc = Phc {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(self.params()).expect("numbers have a text"),
            salt: Some(Salt::generate()),
            hash: None,
        };
        RecoverySalt(phc.to_string())
    }

    /// `None` if the salt, as it is stored, is malformed.
    fn recovery_hash(&self, code: &RecoveryCode, salt: &RecoverySalt) -> Option<RecoveryHash> {
        let phc = Phc::new(&salt.0).ok()?;
        let params = Params::try_from(&phc).ok()?;
        let mut hash = [0; 32];
        self.count();
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(code.0.expose_secret().as_bytes(), &phc.salt?, &mut hash)
            .ok()?;
        Some(HashOf::of(&hash))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::secrets::HashCost;

    static_assertions::assert_not_impl_any!(RecoveryCode: std::fmt::Debug, std::fmt::Display, serde::Serialize, Clone);

    fn typed(text: &str) -> Option<String> {
        RecoveryCode::typed(text).map(|code| code.reveal())
    }

    #[test]
    fn typed_code_ignores_case_spaces_and_dashes() {
        for text in ["abcde-23456", "ABCDE23456", " abc de 2-3456 "] {
            assert_eq!(typed(text).as_deref(), Some("abcde-23456"), "{text}");
        }
        for text in ["", "abcde-2345", "abcde-234567", "abcde-2345o", "abcde-2345é"] {
            assert_eq!(typed(text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn generated_codes_differ_and_each_costs_one_hash_to_check() {
        let hashing = Hashing::new(1, HashCost::minimal());
        let new = hashing.recovery_codes().await.unwrap();
        assert_eq!((new.codes.len(), new.hashes.len()), (COUNT, COUNT));
        for (code, hash) in new.codes.iter().zip(&new.hashes) {
            let typed = RecoveryCode::typed(&code.reveal()).unwrap();
            let before = hashing.made();
            let found = hashing.recovery_code(typed, new.salt.clone()).await.unwrap().unwrap();
            assert_eq!(hashing.made() - before, 1);
            assert!(found == *hash);
            assert_eq!(new.hashes.iter().filter(|other| **other == found).count(), 1);
        }
    }

    #[tokio::test]
    async fn code_is_hashed_by_the_parameters_of_its_salt_and_not_by_the_present_ones() {
        let new = Hashing::new(1, HashCost::minimal()).recovery_codes().await.unwrap();
        let code = RecoveryCode::typed(&new.codes[0].reveal()).unwrap();
        let stronger = Hashing::new(1, HashCost::default());
        assert!(stronger.recovery_code(code, new.salt).await.unwrap() == Some(new.hashes[0]));
    }

    #[tokio::test]
    async fn malformed_salt_accepts_no_code() {
        let hashing = Hashing::new(1, HashCost::minimal());
        let code = RecoveryCode::typed("abcde-23456").unwrap();
        let hash = hashing.recovery_code(code, RecoverySalt::stored("odd".to_owned())).await;
        assert!(hash.unwrap().is_none());
    }
}
