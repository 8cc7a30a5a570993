//! When each credential was last used, buffered in memory so that a request does not cost a write.
//!
//! The gate records a use when the row's value is more than a minute old, and a background task writes the recorded
//! uses every few seconds and at shutdown. A crash loses seconds of them. Several instances do not conflict, because a
//! value only moves forward, by at least a minute.

mod postgres;
mod sqlite;
mod timestamp;

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use crate::{
    store::{Database, Error, Store, checks, in_place},
    time::{Span, Timestamp, seconds},
};

pub use timestamp::LastUsed;

/// A use is recorded when the last written one is at least this old.
pub(in crate::store) const RESOLUTION: Span = seconds(60);

/// How many rows one transaction writes. A revocation of the same credentials may have to wait for as long.
const BATCH_SIZE: usize = 1000;

/// A credential whose use is recorded, by its row's id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CredentialId {
    /// A session.
    Session(String),
    /// An API token.
    Token(String),
}

/// Recorded uses that have not been written yet.
#[derive(Debug, Default)]
pub struct LastUsedBuffer {
    pending: Mutex<HashMap<CredentialId, Timestamp>>,
}

impl LastUsedBuffer {
    /// Records a use, if the last one is old enough.
    pub fn note(&self, used: &LastUsed, now: Timestamp, key: impl FnOnce() -> CredentialId) {
        if used.record_if_due(now) {
            self.lock().insert(key(), now);
        }
    }

    /// Writes the recorded uses, many rows to a transaction. A row that another transaction has locked is left for the
    /// next flush.
    ///
    /// # Errors
    /// As every query: see [`Error`]. The uses are then kept for the next flush.
    pub async fn flush(&self, store: &Store) -> Result<(), Error> {
        let mut pending: Vec<(CredentialId, Timestamp)> =
            self.lock().iter().map(|(key, at)| (key.clone(), *at)).collect();
        // Ids sort by creation time, as rows do on disk: neighbours share pages, and each page is written once.
        pending.sort_unstable();
        for uses in pending.chunks(BATCH_SIZE) {
            let skipped = match store.database() {
                Database::Postgres(postgres) => {
                    postgres.write(async |conn| postgres::write(conn, uses).await).await?
                }
                Database::Sqlite(sqlite) => {
                    let uses = uses.to_vec();
                    sqlite
                        .write(move |conn| {
                            checks::begins_no_epoch(conn, |conn| {
                                in_place(sqlite::write(conn, uses))
                            })
                        })
                        .await?;
                    HashSet::new()
                }
            };
            // Only after the commit, and only if no later use was recorded: a flush that is interrupted loses nothing.
            let mut pending = self.lock();
            for (key, at) in uses {
                if !skipped.contains(key) && pending.get(key) == Some(at) {
                    pending.remove(key);
                }
            }
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<CredentialId, Timestamp>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_use_is_recorded_if_the_written_one_is_a_minute_old() {
        let now = Timestamp::from_micros(0) + seconds(1_000_000);
        let is_recorded = |written| {
            let uses = LastUsedBuffer::default();
            uses.note(&LastUsed::at(written), now, || CredentialId::Token("x".to_owned()));
            !uses.lock().is_empty()
        };
        assert!(is_recorded(None));
        assert!(is_recorded(Some(now - seconds(60))));
        assert!(!is_recorded(Some(now - seconds(59))));
    }
}
