use quick_cache::sync::Cache;

use super::{HashOf, SessionHash};

/// A cache of the Cookie headers whose signature was verified, with the secret that each contains.
///
/// Its entries never expire: the content of a header depends only on its bytes and on the signing key, which
/// does not change during the lifetime of the cache. Whether the session is active is not part of it. A header
/// is stored, and looked up, as its SHA-256, so only a byte-identical header is found.
pub struct CheckedCookies(Cache<HashOf<Header>, SessionHash>);

struct Header;

impl CheckedCookies {
    /// Creates a cache with room for `size` entries.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self(Cache::new(size))
    }

    /// Returns the hash of the secret that a header contains, if the header is cached.
    pub(crate) fn find(&self, header: &[u8]) -> Option<SessionHash> {
        self.0.get(&HashOf::of(header))
    }

    /// Caches the secret of a header.
    pub(crate) fn keep(&self, header: &[u8], secret: SessionHash) {
        self.0.insert(HashOf::of(header), secret);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::SessionSecret;

    #[test]
    fn verified_cookie_header_is_found_only_if_identical() {
        let checked = CheckedCookies::new(10);
        let secret = SessionSecret::generate().hash();
        checked.keep(b"a=1; b=2", secret);
        assert_eq!(checked.find(b"a=1; b=2"), Some(secret));
        for other in ["a=1; b=3", "a=1; b=2 ", "a=1;b=2", "b=2; a=1", "a=1", ""] {
            assert_eq!(checked.find(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn verified_cookie_cache_does_not_exceed_its_size() {
        for (size, most) in [(10, 10), (0, 0)] {
            let checked = CheckedCookies::new(size);
            for number in 0..1000 {
                let header = format!("a={number}");
                checked.keep(header.as_bytes(), SessionSecret::generate().hash());
            }
            assert!(checked.0.len() <= most, "{}", checked.0.len());
        }
    }
}
