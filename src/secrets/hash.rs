use std::{
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
};

use diesel::{
    backend::Backend,
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    serialize::{self, Output, ToSql},
    sql_types::Binary,
};
use sha2::{Digest, Sha256};

/// The SHA-256 of a secret of kind `T`, which the store saves and looks up.
///
/// A plain hash is enough because each secret has at least 190 random bits (OWASP ASVS 5.0, 6.5.2); passwords
/// have not, and go through argon2id. No constant-time comparison is needed: secrets are never compared, only
/// their hashes are looked up, and timing could at most reveal part of a hash, from which no secret can be
/// derived.
#[derive(AsExpression, FromSqlRow)]
#[diesel(sql_type = Binary)]
pub struct HashOf<T: 'static>([u8; 32], PhantomData<fn() -> T>);

impl<T> HashOf<T> {
    pub(super) fn of(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into(), PhantomData)
    }
}

impl<T> Clone for HashOf<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for HashOf<T> {}

impl<T> PartialEq for HashOf<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Eq for HashOf<T> {}

impl<T> Hash for HashOf<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<T> fmt::Debug for HashOf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashOf(…)")
    }
}

impl<T, DB> ToSql<Binary, DB> for HashOf<T>
where
    DB: Backend,
    [u8]: ToSql<Binary, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0[..].to_sql(out)
    }
}

impl<T, DB> FromSql<Binary, DB> for HashOf<T>
where
    DB: Backend,
    Vec<u8>: FromSql<Binary, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        let bytes = Vec::from_sql(bytes)?;
        let hash = bytes.try_into().map_err(|_| "a hash has 32 bytes")?;
        Ok(Self(hash, PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, RandomState};

    use super::*;

    #[test]
    fn debug_output_does_not_show_the_hash() {
        let hash: HashOf<()> = HashOf::of(b"secret");
        assert_eq!(format!("{hash:?}"), "HashOf(…)");
    }

    #[test]
    fn hashes_of_different_secrets_differ() {
        let [one, other]: [HashOf<()>; 2] = [HashOf::of(b"one"), HashOf::of(b"other")];
        assert_ne!(one, other);
        let state = RandomState::new();
        assert_ne!(state.hash_one(one), state.hash_one(other));
    }
}
