//! Counting in this instance's memory, by the monotonic clock: a wall clock that is set back or ahead changes
//! nothing.

use std::{fmt, num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter, clock::Clock as _, middleware::StateInformationMiddleware, nanos::Nanos,
    state::keyed::DashMapStateStore,
};

use super::{Exceeded, Limit, RateLimitKey, RateLimitStatus};
use crate::time::Clock;

/// What is counted under one limit.
pub(super) struct Counter(
    RateLimiter<RateLimitKey, DashMapStateStore<RateLimitKey>, Ticks, StateInformationMiddleware>,
);

impl Counter {
    /// So many at once, and as many again in each such time.
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

/// Our monotonic clock, as the counters read it.
#[derive(Clone)]
struct Ticks(Clock);

impl governor::clock::Clock for Ticks {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.uptime().nanos())
    }
}
