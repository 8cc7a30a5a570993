//! The signing keys of the instances that run on one database: what one of them signs, all must accept.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Error, Store, schema::signing_keys, transaction};
use crate::{
    secrets::KeyFingerprint,
    time::{Span, Timestamp, seconds},
};

/// An instance that has not been seen for so long has stopped without saying so.
const LIVE: Span = seconds(20);

/// An instance and its keys.
#[derive(Debug, Clone)]
pub struct Instance {
    /// A random id.
    pub id: String,
    /// The key that signs.
    pub signing: KeyFingerprint,
    /// All keys that verify, the one that signs among them.
    pub verifying: Vec<KeyFingerprint>,
    /// Since when its keys fit those of all that were accepted before it. Only from then on is it ready.
    pub accepted_at: Option<Timestamp>,
}

/// How the keys of an instance and those of the others stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyStatus {
    /// Since when this one is accepted.
    pub accepted_at: Option<Timestamp>,
    /// Whether there is one that does not fit.
    pub mismatch: bool,
}

/// A row.
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
    /// Whether each accepts what the other signs.
    fn fits(&self, other: &Self) -> bool {
        self.verifying.contains(&other.signing) && other.verifying.contains(&self.signing)
    }

    /// An instance that has been accepted stays so, whatever the keys of those that come later: one with a
    /// wrong secret must not take the others out of service. Of two that were accepted at once, the later
    /// one gives way.
    fn standing(&self, others: &[Self], now: Timestamp) -> KeyStatus {
        let before = |other: &Self| match (other.accepted_at, self.accepted_at) {
            (Some(theirs), Some(own)) => (theirs, &other.id) < (own, &self.id),
            (theirs, _) => theirs.is_some(),
        };
        let mut misfits = others.iter().filter(|other| !self.fits(other)).peekable();
        let mismatch = misfits.peek().is_some();
        let accepted_at = if misfits.any(before) { None } else { self.accepted_at.or(Some(now)) };
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

/// The instances that these rows are of.
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

/// Records that this instance runs, forgets those that have stopped, and says how its keys stand.
///
/// # Errors
/// When the store is unavailable.
pub async fn record(store: &Store, own: Instance, now: Timestamp) -> Result<KeyStatus, Error> {
    transaction!(store, |conn| {
        // What is ahead of the clock was written before that was set back.
        let stopped = signing_keys::seen_at
            .lt(now - LIVE)
            .or(signing_keys::seen_at.gt(now + LIVE))
            .or(signing_keys::instance_id.eq(&own.id));
        diesel::delete(signing_keys::table.filter(stopped)).execute(conn).await?;
        let others: Vec<Row> = signing_keys::table.load(conn).await?;
        let standing = own.standing(&instances(others), now);
        for row in own.rows(standing.accepted_at, now) {
            diesel::insert_into(signing_keys::table).values(row).execute(conn).await?;
        }
        Ok(standing)
    })
}

/// Removes an instance that stops.
///
/// # Errors
/// When the store is unavailable; the others then notice by themselves.
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

    /// An instance that signs with the first of its keys, accepted so many seconds ago.
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
    fn an_instance_is_accepted_where_each_accepts_what_the_other_signs() {
        let [old, new, other] = keys();
        for (running, newcomer, fits) in [
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
            let standing = instance("b", newcomer, None).standing(&[running], NOW);
            assert_eq!(standing.accepted_at, fits.then_some(NOW));
            assert_eq!(standing.mismatch, !fits);
        }
    }

    #[test]
    fn a_newcomer_that_does_not_fit_takes_no_other_instance_out_of_service() {
        let [right, wrong, _] = keys();
        let newcomer = instance("a", &[wrong], None);
        let first = instance("b", &[right], Some(60));
        let standing = first.standing(std::slice::from_ref(&newcomer), NOW);
        assert_eq!(standing, KeyStatus { accepted_at: first.accepted_at, mismatch: true });

        // Nor one that starts later than it, also when the first one has stopped meanwhile.
        let second = instance("c", &[right], None);
        let standing = second.standing(&[newcomer.clone(), first], NOW);
        assert_eq!(standing, KeyStatus { accepted_at: Some(NOW), mismatch: true });
        let second = Instance { accepted_at: standing.accepted_at, ..second };
        assert_eq!(newcomer.standing(&[second], NOW).accepted_at, None);
        assert_eq!(newcomer.standing(&[], NOW).accepted_at, Some(NOW));
    }

    #[test]
    fn of_two_that_were_accepted_at_once_one_gives_way() {
        let [one, other, _] = keys();
        for (ago, stays) in [(1, true), (2, true), (3, false)] {
            let first = instance("a", &[one], Some(2));
            let second = instance("b", &[other], Some(ago));
            let standing = |one: &Instance, other: &Instance| {
                one.standing(std::slice::from_ref(other), NOW).accepted_at.is_some()
            };
            assert_eq!(standing(&first, &second), stays);
            assert_eq!(standing(&second, &first), !stays);
        }
    }
}
