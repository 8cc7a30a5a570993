//! The expiry of sessions: extended with use (sliding expiration), at most once a day, and shortened where a wrong
//! clock has set it too far ahead.
//!
//! The gate records what a use changes in memory, and a background task writes it every few seconds, so that no
//! request waits and many uses cause one write. Until then the gate uses the recorded change. The cookie is not sent
//! again: it lasts as long as a session can, the row decides, and a late response could bring back an old cookie.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    store::{
        Error, Store, invalidating_transaction,
        schema::sessions,
        tables::sessions::{ABSOLUTE_TIMEOUT, IDLE_TIMEOUT, REFRESH_AFTER, SHORT_LIFE, SessionRow},
        transaction,
    },
    time::{CLOCK_TOLERANCE, Timestamp},
};

/// How many sessions are written concurrently. SQLite's writer commits them together.
const MAX_IN_FLIGHT: usize = 8;

/// How a use now changes a session's times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// It expires later.
    Extended { until: Timestamp },
    /// It was created, or would expire, further ahead than a correct clock allows: it counts as created now at the
    /// latest, and expires at most the absolute timeout from now.
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

    /// At most once a day, and never past the absolute timeout.
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

/// A recorded change, and the row that it applies to.
#[derive(Debug, Clone)]
struct PendingChange {
    row: Arc<SessionRow>,
    change: Change,
    at: Timestamp,
}

/// Changes that have not been written yet, by session id.
#[derive(Debug, Default)]
pub struct SessionEnds {
    pending: Mutex<HashMap<String, PendingChange>>,
}

impl SessionEnds {
    /// Returns the session as it is from this use on. Records a change of its expiry, unless `extends` is false and
    /// the change extends it.
    pub fn used(&self, row: &Arc<SessionRow>, now: Timestamp, extends: bool) -> Arc<SessionRow> {
        let change = Change::of(row, now);
        if change.is_none() && now < row.expires_at {
            return row.clone();
        }
        let mut pending = self.lock();
        // The first of several uses decides, or each would move the expiry a little.
        if let Some(pending) = pending.get(&row.id) {
            return Arc::new(pending.change.apply(row, pending.at));
        }
        match change {
            Some(change) if now < row.expires_at && (extends || change.is_bound()) => {
                pending.insert(row.id.clone(), PendingChange { row: row.clone(), change, at: now });
                Arc::new(change.apply(row, now))
            }
            _ => row.clone(),
        }
    }

    /// Writes the recorded changes.
    ///
    /// # Errors
    /// As every query: see [`Error`]. Changes that were not written are kept for the next flush.
    pub async fn flush(&self, store: &Store) -> Result<(), Error> {
        let pending: Vec<PendingChange> = self.lock().values().cloned().collect();
        stream::iter(pending)
            .map(Ok)
            .try_for_each_concurrent(MAX_IN_FLIGHT, async |pending| {
                let id = pending.row.id.clone();
                write_change(store, pending).await?;
                self.lock().remove(&id);
                Ok(())
            })
            .await
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, PendingChange>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Change {
    fn is_bound(self) -> bool {
        matches!(self, Self::Bounded { .. })
    }
}

/// Writes one session's change in a transaction of its own, which cannot deadlock with one that locks many rows. If
/// another instance has written the same change, this matches no row; a revoked session stays revoked.
async fn write_change(
    store: &Store,
    PendingChange { row, change, at }: PendingChange,
) -> Result<(), Error> {
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
            // A later expiry begins no epoch: this instance reads it at the next use, and another instance when the
            // expiry in its cache has passed.
            store.lookups.cache.invalidate_user(&row.user_id);
        }
        // An earlier expiry takes a right away.
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
    use crate::store::sessions::Methods;
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
            second_factor_at: None,
            methods: Methods::default(),
        }
    }

    #[test]
    fn remembered_session_is_extended_daily_up_to_its_absolute_timeout() {
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
    fn session_created_by_a_clock_ahead_is_bounded_from_now() {
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
    fn session_is_extended_once_by_the_first_of_many_uses() {
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
            "a recorded change applies before it is written"
        );
    }

    #[test]
    fn expired_session_is_not_extended() {
        let ends = SessionEnds::default();
        let row = Arc::new(created(NOW, IDLE_TIMEOUT));
        assert_eq!(ends.used(&row, row.expires_at, true).expires_at, row.expires_at);
        assert!(ends.lock().is_empty());
    }
}
