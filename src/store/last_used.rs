//! When each key was last used, without a write for each request.
//!
//! The gate notes a use in memory when the row that it has read is over a minute behind, and a task
//! writes what was noted every few seconds and at shutdown. A crash loses seconds of it, and two
//! instances agree, since a time only ever moves forward and by a minute at least.

mod postgres;
mod sqlite;
mod timestamp;

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use super::{Database, Error, Store, in_place};
use crate::time::{Span, Timestamp, seconds};

pub use timestamp::LastUsed;

/// A use is worth writing when the last one written is this old.
pub(super) const RESOLUTION: Span = seconds(60);

/// How many rows are written in one transaction: for so long, whoever takes their keys away may wait.
const AT_ONCE: usize = 1000;

/// A key whose use is noted, by its row's id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CredentialId {
    /// A session.
    Session(String),
    /// A token.
    Token(String),
}

/// Uses that are not written yet.
#[derive(Debug, Default)]
pub struct LastUsedBuffer {
    noted: Mutex<HashMap<CredentialId, Timestamp>>,
}

impl LastUsedBuffer {
    /// Notes a use, if the last one is old enough.
    pub fn note(&self, used: &LastUsed, now: Timestamp, key: impl FnOnce() -> CredentialId) {
        if used.record_if_due(now) {
            self.lock().insert(key(), now);
        }
    }

    /// Writes what was noted, many rows a transaction. What somebody else has locked just now waits for the next
    /// time.
    ///
    /// # Errors
    /// When the store is unavailable; what was noted is then kept for the next time.
    pub async fn flush(&self, store: &Store) -> Result<(), Error> {
        let mut noted: Vec<(CredentialId, Timestamp)> =
            self.lock().iter().map(|(key, at)| (key.clone(), *at)).collect();
        // Ids are in the order of their making, as rows are: neighbours share pages, which are written once.
        noted.sort_unstable();
        for uses in noted.chunks(AT_ONCE) {
            let behind = match store.database() {
                Database::Postgres(postgres) => {
                    postgres.write(async |conn| postgres::write(conn, uses).await).await?
                }
                Database::Sqlite(sqlite) => {
                    let uses = uses.to_vec();
                    sqlite.write(move |conn| in_place(sqlite::write(conn, uses))).await?;
                    HashSet::new()
                }
            };
            // Only now, and only what has not moved on: a flush that is cut off loses nothing.
            let mut noted = self.lock();
            for (key, at) in uses {
                if !behind.contains(key) && noted.get(key) == Some(at) {
                    noted.remove(key);
                }
            }
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<CredentialId, Timestamp>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_noted_when_the_one_that_was_written_is_a_minute_old() {
        let now = Timestamp::from_micros(0) + seconds(1_000_000);
        let notes = |written| {
            let uses = LastUsedBuffer::default();
            uses.note(&LastUsed::at(written), now, || CredentialId::Token("x".to_owned()));
            !uses.lock().is_empty()
        };
        assert!(notes(None));
        assert!(notes(Some(now - seconds(60))));
        assert!(!notes(Some(now - seconds(59))));
    }
}
