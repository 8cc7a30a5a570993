//! The signing keys of the instances on one database: each instance must accept what the others sign.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    secrets::KeyFingerprint,
    store::{Error, Store, schema::signing_keys, transaction},
    time::{Span, Timestamp, seconds},
};

/// After how long without an update an instance counts as stopped.
const LIVENESS_TIMEOUT: Span = seconds(20);

/// An instance and its keys.
#[derive(Debug, Clone)]
pub struct Instance {
    /// A random id.
    pub id: String,
    /// The key that it signs with.
    pub signing: KeyFingerprint,
    /// All keys that it verifies with, including the one that it signs with.
    pub verifying: Vec<KeyFingerprint>,
    /// Since when its keys match those of all instances that were accepted before it. It is ready only from then on.
    pub accepted_at: Option<Timestamp>,
}

/// How an instance's keys compare with those of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyStatus {
    /// Since when this instance is accepted.
    pub accepted_at: Option<Timestamp>,
    /// Whether there is an instance with keys that do not match.
    pub mismatch: bool,
}

/// A row of `signing_keys`.
#[derive(Queryable, Insertable)]
#[diesel(table_name = signing_keys)]
struct Row {
    instance_id: String,
    fingerprint: KeyFingerprint,
    signs: bool,
    accepted_at: Option<Timestamp>,
    seen_at: Timestamp,
}

impl Instance {
    /// Whether each of the two accepts what the other signs.
    fn compatible(&self, other: &Self) -> bool {
        self.verifying.contains(&other.signing) && other.verifying.contains(&self.signing)
    }

    /// Decides whether this instance is accepted. An accepted instance stays accepted, whatever the keys of those that
    /// start later: one with a wrong secret must not take the others out of service. Of two that were accepted at the
    /// same time, the later one loses.
    fn status(&self, others: &[Self], now: Timestamp) -> KeyStatus {
        let before = |other: &Self| match (other.accepted_at, self.accepted_at) {
            (Some(theirs), Some(own)) => (theirs, &other.id) < (own, &self.id),
            (theirs, _) => theirs.is_some(),
        };
        let mut mismatched = others.iter().filter(|other| !self.compatible(other)).peekable();
        let mismatch = mismatched.peek().is_some();
        let accepted_at =
            if mismatched.any(before) { None } else { self.accepted_at.or(Some(now)) };
        KeyStatus { accepted_at, mismatch }
    }

    fn rows(&self, accepted_at: Option<Timestamp>, seen_at: Timestamp) -> Vec<Row> {
        let row = |fingerprint: &KeyFingerprint| Row {
            instance_id: self.id.clone(),
            fingerprint: *fingerprint,
            signs: *fingerprint == self.signing,
            accepted_at,
            seen_at,
        };
        self.verifying.iter().map(row).collect()
    }
}

/// Groups the rows by instance.
fn instances(rows: Vec<Row>) -> Vec<Instance> {
    let mut instances = BTreeMap::new();
    for Row { instance_id, fingerprint, signs, accepted_at, .. } in rows {
        let instance = instances.entry(instance_id.clone()).or_insert_with(|| Instance {
            id: instance_id,
            signing: fingerprint,
            verifying: Vec::new(),
            accepted_at,
        });
        instance.verifying.push(fingerprint);
        if signs {
            instance.signing = fingerprint;
        }
    }
    instances.into_values().collect()
}

/// Records that this instance runs, deletes the rows of those that have stopped, and returns how its keys compare.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn record(store: &Store, own: Instance, now: Timestamp) -> Result<KeyStatus, Error> {
    transaction!(store, |conn| {
        // A time in the future was written before the clock was set back.
        let stopped = signing_keys::seen_at
            .lt(now - LIVENESS_TIMEOUT)
            .or(signing_keys::seen_at.gt(now + LIVENESS_TIMEOUT))
            .or(signing_keys::instance_id.eq(&own.id));
        diesel::delete(signing_keys::table.filter(stopped)).execute(conn).await?;
        let others: Vec<Row> = signing_keys::table.load(conn).await?;
        let status = own.status(&instances(others), now);
        for row in own.rows(status.accepted_at, now) {
            diesel::insert_into(signing_keys::table).values(row).execute(conn).await?;
        }
        Ok(status)
    })
}

/// Deletes the rows of an instance that stops.
///
/// # Errors
/// As every query: see [`Error`]. The others then notice by the missing updates.
pub async fn remove(store: &Store, id: String) -> Result<(), Error> {
    transaction!(store, |conn| {
        let own = signing_keys::table.filter(signing_keys::instance_id.eq(&id));
        diesel::delete(own).execute(conn).await
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::SigningKey;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn keys() -> [KeyFingerprint; 3] {
        std::array::from_fn(|_| SigningKey::generate().fingerprint())
    }

    /// An instance that signs with the first of its keys, and was accepted `accepted` seconds ago.
    fn instance(id: &str, verifying: &[KeyFingerprint], accepted: Option<u32>) -> Instance {
        let accepted_at = accepted.map(|ago| NOW - seconds(ago));
        Instance {
            id: id.to_owned(),
            signing: verifying[0],
            verifying: verifying.to_vec(),
            accepted_at,
        }
    }

    #[test]
    fn instance_is_accepted_if_each_accepts_the_others_signatures() {
        let [old, new, other] = keys();
        for (running, newcomer, compatible) in [
            (&[old][..], &[old][..], true),
            (&[old], &[old, new], true),
            (&[old, new], &[new, old], true),
            (&[new, old], &[new], true),
            (&[old], &[new], false),
            (&[old], &[new, old], false),
            (&[new, old], &[old], false),
            (&[old, new], &[new, other], false),
        ] {
            let running = instance("a", running, Some(60));
            let status = instance("b", newcomer, None).status(&[running], NOW);
            assert_eq!(status.accepted_at, compatible.then_some(NOW));
            assert_eq!(status.mismatch, !compatible);
        }
    }

    #[test]
    fn instance_with_a_different_key_takes_no_other_out_of_service() {
        let [right, wrong, _] = keys();
        let newcomer = instance("a", &[wrong], None);
        let first = instance("b", &[right], Some(60));
        let status = first.status(std::slice::from_ref(&newcomer), NOW);
        assert_eq!(status, KeyStatus { accepted_at: first.accepted_at, mismatch: true });

        // An instance that starts later is not affected either, even if the first one has stopped in the meantime.
        let second = instance("c", &[right], None);
        let status = second.status(&[newcomer.clone(), first], NOW);
        assert_eq!(status, KeyStatus { accepted_at: Some(NOW), mismatch: true });
        let second = Instance { accepted_at: status.accepted_at, ..second };
        assert_eq!(newcomer.status(&[second], NOW).accepted_at, None);
        assert_eq!(newcomer.status(&[], NOW).accepted_at, Some(NOW));
    }

    #[test]
    fn one_of_two_mismatched_instances_stays_accepted() {
        let [one, other, _] = keys();
        for (ago, stays) in [(1, true), (2, true), (3, false)] {
            let first = instance("a", &[one], Some(2));
            let second = instance("b", &[other], Some(ago));
            let status = |one: &Instance, other: &Instance| {
                one.status(std::slice::from_ref(other), NOW).accepted_at.is_some()
            };
            assert_eq!(status(&first, &second), stays);
            assert_eq!(status(&second, &first), !stays);
        }
    }
}
