use std::sync::atomic::{AtomicI64, Ordering};

use super::last_use::RESOLUTION;
use crate::time::Timestamp;

/// When a key was last used, as far as that is written or noted: whoever is asked again and again from
/// memory is noted once a minute like anybody.
pub struct Used(AtomicI64);

impl Used {
    /// As its row says.
    #[must_use]
    pub fn at(written: Option<Timestamp>) -> Self {
        Self(AtomicI64::new(written.map_or(i64::MIN, Timestamp::micros)))
    }

    /// Whether a use is worth noting now; whoever is told so notes it.
    pub(super) fn is_worth_noting(&self, now: Timestamp) -> bool {
        let behind = Timestamp::from_micros(self.0.load(Ordering::Relaxed)) + RESOLUTION <= now;
        if behind {
            self.0.store(now.micros(), Ordering::Relaxed);
        }
        behind
    }
}
