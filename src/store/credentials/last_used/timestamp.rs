use std::sync::atomic::{AtomicI64, Ordering};

use super::RESOLUTION;
use crate::time::Timestamp;

/// When a cached credential was last used, as far as that is written or recorded. Limits requests that the cache
/// answers to one recorded use a minute, like those that the database answers.
pub struct LastUsed(AtomicI64);

impl LastUsed {
    /// Starts from the value in the credential's row.
    #[must_use]
    pub fn at(written: Option<Timestamp>) -> Self {
        Self(AtomicI64::new(written.map_or(i64::MIN, Timestamp::micros)))
    }

    /// Whether a use should be recorded now. If so, the caller records it.
    pub(in crate::store) fn record_if_due(&self, now: Timestamp) -> bool {
        let behind = Timestamp::from_micros(self.0.load(Ordering::Relaxed)) + RESOLUTION <= now;
        if behind {
            self.0.store(now.micros(), Ordering::Relaxed);
        }
        behind
    }
}
