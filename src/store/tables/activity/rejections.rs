//! Counts of failed sign-ins and rejected tokens. Clients that are not signed in cause them, so none is a write of its
//! own: they are counted in memory, up to a fixed number of different ones, and written every minute as one event per
//! account and network. A crash loses a minute of them.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::json;

use super::{Action, Client, Event, RecordEvent, UNKNOWN_USER};
use crate::{
    store::{Error, Store, maintenance_transaction, schema::activity},
    time::{Clock, Timestamp},
};

/// How many combinations of action, account and network are counted between two flushes. All others are counted
/// together, by action.
const MAX_KEYS: usize = 200;

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    action: Action,
    user_id: Option<String>,
    network: Option<String>,
    /// Whether it stands for all that did not fit.
    overflow: bool,
}

#[derive(Debug)]
struct Count {
    number: u64,
    since: Timestamp,
}

#[derive(Debug, Default)]
struct Pending {
    counts: HashMap<Key, Count>,
    /// The events of a flush, until they are certainly written. Their ids tell whether a flush that reported an error
    /// has written them nevertheless.
    events: Vec<Event>,
}

/// Counts that have not been written yet.
#[derive(Debug, Default)]
pub struct Rejections(Mutex<Pending>);

impl Rejections {
    /// Counts one rejection, for the account that it concerns, if there is one.
    pub fn note(
        &self,
        action: Action,
        user_id: Option<&str>,
        network: Option<String>,
        now: Timestamp,
    ) {
        let mut pending = self.lock();
        let user_id = user_id.map(ToOwned::to_owned);
        let mut key = Key { action, user_id, network, overflow: false };
        if pending.counts.len() >= MAX_KEYS && !pending.counts.contains_key(&key) {
            key = Key { action, user_id: None, network: None, overflow: true };
        }
        pending.counts.entry(key).or_insert(Count { number: 0, since: now }).number += 1;
    }

    /// Writes the counts; a failure is logged.
    pub async fn write(&self, store: &Store, clock: &Clock) {
        if let Err(fault) = self.flush(store, clock.now()).await {
            tracing::warn!(%fault, "counts of failed sign-ins and rejected tokens could not be written");
        }
    }

    /// Writes the counts, as one event for each.
    ///
    /// # Errors
    /// As every query: see [`Error`]. The counts are then kept for the next flush.
    pub async fn flush(&self, store: &Store, now: Timestamp) -> Result<(), Error> {
        loop {
            let events = self.events(now);
            let Some(first) = events.iter().map(|event| event.id.clone()).next() else {
                return Ok(());
            };
            maintenance_transaction!(store, |conn| {
                let written: i64 = activity::table.find(&first).count().get_result(conn).await?;
                // All of them are one transaction.
                if written == 0 {
                    for event in &events {
                        conn.record_event(event).await?;
                    }
                }
                Ok(())
            })?;
            self.lock().events.clear();
        }
    }

    /// Returns the events to write: those of a flush that has failed, or else those of the counts.
    fn events(&self, now: Timestamp) -> Vec<Event> {
        let mut pending = self.lock();
        if pending.events.is_empty() {
            pending.events =
                pending.counts.drain().map(|(key, count)| event(key, &count, now)).collect();
        }
        pending.events.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn event(key: Key, count: &Count, now: Timestamp) -> Event {
    let mut detail = json!({ "count": count.number, "since": count.since });
    if key.overflow {
        detail["overflow"] = true.into();
    }
    let subject = key.user_id.as_deref().unwrap_or(UNKNOWN_USER);
    Event::new(None, key.action, subject, &detail, now)
        .from_client(Client { network: key.network, device: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(0);

    fn count(event: &Event) -> u64 {
        let detail: serde_json::Value = serde_json::from_str(&event.detail).unwrap_or_default();
        detail["count"].as_u64().unwrap_or_default()
    }

    #[test]
    fn rejections_of_one_account_and_network_are_one_event() {
        let rejections = Rejections::default();
        let note = |user, network: &str| {
            rejections.note(Action::SignInFailed, user, Some(network.to_owned()), NOW);
        };
        for _ in 0..3 {
            note(Some("a"), "192.0.2.1");
        }
        note(Some("a"), "192.0.2.2");
        note(None, "192.0.2.1");
        let mut events = rejections.events(NOW);
        events.sort_by_key(|event| (event.subject_id.clone(), event.network.clone()));
        let told: Vec<_> = events
            .iter()
            .map(|event| (event.subject_id.as_str(), event.network.as_deref(), count(event)))
            .collect();
        assert_eq!(
            told,
            [
                ("a", Some("192.0.2.1"), 3),
                ("a", Some("192.0.2.2"), 1),
                (UNKNOWN_USER, Some("192.0.2.1"), 1)
            ]
        );
    }

    #[test]
    fn rejections_beyond_the_bound_are_one_event_for_each_action() {
        let rejections = Rejections::default();
        for number in 0..10_000 {
            for action in [Action::SignInFailed, Action::TokenRejected] {
                rejections.note(action, None, Some(number.to_string()), NOW);
            }
        }
        let events = rejections.events(NOW);
        assert_eq!(events.len(), MAX_KEYS + 2);
        assert_eq!(events.iter().map(count).sum::<u64>(), 20_000);
        let overflow: Vec<u64> =
            events.iter().filter(|event| event.network.is_none()).map(count).collect();
        assert_eq!(overflow, [9_900, 9_900]);
    }

    #[test]
    fn rejections_that_were_not_written_keep_their_ids_and_new_ones_wait() {
        let rejections = Rejections::default();
        rejections.note(Action::SignInFailed, None, None, NOW);
        let first = rejections.events(NOW);
        rejections.note(Action::SignInFailed, None, None, NOW);
        let second = rejections.events(NOW);
        assert_eq!(first[0].id, second[0].id);
        assert_eq!(count(&second[0]), 1);
    }
}
