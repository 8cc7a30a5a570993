//! When each key was last used, without a write for each request.
//!
//! The gate notes a use in memory when the row that it has read is over a minute behind, and a task
//! writes what was noted every few seconds and at shutdown. A crash loses seconds of it, and two
//! instances agree, since a time only ever moves forward and by a minute at least.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{
    Database, Error, Store,
    schema::{api_tokens, sessions},
    write,
};
use crate::time::{Span, Timestamp, seconds};

pub use super::used::Used;

/// A use is worth writing when the last one written is this old.
pub(super) const RESOLUTION: Span = seconds(60);

/// A key whose use is noted, by its row's id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// A session.
    Session(String),
    /// A token.
    Token(String),
}

/// Uses that are not written yet.
#[derive(Debug, Default)]
pub struct LastUse {
    noted: Mutex<HashMap<Key, Timestamp>>,
}

impl LastUse {
    /// Notes a use, if the last one is old enough.
    pub fn note(&self, used: &Used, now: Timestamp, key: impl FnOnce() -> Key) {
        if used.is_worth_noting(now) {
            self.lock().insert(key(), now);
        }
    }

    /// Writes what was noted.
    ///
    /// On PostgreSQL one row a transaction: one that held many would deadlock with a revocation of
    /// the same rows, and the revocation could be the one to fail. SQLite has one writer and nothing
    /// to deadlock with, and there each transaction costs a sync of the disk.
    ///
    /// # Errors
    /// When the store is unavailable; what was noted is then kept for the next time.
    pub async fn flush(&self, store: &Store) -> Result<(), Error> {
        let noted: Vec<(Key, Timestamp)> =
            self.lock().iter().map(|(key, at)| (key.clone(), *at)).collect();
        let at_once = match store.database() {
            Database::Postgres(_) => 1,
            Database::Sqlite(_) => 1000,
        };
        for uses in noted.chunks(at_once) {
            write_uses(store, uses.to_vec()).await?;
            // Only now, and only what has not moved on: a flush that is cut off loses nothing.
            let mut noted = self.lock();
            for (key, at) in uses {
                if noted.get(key) == Some(at) {
                    noted.remove(key);
                }
            }
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Timestamp>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write_uses(store: &Store, uses: Vec<(Key, Timestamp)>) -> Result<(), Error> {
    write!(store, |conn| {
        for (key, at) in &uses {
            let (at, behind) = (*at, *at - RESOLUTION);
            match key {
                Key::Session(id) => {
                    diesel::update(sessions::table.find(id))
                        .filter(sessions::last_seen_at.le(behind))
                        .set(sessions::last_seen_at.eq(at))
                        .execute(conn)
                        .await?
                }
                Key::Token(id) => {
                    diesel::update(api_tokens::table.find(id))
                        .filter(
                            api_tokens::last_used_at
                                .is_null()
                                .or(api_tokens::last_used_at.le(behind).assume_not_null()),
                        )
                        .set(api_tokens::last_used_at.eq(at))
                        .execute(conn)
                        .await?
                }
            };
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_noted_when_the_one_that_was_written_is_a_minute_old() {
        let now = Timestamp::from_micros(0) + seconds(1_000_000);
        let notes = |written| {
            let uses = LastUse::default();
            uses.note(&Used::at(written), now, || Key::Token("x".to_owned()));
            !uses.lock().is_empty()
        };
        assert!(notes(None));
        assert!(notes(Some(now - seconds(60))));
        assert!(!notes(Some(now - seconds(59))));
    }
}
