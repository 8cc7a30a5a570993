use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::Duration,
};

use super::{Timestamp, Uptime};

/// A wall clock and a monotonic clock that stand still until a test advances them.
#[derive(Debug)]
pub struct ManualClock {
    wall_micros: AtomicI64,
    uptime_micros: AtomicU64,
}

impl ManualClock {
    pub(super) fn new(at: Timestamp) -> Self {
        // Not zero: a machine has been up for a while when a server starts on it.
        let up = u64::try_from(Duration::from_hours(1).as_micros()).unwrap_or_default();
        Self { wall_micros: AtomicI64::new(at.0), uptime_micros: AtomicU64::new(up) }
    }

    /// Advances both clocks; if the time is in the past, only the wall clock is set.
    pub(super) fn advance_to(&self, to: Timestamp) {
        let before = self.wall_micros.swap(to.0, Ordering::SeqCst);
        let passed = u64::try_from(to.0.saturating_sub(before)).unwrap_or_default();
        self.uptime_micros.fetch_add(passed, Ordering::SeqCst);
    }

    pub(super) fn step(&self, to: Timestamp) {
        self.wall_micros.store(to.0, Ordering::SeqCst);
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp(self.wall_micros.load(Ordering::SeqCst))
    }

    pub(super) fn uptime(&self) -> Uptime {
        Uptime::after(Duration::from_micros(self.uptime_micros.load(Ordering::SeqCst)))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Clock, days, seconds},
        *,
    };

    #[test]
    fn stepped_wall_clock_leaves_the_monotonic_clock_unchanged() {
        let start = Timestamp::from_micros(0) + days(1);
        let clock = Clock::manual(start);
        let up = clock.uptime();
        clock.step(start + days(400));
        assert_eq!((clock.now(), clock.uptime()), (start + days(400), up));
        clock.step(start);
        clock.set(start + seconds(90));
        assert_eq!(clock.uptime(), up + Duration::from_secs(90));
        clock.set(start);
        assert_eq!(clock.uptime(), up + Duration::from_secs(90));
    }
}
