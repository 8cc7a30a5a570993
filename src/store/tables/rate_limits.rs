//! Rate limits that all instances share, by the generic cell rate algorithm (GCRA): a leaky bucket with a steady rate,
//! stored as the time at which it will be empty.

use std::{num::NonZeroU32, time::Duration};

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    store::{Error, Store, query, schema::rate_limits, transaction},
    time::Timestamp,
};

/// The size of a burst, and how long until there is room for one more request.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    most: u32,
    /// In microseconds.
    interval: i64,
}

/// The result of counting one more request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// It was counted.
    Counted {
        /// How many more have room at once.
        left: u32,
    },
    /// The bucket is full, and the request was not counted.
    Full {
        /// After how long there is room, in microseconds.
        wait: i64,
    },
}

/// A stored bucket: when it was last counted, and when it will be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable)]
struct Bucket {
    counted_at: Timestamp,
    empty_at: Timestamp,
}

impl Rule {
    /// A rule for `most` requests at once, and as many again in each `period`.
    #[must_use]
    pub fn new(most: NonZeroU32, period: Duration) -> Self {
        let interval = i64::try_from((period / most.get()).as_micros()).unwrap_or(i64::MAX);
        Self { most: most.get(), interval: interval.max(1) }
    }

    /// The size of a burst.
    #[must_use]
    pub const fn most(self) -> u32 {
        self.most
    }

    /// How long until there is room for one more request, in seconds, rounded up.
    #[must_use]
    pub fn interval_seconds(self) -> u64 {
        seconds(self.interval)
    }

    /// How long a full bucket takes to become empty, in seconds.
    #[must_use]
    pub fn window_seconds(self) -> u64 {
        u64::try_from(self.capacity() / 1_000_000).unwrap_or_default()
    }

    const fn capacity(self) -> i64 {
        self.interval.saturating_mul(self.most as i64)
    }

    /// Adds one request to a bucket, or leaves it unchanged if it is full. Returns the bucket to store.
    ///
    /// Between two requests a bucket leaks for as long as the clock says, and not at all if the clock was set back. It
    /// is never fuller than its capacity. So no wait is longer than the rule's own, and setting the clock back makes
    /// no client wait that would not have waited.
    fn count(self, bucket: Bucket, now: Timestamp) -> (Bucket, Count) {
        let Bucket { counted_at, empty_at } = bucket;
        let from = if counted_at > now { counted_at } else { now };
        let level = empty_at.micros().saturating_sub(from.micros()).clamp(0, self.capacity());
        let filled = level.saturating_add(self.interval);
        let (level, count) = if filled <= self.capacity() {
            let left = (self.capacity() - filled) / self.interval;
            (filled, Count::Counted { left: u32::try_from(left).unwrap_or(self.most) })
        } else {
            (level, Count::Full { wait: filled - self.capacity() })
        };
        let empty_at = Timestamp::from_micros(now.micros().saturating_add(level));
        (Bucket { counted_at: now, empty_at }, count)
    }
}

/// Converts microseconds to seconds, rounded up.
pub(crate) fn seconds(micros: i64) -> u64 {
    u64::try_from(micros).unwrap_or_default().div_ceil(1_000_000)
}

/// Counts one more request under this key, by the shared clock. A full bucket costs one read and no write, so a client
/// that keeps asking causes no writes.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn count(
    store: &Store,
    key: Vec<u8>,
    rule: Rule,
    now: Timestamp,
) -> Result<Count, Error> {
    let lookup_key = key.clone();
    let stored: Option<Bucket> = query!(store, |conn| rate_limits::table
        .find(&lookup_key)
        .select((rate_limits::counted_at, rate_limits::empty_at))
        .get_result(conn)
        .await
        .optional())?;
    if let Some(bucket) = stored
        && bucket.counted_at <= now
        && let (_, full @ Count::Full { .. }) = rule.count(bucket, now)
    {
        return Ok(full);
    }
    transaction!(store, |conn| {
        // Updates the row even if it exists, in order to lock it.
        let bucket: Bucket = diesel::insert_into(rate_limits::table)
            .values((
                rate_limits::key.eq(&key),
                rate_limits::counted_at.eq(now),
                rate_limits::empty_at.eq(now),
            ))
            .on_conflict(rate_limits::key)
            .do_update()
            .set(rate_limits::empty_at.eq(rate_limits::empty_at))
            .returning((rate_limits::counted_at, rate_limits::empty_at))
            .get_result(conn)
            .await?;
        let (bucket, count) = rule.count(bucket, now);
        diesel::update(rate_limits::table.find(&key))
            .set((
                rate_limits::counted_at.eq(bucket.counted_at),
                rate_limits::empty_at.eq(bucket.empty_at),
            ))
            .execute(conn)
            .await?;
        Ok(count)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{days, seconds as span};

    const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
    const SECOND: i64 = 1_000_000;

    fn rule() -> Rule {
        Rule::new(NonZeroU32::MIN.saturating_add(2), Duration::from_mins(1))
    }

    /// A bucket that was just filled.
    fn full(now: Timestamp) -> Bucket {
        let mut bucket = Bucket { counted_at: now, empty_at: now };
        for left in [2, 1, 0] {
            let (next, count) = rule().count(bucket, now);
            assert_eq!(count, Count::Counted { left });
            bucket = next;
        }
        bucket
    }

    #[test]
    fn rate_limit_allows_a_burst_and_then_one_request_per_interval() {
        let bucket = full(START);
        assert_eq!(rule().count(bucket, START).1, Count::Full { wait: 20 * SECOND });
        assert_eq!(rule().count(bucket, START + span(19)).1, Count::Full { wait: SECOND });
        let (bucket, count) = rule().count(bucket, START + span(20));
        assert_eq!(count, Count::Counted { left: 0 });
        assert_eq!(rule().count(bucket, START + span(20)).1, Count::Full { wait: 20 * SECOND });
        assert_eq!(rule().count(bucket, START + span(90)).1, Count::Counted { left: 2 });
    }

    #[test]
    fn clock_set_back_does_not_extend_a_rate_limit_wait() {
        for back in [span(90), span(3600), days(400)] {
            let (bucket, count) = rule().count(full(START), START - back);
            assert_eq!(count, Count::Full { wait: 20 * SECOND });
            // The stored bucket leaks from the new time on.
            let later = START - back + span(20);
            assert_eq!(rule().count(bucket, later).1, Count::Counted { left: 0 });
            let used = Bucket { counted_at: START, empty_at: START + span(20) };
            assert_eq!(rule().count(used, START - back).1, Count::Counted { left: 1 });
        }
    }

    #[test]
    fn stored_time_does_not_extend_a_rate_limit_wait() {
        for (counted, empty) in [(START, days(400)), (START + days(400), days(800))] {
            let odd = Bucket { counted_at: counted, empty_at: START + empty };
            let (bucket, count) = rule().count(odd, START);
            assert_eq!(count, Count::Full { wait: 20 * SECOND });
            let count = rule().count(bucket, START + span(20)).1;
            assert_eq!(count, Count::Counted { left: 0 });
        }
        let odd = Bucket { counted_at: START, empty_at: START - days(1) };
        assert_eq!(rule().count(odd, START).1, Count::Counted { left: 2 });
    }
}
