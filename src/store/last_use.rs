//! When each key was last used, without a write for each request.
//!
//! The gate notes a use in memory when the row it has just read is over a minute behind, and a task
//! writes what was noted every few seconds and at shutdown. A crash loses seconds of it, and two
//! instances agree, since a time only ever moves forward and by a minute at least.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{
    Error, Store,
    schema::{api_tokens, sessions},
    write,
};
use crate::time::{Span, Timestamp, seconds};

/// A use is worth writing when the last one written is this old.
const RESOLUTION: Span = seconds(60);

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
    /// Notes a use, if the last one that was written is old enough.
    pub fn note(&self, written: Option<Timestamp>, now: Timestamp, key: impl FnOnce() -> Key) {
        if written.is_none_or(|written| written + RESOLUTION <= now) {
            self.lock().insert(key(), now);
        }
    }

    /// Writes what was noted, all in one transaction.
    ///
    /// # Errors
    /// When the store is unavailable; what was noted is then kept for the next time.
    pub async fn flush(&self, store: &Store) -> Result<(), Error> {
        let noted = self.lock().clone();
        if noted.is_empty() {
            return Ok(());
        }
        let written = noted.clone();
        write!(store, |conn| {
            for (key, at) in &noted {
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
        })?;
        // Only now, and only what has not moved on: a flush that fails or is cut off loses nothing.
        self.lock().retain(|key, at| written.get(key) != Some(at));
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Timestamp>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
