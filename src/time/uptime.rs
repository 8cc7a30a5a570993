use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How long this machine has been up, also while it slept: for how long something lasts, where time that
/// nobody noticed counts too. No daemon sets it back or forth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uptime(Duration);

impl Uptime {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        let now = clock_gettime(CLOCK);
        let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
        let nanos = u32::try_from(now.tv_nsec).unwrap_or_default();
        Self(Duration::new(seconds, nanos))
    }

    /// So long after the machine started.
    pub(super) fn after(duration: Duration) -> Self {
        Self(duration)
    }

    /// The time that has passed since an earlier moment.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// In nanoseconds, which fill 64 bits after 584 years.
    #[must_use]
    pub fn nanos(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl std::ops::Add<Duration> for Uptime {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

/// `CLOCK_MONOTONIC` stands still while Linux sleeps. Elsewhere it is the one that does not.
#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOCK: ClockId = ClockId::Monotonic;
