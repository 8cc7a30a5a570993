//! The clock that retention goes by: the calendar, as far as it can be trusted.
//!
//! What a wrong clock deletes is gone. So the database keeps a mark, shared by all instances, that runs on by their
//! uptime, which no one can set. Where the calendar is further ahead of the mark than a short stop explains, nothing is
//! deleted until it has been so for a day of uptime, or an operator says that it is right.

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::super::{
    Error, Store,
    audit_events::Event,
    maintenance_transaction, query,
    schema::{audit_events, retention_clock},
    shared_clock,
};
use crate::time::{Clock, Timestamp, Uptime};

/// By so much the calendar may be ahead of the mark: a day, in which a server may be down without a word.
const TOLERANCE: i64 = 24 * 60 * 60 * 1_000_000;
/// After so much uptime without another jump the calendar is trusted again: a day.
const STEADY: i64 = 24 * 60 * 60 * 1_000_000;
/// A clock is still steady where it is corrected by so much: five minutes.
const SLACK: i64 = 5 * 60 * 1_000_000;

/// How far the calendar is trusted.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = retention_clock)]
struct Trust {
    mark: Timestamp,
    jump: Option<i64>,
    steady_from: Option<Timestamp>,
    corrections: i64,
}

/// What retention may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockStatus {
    /// Delete what is over at this moment: the earlier of calendar and mark.
    Trusted(Timestamp),
    /// Delete nothing: the calendar is ahead of the mark, without an explanation.
    Ahead(Jump),
}

/// A calendar that is ahead of the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jump {
    /// What the mark says.
    pub mark: Timestamp,
    /// What the calendar says.
    pub now: Timestamp,
    /// How much uptime it takes until the calendar is trusted, if it does not jump again.
    pub left: Duration,
}

/// What an operator is shown.
#[derive(Debug, Clone, Copy)]
pub struct Status {
    /// The mark.
    pub mark: Timestamp,
    /// The calendar, by the clock that instances share.
    pub now: Timestamp,
    /// What retention may do.
    pub standing: ClockStatus,
}

impl Status {
    /// Whether the mark is ahead of the calendar by more than it may ever be: the calendar was trusted once when it
    /// was wrong. Nothing is deleted too early by that, but a calendar that is wrong again may go unnoticed.
    #[must_use]
    pub fn mark_is_ahead(&self) -> bool {
        self.mark.micros().saturating_sub(self.now.micros()) > TOLERANCE
    }
}

/// What one process has seen of the mark: by how much it may move it on.
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
    /// Moves the mark on by the uptime since the last look, and says what may be done.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn look(&mut self, store: &Store, clock: &Clock) -> Result<ClockStatus, Error> {
        let at = clock.uptime();
        let now = shared_clock::now(store, clock).await?;
        let last = self.last;
        let mark: Trust = maintenance_transaction!(store, |conn| {
            let before = locked!(conn);
            let after = before.moved(vouched(last, &before, at), last.is_none(), now);
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

/// What the mark must be by now, as this process has seen it and has run since.
fn vouched(last: Option<Seen>, before: &Trust, at: Uptime) -> Timestamp {
    // What an operator has set since is not to be raised again by what was seen before.
    match last.filter(|seen| seen.corrections == before.corrections) {
        Some(seen) => later(seen.mark, at.since(seen.at)),
        None => before.mark,
    }
}

fn later(moment: Timestamp, by: Duration) -> Timestamp {
    let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(moment.micros().saturating_add(by))
}

impl Trust {
    fn ahead(&self, now: Timestamp) -> i64 {
        now.micros().saturating_sub(self.mark.micros())
    }

    /// The mark as it is when a process has looked that has been running until then, or has just started.
    fn moved(&self, vouched: Timestamp, started: bool, now: Timestamp) -> Self {
        let mark = Self { mark: self.mark.max(vouched), ..self.clone() };
        let ahead = mark.ahead(now);
        if ahead <= TOLERANCE {
            // A stop is no uptime: what was missed meanwhile is caught up with when a process starts, and then only.
            let caught_up = if started { mark.mark.max(now) } else { mark.mark };
            return Self { mark: caught_up, jump: None, steady_from: None, ..mark };
        }
        let (Some(jump), Some(from)) = (mark.jump, mark.steady_from) else {
            return mark.jumped(ahead, mark.mark);
        };
        if (ahead - jump).abs() > SLACK {
            // A start after a short stop goes on waiting, any other jump begins to.
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

/// How it stands; nothing is moved on.
///
/// # Errors
/// When the store is unavailable.
pub async fn status(store: &Store, clock: &Clock) -> Result<Status, Error> {
    let now = shared_clock::now(store, clock).await?;
    let mark: Trust = query!(store, |conn| retention_clock::table
        .select(Trust::as_select())
        .get_result(conn)
        .await)?;
    Ok(Status { mark: mark.mark, now, standing: mark.standing(now) })
}

/// Sets the mark to what the calendar says now, forward or back, as an operator has found it right.
///
/// # Errors
/// When the store is unavailable.
pub async fn confirm(store: &Store, clock: &Clock, event: Event) -> Result<Status, Error> {
    let now = shared_clock::now(store, clock).await?;
    maintenance_transaction!(store, |conn| {
        let before = locked!(conn);
        diesel::update(retention_clock::table.find(1))
            .set((
                retention_clock::mark.eq(now),
                retention_clock::jump.eq(None::<i64>),
                retention_clock::steady_from.eq(None::<Timestamp>),
                retention_clock::corrections.eq(before.corrections + 1),
            ))
            .execute(conn)
            .await?;
        diesel::insert_into(audit_events::table).values(&event).execute(conn).await?;
        Ok(())
    })?;
    status(store, clock).await
}

/// The mark, locked until the end of the transaction: instances look at it one after the other.
macro_rules! locked {
    ($conn:ident) => {{
        let mark: Trust = diesel::update(retention_clock::table.find(1))
            .set(retention_clock::id.eq(1))
            .returning(Trust::as_returning())
            .get_result($conn)
            .await?;
        mark
    }};
}

use locked;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Span, days, seconds};

    const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
    const MINUTE: Span = seconds(60);

    /// A mark, and a process that looks at it.
    struct Site {
        mark: Trust,
        seen: Option<Timestamp>,
    }

    fn site() -> Site {
        let mark = Trust { mark: START, jump: None, steady_from: None, corrections: 0 };
        Site { mark, seen: Some(START) }
    }

    impl Site {
        /// So much time has passed since the last look, and the calendar says this.
        fn look(&mut self, passed: Span, now: Timestamp) -> ClockStatus {
            let vouched = self.seen.map_or(self.mark.mark, |mark| mark + passed);
            self.mark = self.mark.moved(vouched, self.seen.is_none(), now);
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
    fn a_clock_that_goes_is_trusted() {
        let mut site = site();
        let mut now = START;
        for _ in 0..100 {
            now = now + MINUTE;
            assert_eq!(site.look(MINUTE, now), ClockStatus::Trusted(now));
        }
    }

    #[test]
    fn the_mark_runs_no_faster_than_time_passes() {
        let mut site = site();
        let now = START + days(1);
        assert_eq!(site.look(MINUTE, now), ClockStatus::Trusted(START + MINUTE));
        site.restart();
        assert_eq!(site.look(MINUTE, now), ClockStatus::Trusted(now), "a day without a process");
    }

    #[test]
    fn a_clock_that_was_set_ahead_is_trusted_after_a_day_without_another_jump() {
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
            // Another jump: the day begins again.
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
    fn a_clock_that_is_put_right_is_trusted_at_once() {
        let mut site = site();
        assert!(is_ahead(site.look(MINUTE, START + days(400))));
        let now = START + MINUTE + MINUTE;
        assert_eq!(site.look(MINUTE, now), ClockStatus::Trusted(now));
    }

    #[test]
    fn a_short_stop_does_not_begin_the_day_again_and_a_long_one_does() {
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
    fn a_clock_that_is_set_back_deletes_by_what_it_says_and_leaves_the_mark() {
        let mut site = site();
        let now = START + MINUTE - days(90);
        assert_eq!(site.look(MINUTE, now), ClockStatus::Trusted(now));
        assert_eq!(site.mark.mark, START + MINUTE);
        let now = START + MINUTE + days(3);
        assert_eq!(site.look(days(3), now), ClockStatus::Trusted(now), "it was right meanwhile");
    }

    #[test]
    fn many_processes_move_the_mark_no_faster_than_one() {
        let mut mark = site().mark;
        for _ in 0..10 {
            mark = mark.moved(START + MINUTE, false, START + days(400));
        }
        assert_eq!(mark.mark, START + MINUTE);
    }
}
