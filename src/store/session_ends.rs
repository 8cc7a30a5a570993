//! When sessions end: later with each day of use, and bounded where a wrong clock has set it.
//!
//! The gate notes in memory what a use changes, and a task writes it every few seconds, so that no request waits
//! and a burst of them causes one write. Until then the gate goes by what is noted. The cookie is not sent
//! again: it lasts as long as a session can, the row decides, and a late answer could bring back an old one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    Error, Store, invalidating_transaction,
    schema::sessions,
    sessions::{ABSOLUTE_TIMEOUT, IDLE_TIMEOUT, REFRESH_AFTER, SHORT_LIFE, SessionRow},
    transaction,
};
use crate::time::{CLOCK_TOLERANCE, Timestamp};

/// How many sessions are written at once. SQLite's writer commits them together.
const AT_ONCE: usize = 8;

/// What a use at this moment makes of a session's times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// It ends later.
    Extended { until: Timestamp },
    /// It was created, or would end, further ahead than any clock that is right allows: it counts as created
    /// by now at the latest, and ends when the longest life from now is over.
    Bounded { created_at: Timestamp, until: Timestamp },
}

impl Change {
    fn of(row: &SessionRow, now: Timestamp) -> Option<Self> {
        Self::bounded(row, now).or_else(|| Self::extended(row, now))
    }

    fn bounded(row: &SessionRow, now: Timestamp) -> Option<Self> {
        let limit = now + if row.remember { ABSOLUTE_TIMEOUT } else { SHORT_LIFE };
        let from_the_future = row.created_at > now + CLOCK_TOLERANCE;
        (from_the_future || row.expires_at > limit + CLOCK_TOLERANCE).then(|| Self::Bounded {
            created_at: if from_the_future { now } else { row.created_at },
            until: row.expires_at.min(limit),
        })
    }

    /// Once a day at the most, and never past the longest life.
    fn extended(row: &SessionRow, now: Timestamp) -> Option<Self> {
        let due = row.remember && row.expires_at - IDLE_TIMEOUT + REFRESH_AFTER <= now;
        let until = (now + IDLE_TIMEOUT).min(row.created_at + ABSOLUTE_TIMEOUT);
        (due && until > row.expires_at).then_some(Self::Extended { until })
    }

    fn apply(self, row: &SessionRow, at: Timestamp) -> SessionRow {
        let row = row.clone();
        match self {
            Self::Extended { until } => SessionRow { expires_at: until, updated_at: at, ..row },
            Self::Bounded { created_at, until } => SessionRow {
                created_at,
                expires_at: until,
                updated_at: at,
                last_seen_at: at,
                ..row
            },
        }
    }
}

/// A change that is noted, and the row that it was made for.
#[derive(Debug, Clone)]
struct Noted {
    row: Arc<SessionRow>,
    change: Change,
    at: Timestamp,
}

/// Changes that are not written yet, by the session's id.
#[derive(Debug, Default)]
pub struct SessionEnds {
    noted: Mutex<HashMap<String, Noted>>,
}

impl SessionEnds {
    /// The session as it is from this use on. Where that is another end, it is noted, unless the use is
    /// not to extend it.
    pub fn used(&self, row: &Arc<SessionRow>, now: Timestamp, extends: bool) -> Arc<SessionRow> {
        let change = Change::of(row, now);
        if change.is_none() && now < row.expires_at {
            return row.clone();
        }
        let mut noted = self.lock();
        // The first use of many decides, or each would move the end a little.
        if let Some(noted) = noted.get(&row.id) {
            return Arc::new(noted.change.apply(row, noted.at));
        }
        match change {
            Some(change) if now < row.expires_at && (extends || change.is_bound()) => {
                noted.insert(row.id.clone(), Noted { row: row.clone(), change, at: now });
                Arc::new(change.apply(row, now))
            }
            _ => row.clone(),
        }
    }

    /// Writes what was noted.
    ///
    /// # Errors
    /// When the store is unavailable; what was noted and not written is kept for the next time.
    pub async fn flush(&self, store: &Store) -> Result<(), Error> {
        let noted: Vec<Noted> = self.lock().values().cloned().collect();
        stream::iter(noted)
            .map(Ok)
            .try_for_each_concurrent(AT_ONCE, async |noted| {
                let id = noted.row.id.clone();
                write_change(store, noted).await?;
                self.lock().remove(&id);
                Ok(())
            })
            .await
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Noted>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Change {
    fn is_bound(self) -> bool {
        matches!(self, Self::Bounded { .. })
    }
}

/// Writes one session's change in a transaction of its own, which cannot deadlock with one that locks many
/// rows. Where another instance has done the same it finds nothing to do, and one that was ended stays so.
async fn write_change(store: &Store, Noted { row, change, at }: Noted) -> Result<(), Error> {
    let (id, expires_at, created_at) = (row.id.clone(), row.expires_at, row.created_at);
    match change {
        Change::Extended { until } => {
            let due = at + IDLE_TIMEOUT - REFRESH_AFTER;
            transaction!(store, |conn| diesel::update(sessions::table.find(&id))
                .filter(sessions::expires_at.le(due))
                .filter(sessions::expires_at.lt(until))
                .set((sessions::expires_at.eq(until), sessions::updated_at.eq(at)))
                .execute(conn)
                .await)?;
            // A later end begins no epoch: this instance reads it at the next use, and another one when it
            // finds the old end due.
            store.cache.invalidate_user(&row.user_id);
        }
        // An earlier end takes a right away.
        Change::Bounded { created_at: created, until } => {
            invalidating_transaction!(store, |conn| diesel::update(sessions::table.find(&id))
                .filter(sessions::expires_at.eq(expires_at))
                .filter(sessions::created_at.eq(created_at))
                .set((
                    sessions::expires_at.eq(until),
                    sessions::created_at.eq(created),
                    sessions::last_seen_at.eq(at),
                    sessions::updated_at.eq(at),
                ))
                .execute(conn)
                .await)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Span, days, seconds};

    const NOW: Timestamp = Timestamp::from_micros(1_000_000_000_000_000);

    fn created(at: Timestamp, life: Span) -> SessionRow {
        SessionRow {
            id: "session".to_owned(),
            user_id: "ada".to_owned(),
            expires_at: at + life,
            authenticated_at: at,
            last_seen_at: at,
            remember: true,
            ip_address: None,
            user_agent: None,
            created_at: at,
            updated_at: at,
        }
    }

    #[test]
    fn a_remembered_session_is_extended_once_a_day_up_to_its_longest_life() {
        let row = created(NOW, IDLE_TIMEOUT);
        let at = |row: &SessionRow, passed: Span| Change::of(row, NOW + passed);
        assert_eq!(at(&row, seconds(86_399)), None);
        let until = NOW + days(1) + IDLE_TIMEOUT;
        assert_eq!(at(&row, days(1)), Some(Change::Extended { until }));
        let last = SessionRow { expires_at: NOW + days(29), ..row.clone() };
        let until = NOW + ABSOLUTE_TIMEOUT;
        assert_eq!(at(&last, days(25)), Some(Change::Extended { until }));
        let over = SessionRow { expires_at: until, ..row.clone() };
        assert_eq!(at(&over, days(29)), None);
        let short = SessionRow { remember: false, ..created(NOW, SHORT_LIFE) };
        assert_eq!(at(&short, seconds(86_399)), None);
    }

    #[test]
    fn a_session_from_a_clock_that_was_ahead_is_bounded_from_now() {
        let bound = |row: &SessionRow| Change::of(row, NOW);
        let tolerated = created(NOW + CLOCK_TOLERANCE, IDLE_TIMEOUT);
        assert_eq!(bound(&tolerated), None);
        let year = created(NOW + days(400), IDLE_TIMEOUT);
        let until = NOW + ABSOLUTE_TIMEOUT;
        assert_eq!(bound(&year), Some(Change::Bounded { created_at: NOW, until }));
        let day = created(NOW + days(1), IDLE_TIMEOUT);
        assert_eq!(
            bound(&day),
            Some(Change::Bounded { created_at: NOW, until: NOW + days(8) }),
            "it is never made longer"
        );
        let endless = created(NOW, days(400));
        assert_eq!(bound(&endless), Some(Change::Bounded { created_at: NOW, until }));
        let short = SessionRow { remember: false, ..created(NOW + days(400), SHORT_LIFE) };
        let until = NOW + SHORT_LIFE;
        assert_eq!(bound(&short), Some(Change::Bounded { created_at: NOW, until }));
        let Some(change) = bound(&year) else { return };
        assert_eq!(Change::of(&change.apply(&year, NOW), NOW), None, "once");
    }

    #[test]
    fn the_first_of_many_uses_decides_and_one_that_is_not_to_extend_notes_nothing() {
        let ends = SessionEnds::default();
        let row = Arc::new(created(NOW, IDLE_TIMEOUT));
        let first = NOW + days(1);
        assert_eq!(ends.used(&row, first, false).expires_at, row.expires_at);
        assert!(ends.lock().is_empty());
        for passed in [0, 1, 2] {
            let used = ends.used(&row, first + seconds(passed), true);
            assert_eq!((used.expires_at, used.updated_at), (first + IDLE_TIMEOUT, first));
        }
        assert_eq!(ends.lock().len(), 1);
        let after_its_old_end = ends.used(&row, row.expires_at, true);
        assert_eq!(
            after_its_old_end.expires_at,
            first + IDLE_TIMEOUT,
            "what is noted counts already"
        );
    }

    #[test]
    fn a_session_that_is_over_is_not_extended() {
        let ends = SessionEnds::default();
        let row = Arc::new(created(NOW, IDLE_TIMEOUT));
        assert_eq!(ends.used(&row, row.expires_at, true).expires_at, row.expires_at);
        assert!(ends.lock().is_empty());
    }
}
