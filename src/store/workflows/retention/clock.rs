//! The clock that retention uses: the wall clock, as far as it can be trusted.
//!
//! Rows that a wrong clock deletes are lost. Therefore the database keeps a mark, shared by all instances, that
//! advances with their uptime, which cannot be set. If the wall clock is further ahead of the mark than a short
//! downtime explains, nothing is deleted until the difference has been stable for a day of uptime, or an operator
//! confirms the clock.

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    store::{
        Error, Store,
        engine::shared_clock,
        maintenance_transaction, query,
        schema::retention_clock,
        tables::activity::{Event, RecordEvent},
    },
    time::{Clock, Timestamp, Uptime},
};

/// How far the wall clock may be ahead of the mark, in microseconds: a day, for which servers may be down without
/// further checks.
const TOLERANCE: i64 = 24 * 60 * 60 * 1_000_000;
/// After how much uptime without another jump the wall clock is trusted again, in microseconds: a day.
const STEADY: i64 = 24 * 60 * 60 * 1_000_000;
/// By how much the clock may be corrected and still count as steady, in microseconds: five minutes.
const SLACK: i64 = 5 * 60 * 1_000_000;

/// The mark, and how far the wall clock is trusted.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = retention_clock)]
struct ClockState {
    mark: Timestamp,
    jump: Option<i64>,
    steady_from: Option<Timestamp>,
    corrections: i64,
}

/// What retention may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockStatus {
    /// Delete what has passed its retention period at this time: the earlier of wall clock and mark.
    Trusted(Timestamp),
    /// Delete nothing: the wall clock is ahead of the mark, without an explanation.
    Ahead(Jump),
}

/// A wall clock that is ahead of the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jump {
    /// The time of the mark.
    pub mark: Timestamp,
    /// The time of the wall clock.
    pub now: Timestamp,
    /// How much uptime must pass until the wall clock is trusted, if it does not jump again.
    pub left: Duration,
}

/// The state of the clock, for an operator.
#[derive(Debug, Clone, Copy)]
pub struct Status {
    /// The time of the mark.
    pub mark: Timestamp,
    /// The time of the wall clock, by the clock that instances share.
    pub now: Timestamp,
    /// What retention may do.
    pub standing: ClockStatus,
}

impl Status {
    /// Whether the mark is ahead of the wall clock by more than the tolerance: a wrong wall clock was trusted once.
    /// That deletes nothing too early, but another wrong clock may go unnoticed.
    #[must_use]
    pub fn mark_is_ahead(&self) -> bool {
        self.mark.micros().saturating_sub(self.now.micros()) > TOLERANCE
    }
}

/// What one process knows of the mark, and so by how much it may advance it.
#[derive(Debug, Default)]
pub struct Watch {
    last: Option<Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    at: Uptime,
    mark: Timestamp,
    corrections: i64,
}

impl Watch {
    /// Advances the mark by the uptime since the last call, and returns what retention may do.
    ///
    /// # Errors
    /// As every query: see [`Error`].
    pub async fn look(&mut self, store: &Store, clock: &Clock) -> Result<ClockStatus, Error> {
        let at = clock.uptime();
        let now = shared_clock::now(store, clock).await?;
        let last = self.last;
        let mark: ClockState = maintenance_transaction!(store, |conn| {
            let before = lock_clock!(conn);
            let after = before.advanced(least_mark(last, &before, at), last.is_none(), now);
            diesel::update(retention_clock::table.find(1))
                .set((
                    retention_clock::mark.eq(after.mark),
                    retention_clock::jump.eq(after.jump),
                    retention_clock::steady_from.eq(after.steady_from),
                ))
                .execute(conn)
                .await?;
            Ok(after)
        })?;
        self.last = Some(Seen { at, mark: mark.mark, corrections: mark.corrections });
        Ok(mark.standing(now))
    }
}

/// Returns the least that the mark must be now, by what this process saw last and its uptime since.
fn least_mark(last: Option<Seen>, before: &ClockState, at: Uptime) -> Timestamp {
    // A mark that an operator has set since is not raised again by what was seen before.
    match last.filter(|seen| seen.corrections == before.corrections) {
        Some(seen) => later(seen.mark, at.since(seen.at)),
        None => before.mark,
    }
}

fn later(moment: Timestamp, by: Duration) -> Timestamp {
    let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(moment.micros().saturating_add(by))
}

impl ClockState {
    fn ahead(&self, now: Timestamp) -> i64 {
        now.micros().saturating_sub(self.mark.micros())
    }

    /// Returns the state after a process has checked the clock, either while running or just after its start.
    fn advanced(&self, least_mark: Timestamp, started: bool, now: Timestamp) -> Self {
        let mark = Self { mark: self.mark.max(least_mark), ..self.clone() };
        let ahead = mark.ahead(now);
        if ahead <= TOLERANCE {
            // Downtime does not count as uptime: the mark catches up with it when a process starts, and only then.
            let caught_up = if started { mark.mark.max(now) } else { mark.mark };
            return Self { mark: caught_up, jump: None, steady_from: None, ..mark };
        }
        let (Some(jump), Some(from)) = (mark.jump, mark.steady_from) else {
            return mark.jumped(ahead, mark.mark);
        };
        if (ahead - jump).abs() > SLACK {
            // A start after a short downtime continues the waiting time; any other jump restarts it.
            let stopped = started && (0..=TOLERANCE).contains(&(ahead - jump));
            return mark.jumped(ahead, if stopped { from } else { mark.mark });
        }
        if mark.mark.micros().saturating_sub(from.micros()) >= STEADY {
            return Self { mark: now, jump: None, steady_from: None, ..mark };
        }
        mark
    }

    fn jumped(&self, ahead: i64, from: Timestamp) -> Self {
        Self { jump: Some(ahead), steady_from: Some(from), ..self.clone() }
    }

    fn standing(&self, now: Timestamp) -> ClockStatus {
        if self.jump.is_none() && self.ahead(now) <= TOLERANCE {
            return ClockStatus::Trusted(now.min(self.mark));
        }
        let steady =
            self.steady_from.map_or(0, |from| self.mark.micros().saturating_sub(from.micros()));
        let left = u64::try_from(STEADY - steady).unwrap_or_default();
        ClockStatus::Ahead(Jump { mark: self.mark, now, left: Duration::from_micros(left) })
    }
}

/// Returns the current state, and advances nothing.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn status(store: &Store, clock: &Clock) -> Result<Status, Error> {
    let now = shared_clock::now(store, clock).await?;
    let mark: ClockState = query!(store, |conn| retention_clock::table
        .select(ClockState::as_select())
        .get_result(conn)
        .await)?;
    Ok(Status { mark: mark.mark, now, standing: mark.standing(now) })
}

/// Sets the mark to the wall clock, forward or back, because an operator has confirmed it.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn confirm(store: &Store, clock: &Clock, event: Event) -> Result<Status, Error> {
    let now = shared_clock::now(store, clock).await?;
    maintenance_transaction!(store, |conn| {
        let before = lock_clock!(conn);
        diesel::update(retention_clock::table.find(1))
            .set((
                retention_clock::mark.eq(now),
                retention_clock::jump.eq(None::<i64>),
                retention_clock::steady_from.eq(None::<Timestamp>),
                retention_clock::corrections.eq(before.corrections + 1),
            ))
            .execute(conn)
            .await?;
        conn.record_event(&event).await?;
        Ok(())
    })?;
    status(store, clock).await
}

/// Returns the mark and locks it until the end of the transaction: instances update it one after the other.
macro_rules! lock_clock {
    ($conn:ident) => {{
        let mark: ClockState = diesel::update(retention_clock::table.find(1))
            .set(retention_clock::id.eq(1))
            .returning(ClockState::as_returning())
            .get_result($conn)
            .await?;
        mark
    }};
}

use lock_clock;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Span, days, seconds};

    const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
    const MINUTE: Span = seconds(60);

    /// A mark, and a process that advances it.
    struct Site {
        mark: ClockState,
        seen: Option<Timestamp>,
    }

    fn site() -> Site {
        let mark = ClockState { mark: START, jump: None, steady_from: None, corrections: 0 };
        Site { mark, seen: Some(START) }
    }

    impl Site {
        /// Simulates a call after `passed` of uptime, with this wall clock.
        fn look(&mut self, passed: Span, now: Timestamp) -> ClockStatus {
            let least_mark = self.seen.map_or(self.mark.mark, |mark| mark + passed);
            self.mark = self.mark.advanced(least_mark, self.seen.is_none(), now);
            self.seen = Some(self.mark.mark);
            self.mark.standing(now)
        }

        fn restart(&mut self) {
            self.seen = None;
        }
    }

    fn is_ahead(standing: ClockStatus) -> bool {
        matches!(standing, ClockStatus::Ahead(_))
    }

    #[test]
    fn running_clock_is_trusted() {
        let mut site = site();
        let mut now = START;
        for _ in 0..100 {
            now = now + MINUTE;
            assert_eq!(site.look(MINUTE, now), ClockStatus::Trusted(now));
        }
    }

    #[test]
    fn clock_mark_advances_no_faster_than_time_passes() {
        let mut site = site();
        let now = START + days(1);
        assert_eq!(site.look(MINUTE, now), ClockStatus::Trusted(START + MINUTE));
        site.restart();
        assert_eq!(site.look(MINUTE, now), ClockStatus::Trusted(now), "a day without a process");
    }

    #[test]
    fn clock_set_ahead_is_trusted_after_a_day_without_another_jump() {
        for start in [false, true] {
            let mut site = site();
            if start {
                site.restart();
            }
            let mut now = START + days(400);
            assert!(is_ahead(site.look(MINUTE, now)));
            for _ in 0..23 {
                now = now + seconds(3600);
                assert!(is_ahead(site.look(seconds(3600), now)));
            }
            // Another jump restarts the day.
            now = now + days(3);
            assert!(is_ahead(site.look(MINUTE, now)));
            for _ in 0..23 {
                now = now + seconds(3600);
                assert!(is_ahead(site.look(seconds(3600), now)));
            }
            now = now + seconds(2 * 3600);
            assert_eq!(site.look(seconds(2 * 3600), now), ClockStatus::Trusted(now));
        }
    }

    #[test]
    fn corrected_clock_is_trusted_at_once() {
        let mut site = site();
        assert!(is_ahead(site.look(MINUTE, START + days(400))));
        let now = START + MINUTE + MINUTE;
        assert_eq!(site.look(MINUTE, now), ClockStatus::Trusted(now));
    }

    #[test]
    fn short_stop_does_not_restart_the_waiting_day_but_a_long_one_does() {
        for (stop, again) in [(seconds(3600), false), (days(2), true)] {
            let mut site = site();
            let mut now = START + days(90);
            assert!(is_ahead(site.look(MINUTE, now)));
            now = now + seconds(20 * 3600);
            assert!(is_ahead(site.look(seconds(20 * 3600), now)));
            site.restart();
            now = now + stop;
            assert!(is_ahead(site.look(MINUTE, now)));
            now = now + seconds(5 * 3600);
            assert_eq!(is_ahead(site.look(seconds(5 * 3600), now)), again, "{stop:?}");
        }
    }

    #[test]
    fn clock_set_back_is_trusted_and_leaves_the_mark() {
        let mut site = site();
        let now = START + MINUTE - days(90);
        assert_eq!(site.look(MINUTE, now), ClockStatus::Trusted(now));
        assert_eq!(site.mark.mark, START + MINUTE);
        let now = START + MINUTE + days(3);
        assert_eq!(
            site.look(days(3), now),
            ClockStatus::Trusted(now),
            "the mark has caught up with the clock"
        );
    }

    #[test]
    fn many_processes_advance_the_clock_mark_no_faster_than_one() {
        let mut mark = site().mark;
        for _ in 0..10 {
            mark = mark.advanced(START + MINUTE, false, START + days(400));
        }
        assert_eq!(mark.mark, START + MINUTE);
    }
}
