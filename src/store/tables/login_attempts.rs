//! The login throttle: counts consecutive failed sign-ins by account, and makes further attempts wait.
//!
//! An attacker who keeps guessing must not keep the owner from signing in. Therefore a known network, from which the
//! correct password came before, is counted separately; and a password reset ends the wait on all networks.
//!
//! An attempt reserves its place before the password is checked, and returns it with the result. So of many concurrent
//! attempts no more run than may still fail, and running attempts do not count as failures.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use ipnet::IpNet;
use sha2::{Digest, Sha256};

use crate::{
    store::{
        Error, Store, query,
        schema::{known_networks, login_attempts},
        statements,
        tables::activity::{Event, RecordEvent},
        transaction,
    },
    time::{Span, Timestamp, days, seconds},
};

/// After how long without an attempt failures are forgotten. Longer than the longest wait, which a patient attacker
/// would otherwise sit out to start afresh.
pub const RETENTION: Span = days(2);

/// How long a network stays known after the last sign-in from it.
pub const KNOWN: Span = days(90);

/// After how long without a result an attempt is lost, with its client or its instance, and counts as failed.
const LOST_AFTER: Span = seconds(30);

/// The longest wait in seconds: a day.
const MAX_WAIT_SECONDS: u32 = 24 * 60 * 60;

/// The account whose password is tried, and the network that the attempt comes from, as hashes.
#[derive(Debug, Clone)]
pub struct AttemptSource {
    account: Vec<u8>,
    network: Vec<u8>,
}

impl AttemptSource {
    /// An attempt at the account with this email, whether or not it exists.
    #[must_use]
    pub fn new(email: &str, network: IpNet) -> Self {
        Self { account: account(email), network: hash_of(network) }
    }

    /// An attempt at the second factor of this user, which is counted apart from passwords: a correct password must not
    /// reset the count of wrong codes.
    #[must_use]
    pub fn second_factor(user_id: &str, network: IpNet) -> Self {
        Self { account: second_factor(user_id), network: hash_of(network) }
    }
}

/// The primary key of an account: the hash of its email, since attempts at emails without an account are counted
/// alike.
pub(in crate::store) fn account(email: &str) -> Vec<u8> {
    Sha256::digest(email).to_vec()
}

/// The primary key of a user's second factor. No email contains a space.
pub(in crate::store) fn second_factor(user_id: &str) -> Vec<u8> {
    Sha256::digest(format!("second factor {user_id}")).to_vec()
}

fn hash_of(network: IpNet) -> Vec<u8> {
    Sha256::digest(network.to_string()).to_vec()
}

/// An attempt that may be made.
#[derive(Debug, Clone)]
pub struct Reservation {
    origin: AttemptSource,
    network: Vec<u8>,
}

/// Why an attempt may not be made now. It is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptRejected {
    /// There were too many failures: not before this time.
    Throttled(Timestamp),
    /// As many attempts are running as may still fail. Their results decide, soon.
    Occupied,
}

/// The result of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The password was correct.
    Succeeded,
    /// The password was wrong.
    Failed,
    /// The password was not checked.
    NotMade,
}

/// The counter of an account for one known network, or for all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, AsChangeset)]
#[diesel(table_name = login_attempts)]
struct Counter {
    failed: i32,
    last_at: Timestamp,
    running: i32,
    begun_at: Timestamp,
}

impl Counter {
    fn new(now: Timestamp) -> Self {
        Self { failed: 0, last_at: now, running: 0, begun_at: now }
    }

    /// Returns the counter as of `now`. A time in the future was written before the clock was set back, and counts as
    /// now: no client waits until the clock has caught up.
    fn at(self, now: Timestamp) -> Self {
        let Self { mut failed, mut last_at, mut running, mut begun_at } = self;
        last_at = last_at.min(now);
        begun_at = begun_at.min(now);
        if running > 0 && begun_at + LOST_AFTER <= now {
            failed = failed.saturating_add(running);
            running = 0;
            last_at = last_at.max(begun_at + LOST_AFTER);
        }
        if last_at + RETENTION <= now {
            failed = 0;
        }
        Self { failed, last_at, running, begun_at }
    }

    /// Adds an attempt, if no more run than may still fail; after a wait, one at a time.
    fn reserve(self, allowed: u16, now: Timestamp) -> Result<Self, AttemptRejected> {
        let until = self.last_at + wait(self.failed, allowed);
        if self.failed > 0 && now < until {
            return Err(AttemptRejected::Throttled(until));
        }
        if self.running >= i32::from(allowed).saturating_sub(self.failed).max(1) {
            return Err(AttemptRejected::Occupied);
        }
        Ok(Self { running: self.running + 1, begun_at: now, ..self })
    }

    fn resolve(self, outcome: Outcome, now: Timestamp) -> Self {
        let running = self.running.saturating_sub(1).max(0);
        match outcome {
            Outcome::Succeeded => Self { failed: 0, running, ..self },
            Outcome::Failed => {
                Self { failed: self.failed.saturating_add(1), last_at: now, running, ..self }
            }
            Outcome::NotMade => Self { running, ..self },
        }
    }
}

/// How long the next attempt must wait after that many failures.
fn wait(failed: i32, allowed: u16) -> Span {
    match u32::try_from(failed.saturating_sub(i32::from(allowed))) {
        Ok(beyond) => seconds(60_u32.saturating_mul(1 << beyond.min(16)).min(MAX_WAIT_SECONDS)),
        Err(_) => seconds(0),
    }
}

/// Reserves an attempt, by the shared clock, or returns why it may not be made.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn reserve(
    store: &Store,
    origin: AttemptSource,
    allowed: u16,
    now: Timestamp,
) -> Result<Result<Reservation, AttemptRejected>, Error> {
    transaction!(store, |conn| {
        let network = throttle_network_tx!(conn, &origin, now);
        let first = Counter::new(now);
        // Updates the row even if it exists, in order to lock it.
        let stored: Counter = diesel::insert_into(login_attempts::table)
            .values((
                login_attempts::account.eq(&origin.account),
                login_attempts::network.eq(&network),
                login_attempts::failed.eq(first.failed),
                login_attempts::last_at.eq(first.last_at),
                login_attempts::running.eq(first.running),
                login_attempts::begun_at.eq(first.begun_at),
            ))
            .on_conflict((login_attempts::account, login_attempts::network))
            .do_update()
            .set(login_attempts::failed.eq(login_attempts::failed))
            .returning(COLUMNS)
            .get_result(conn)
            .await?;
        let counter = stored.at(now);
        let (counter, reserved) = match counter.reserve(allowed, now) {
            Ok(counter) => (counter, Ok(())),
            Err(refused) => (counter, Err(refused)),
        };
        // Also when the attempt is rejected: the wait then starts when the clock was found to be set back.
        if counter != stored {
            diesel::update(login_attempts::table.find((&origin.account, &network)))
                .set(counter)
                .execute(conn)
                .await?;
        }
        Ok(reserved.map(|()| Reservation { origin: origin.clone(), network }))
    })
}

/// Whether another attempt has to wait for those that are running. Read-only.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn is_occupied(
    store: &Store,
    origin: AttemptSource,
    allowed: u16,
    now: Timestamp,
) -> Result<bool, Error> {
    let stored: Option<Counter> = query!(store, |conn| {
        let network = throttle_network_tx!(conn, &origin, now);
        login_attempts::table
            .find((&origin.account, &network))
            .select(COLUMNS)
            .get_result(conn)
            .await
            .optional()
    })?;
    let counter = stored.unwrap_or(Counter::new(now)).at(now);
    Ok(counter.reserve(allowed, now) == Err(AttemptRejected::Occupied))
}

/// Returns a reservation with the attempt's result. A success resets the count, and makes the attempt's network known.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn resolve(
    store: &Store,
    reservation: Reservation,
    outcome: Outcome,
    now: Timestamp,
) -> Result<(), Error> {
    transaction!(store, |conn| {
        let Reservation { origin, network } = &reservation;
        let row = login_attempts::table.find((&origin.account, network));
        let stored: Option<Counter> = diesel::update(row)
            .set(login_attempts::failed.eq(login_attempts::failed))
            .returning(COLUMNS)
            .get_result(conn)
            .await
            .optional()?;
        // No row if the count was reset in the meantime: the attempts that were running then were part of it.
        if let Some(counter) = stored.map(|counter| counter.at(now).resolve(outcome, now)) {
            if counter.failed == 0 && counter.running == 0 {
                diesel::delete(row).execute(conn).await?;
            } else {
                diesel::update(row).set(counter).execute(conn).await?;
            }
        }
        if outcome == Outcome::Succeeded {
            diesel::insert_into(known_networks::table)
                .values((
                    known_networks::account.eq(&origin.account),
                    known_networks::network.eq(&origin.network),
                    known_networks::seen_at.eq(now),
                ))
                .on_conflict((known_networks::account, known_networks::network))
                .do_update()
                .set(known_networks::seen_at.eq(now))
                .execute(conn)
                .await?;
        }
        Ok(())
    })
}

/// Whether the correct password came from this network before.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn is_known(store: &Store, origin: AttemptSource, now: Timestamp) -> Result<bool, Error> {
    let network = query!(store, |conn| Ok(throttle_network_tx!(conn, &origin, now)))?;
    Ok(!network.is_empty())
}

/// Ends the wait of an account, on all networks, for the operator. Returns whether there was anything to reset.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn unlock(store: &Store, email: String, event: Event) -> Result<bool, Error> {
    transaction!(store, |conn| {
        let cleared = conn.clear_login_attempts(&email).await?;
        conn.record_event(&event).await?;
        Ok(cleared > 0)
    })
}

const COLUMNS: (
    login_attempts::failed,
    login_attempts::last_at,
    login_attempts::running,
    login_attempts::begun_at,
) = (
    login_attempts::failed,
    login_attempts::last_at,
    login_attempts::running,
    login_attempts::begun_at,
);

// Macros, because the statements must be expanded for each backend.

/// The network under which an attempt is counted: its own if that is known, otherwise the empty one.
macro_rules! throttle_network_tx {
    ($conn:ident, $origin:expr, $now:expr) => {{
        let origin: &AttemptSource = $origin;
        let known: Option<Vec<u8>> = known_networks::table
            .find((&origin.account, &origin.network))
            .filter(known_networks::seen_at.gt($now - KNOWN))
            .select(known_networks::network)
            .get_result($conn)
            .await
            .optional()?;
        known.unwrap_or_default()
    }};
}

statements! {
    /// What ends a wait, within a transaction.
    pub(in crate::store) trait ClearAttempts {
        /// Ends the wait of the account with this email, on all networks. Returns on how many there was one.
        async fn clear_login_attempts(conn, email: &str) -> usize {
            diesel::delete(login_attempts::table.filter(login_attempts::account.eq(account(email))))
                .execute(conn)
                .await
        }

        /// Ends the wait of a user's second factor, on all networks.
        async fn clear_code_attempts(conn, user_id: &str) -> () {
            let account = second_factor(user_id);
            diesel::delete(login_attempts::table.filter(login_attempts::account.eq(account)))
                .execute(conn)
                .await
                .map(drop)
        }

        /// Moves an account to another email. Its known networks move with it, and its wait ends.
        async fn move_login_attempts(conn, from: &str, to: &str) -> () {
            conn.clear_login_attempts(from).await?;
            conn.clear_login_attempts(to).await?;
            let (from, to) = (account(from), account(to));
            diesel::delete(known_networks::table.filter(known_networks::account.eq(&to)))
                .execute(conn)
                .await?;
            diesel::update(known_networks::table.filter(known_networks::account.eq(from)))
                .set(known_networks::account.eq(to))
                .execute(conn)
                .await
                .map(drop)
        }
    }
}

use throttle_network_tx;

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn failed(failed: i32, last_at: Timestamp) -> Counter {
        Counter { failed, last_at, ..Counter::new(last_at) }
    }

    #[test]
    fn login_throttle_starts_at_a_minute_and_doubles_up_to_a_day() {
        let waits: Vec<Span> = [9, 10, 11, 12, 20, 21, 1000].map(|failed| wait(failed, 10)).into();
        let expected = [0, 60, 120, 240, 61_440, MAX_WAIT_SECONDS, MAX_WAIT_SECONDS].map(seconds);
        assert_eq!(waits, expected);
        assert!(seconds(MAX_WAIT_SECONDS) < RETENTION);
    }

    #[test]
    fn concurrent_attempts_never_exceed_the_remaining_failures() {
        let mut counter = failed(7, START);
        for _ in 0..3 {
            counter = counter.reserve(10, START).unwrap_or_else(|_| failed(0, START));
        }
        assert_eq!((counter.failed, counter.running), (7, 3));
        assert_eq!(counter.reserve(10, START), Err(AttemptRejected::Occupied));
        let counter = counter.resolve(Outcome::Failed, START);
        assert_eq!(counter.reserve(10, START), Err(AttemptRejected::Occupied));
        let counter = counter.resolve(Outcome::NotMade, START);
        assert!(counter.reserve(10, START).is_ok());
        let counter = counter.resolve(Outcome::Succeeded, START);
        assert_eq!((counter.failed, counter.running), (0, 0));
    }

    #[test]
    fn login_throttle_allows_one_attempt_at_a_time_after_its_wait() {
        let now = START + seconds(60);
        let counter = failed(10, START);
        assert_eq!(counter.reserve(10, now - seconds(1)), Err(AttemptRejected::Throttled(now)));
        let counter = counter.reserve(10, now).unwrap_or(counter);
        assert_eq!(counter.running, 1);
        assert_eq!(counter.reserve(10, now), Err(AttemptRejected::Occupied));
    }

    #[test]
    fn attempt_without_a_result_counts_as_failed_after_a_timeout() {
        let counter = failed(0, START).reserve(1, START).unwrap_or(failed(9, START));
        assert_eq!(counter.at(START + seconds(29)), counter);
        let lost = counter.at(START + LOST_AFTER);
        assert_eq!((lost.failed, lost.running), (1, 0));
        let until = START + LOST_AFTER + seconds(60);
        assert_eq!(lost.reserve(1, START + LOST_AFTER), Err(AttemptRejected::Throttled(until)));
    }

    #[test]
    fn failed_attempt_in_the_future_counts_as_now() {
        for back in [seconds(90), seconds(3600), days(400)] {
            let now = START - back;
            assert!(failed(9, START).at(now).reserve(10, now).is_ok());
            let throttled = failed(12, START).at(now);
            assert_eq!(
                throttled.reserve(10, now),
                Err(AttemptRejected::Throttled(now + seconds(240)))
            );
            // Once stored, the wait starts from there.
            let later = now + seconds(240);
            assert!(throttled.at(later).reserve(10, later).is_ok());
        }
    }

    #[test]
    fn failed_attempts_expire_after_two_days() {
        let counter = failed(9, START);
        assert_eq!(counter.at(START + RETENTION - seconds(1)).failed, 9);
        assert_eq!(counter.at(START + RETENTION).failed, 0);
    }
}
