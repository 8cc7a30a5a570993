//! Counts in this instance's memory, by the monotonic clock, so that setting the wall clock back or ahead has
//! no effect.

use std::{fmt, num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter, clock::Clock as _, middleware::StateInformationMiddleware, nanos::Nanos,
    state::keyed::DashMapStateStore,
};

use super::{Exceeded, Limit, RateLimitKey, RateLimitStatus};
use crate::time::Clock;

/// The counters of one limit.
pub(super) struct Counter(
    RateLimiter<RateLimitKey, DashMapStateStore<RateLimitKey>, Ticks, StateInformationMiddleware>,
);

impl Counter {
    /// Allows a burst of `most`, replenished over each period.
    pub(super) fn new(most: NonZeroU32, each: Duration, clock: &Clock) -> Option<Self> {
        let quota = Quota::with_period(each / most.get())?.allow_burst(most);
        Some(Self(RateLimiter::new(quota, DashMapStateStore::default(), Ticks(clock.clone()))))
    }

    pub(super) fn check(
        &self,
        limit: Limit,
        whom: &RateLimitKey,
    ) -> Result<RateLimitStatus, Exceeded> {
        let standing = |quota: Quota, left, wait| RateLimitStatus {
            limit,
            most: quota.burst_size().get(),
            window: quota.burst_size_replenished_in().as_secs(),
            left,
            wait,
        };
        match self.0.check_key(whom) {
            Ok(state) => {
                let (quota, left) = (state.quota(), state.remaining_burst_capacity());
                Ok(standing(quota, left, rounded_up(quota.replenish_interval())))
            }
            Err(not_until) => {
                let wait = not_until.wait_time_from(self.0.clock().now());
                Err(Exceeded(standing(not_until.quota(), 0, rounded_up(wait).max(1))))
            }
        }
    }

    pub(super) fn forget(&self) {
        self.0.retain_recent();
        self.0.shrink_to_fit();
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counter(…)")
    }
}

fn rounded_up(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// Adapts this application's monotonic clock to governor.
#[derive(Clone)]
struct Ticks(Clock);

impl governor::clock::Clock for Ticks {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.uptime().nanos())
    }
}
