use std::sync::atomic::{AtomicI64, Ordering};

use super::RESOLUTION;
use crate::time::Timestamp;

/// When a key was last used, as far as that is written or noted: whoever is asked again and again from
/// memory is noted once a minute like anybody.
pub struct LastUsed(AtomicI64);

impl LastUsed {
    /// As its row says.
    #[must_use]
    pub fn at(written: Option<Timestamp>) -> Self {
        Self(AtomicI64::new(written.map_or(i64::MIN, Timestamp::micros)))
    }

    /// Whether a use is worth noting now; whoever is told so notes it.
    pub(in crate::store) fn record_if_due(&self, now: Timestamp) -> bool {
        let behind = Timestamp::from_micros(self.0.load(Ordering::Relaxed)) + RESOLUTION <= now;
        if behind {
            self.0.store(now.micros(), Ordering::Relaxed);
        }
        behind
    }
}
