//! Wrong passwords in a row: how many an account has borne, and how long it is waited for.
//!
//! A stranger who goes on guessing must not keep the owner out. So whoever comes from a network from
//! which the right password came before is counted apart, and a mailed link to choose a new password
//! ends the wait for all.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use ipnet::IpNet;
use sha2::{Digest, Sha256};

use super::{
    Error, Store,
    schema::{familiar_networks, guesses},
    write,
};
use crate::time::{Span, Timestamp, days, seconds};

/// After so long without a try, an account has borne none. Longer than the longest wait, which a
/// patient guesser would otherwise wait out for a fresh start.
pub const MEMORY: Span = days(2);

/// A network stays familiar for so long after the last sign-in from it.
pub const FAMILIAR: Span = days(90);

/// The longest wait: a day.
const LONGEST: u32 = 24 * 60 * 60;

/// A try at a password: at whose, and from where.
#[derive(Debug, Clone)]
pub struct Guess {
    account: Vec<u8>,
    here: Vec<u8>,
}

impl Guess {
    /// A try at the password for this address, whether or not anybody has it.
    #[must_use]
    pub fn at(email: &str, network: IpNet) -> Self {
        let here = Sha256::digest(format!("{email}\n{network}")).to_vec();
        Self { account: key(email), here }
    }
}

/// What an account is counted under.
pub(super) fn key(email: &str) -> Vec<u8> {
    Sha256::digest(email).to_vec()
}

/// A try that may be made: it counts as wrong until it is known to be right.
#[derive(Debug, Clone)]
pub struct Begun {
    at: Timestamp,
    before: Timestamp,
    counted: Vec<u8>,
    here: Vec<u8>,
}

/// Counts a try before it is made, so that of many at once none is free; or says from when on the next
/// one may be made. That one is not counted: who waits it out is not made to wait longer by others.
///
/// # Errors
/// When the store is unavailable.
pub async fn begin(
    store: &Store,
    guess: Guess,
    bears: u16,
    now: Timestamp,
) -> Result<Result<Begun, Timestamp>, Error> {
    write!(store, |conn| {
        let familiar: i64 = familiar_networks::table
            .find(&guess.here)
            .filter(familiar_networks::seen_at.gt(now - FAMILIAR))
            .count()
            .get_result(conn)
            .await?;
        let counted = if familiar > 0 { &guess.here } else { &guess.account };
        // Touched even where it is there, which locks it.
        let (wrong, last_at): (i32, Timestamp) = diesel::insert_into(guesses::table)
            .values((guesses::key.eq(counted), guesses::wrong.eq(0), guesses::last_at.eq(now)))
            .on_conflict(guesses::key)
            .do_update()
            .set(guesses::wrong.eq(guesses::wrong))
            .returning((guesses::wrong, guesses::last_at))
            .get_result(conn)
            .await?;
        let wrong = if last_at + MEMORY <= now { 0 } else { wrong };
        let until = last_at + wait(wrong, bears);
        if wrong > 0 && now < until {
            return Ok(Err(until));
        }
        diesel::update(guesses::table.find(counted))
            .set((guesses::wrong.eq(wrong.saturating_add(1)), guesses::last_at.eq(now)))
            .execute(conn)
            .await?;
        let (counted, here) = (counted.clone(), guess.here.clone());
        Ok(Ok(Begun { at: now, before: last_at, counted, here }))
    })
}

/// The try was not made: it is not counted, and is no reason to wait.
///
/// # Errors
/// When the store is unavailable.
pub async fn take_back(store: &Store, begun: Begun) -> Result<(), Error> {
    write!(store, |conn| {
        let counted = guesses::table.find(&begun.counted).filter(guesses::wrong.gt(0));
        diesel::update(counted).set(guesses::wrong.eq(guesses::wrong - 1)).execute(conn).await?;
        // Another try has been made since: then it is that one which is waited for.
        diesel::update(guesses::table.find(&begun.counted).filter(guesses::last_at.eq(begun.at)))
            .set(guesses::last_at.eq(begun.before))
            .execute(conn)
            .await?;
        Ok(())
    })
}

/// The try was right: what was counted with it is forgotten, and where it came from is familiar.
///
/// # Errors
/// When the store is unavailable.
pub async fn right(store: &Store, begun: Begun, now: Timestamp) -> Result<(), Error> {
    write!(store, |conn| {
        diesel::delete(guesses::table.find(&begun.counted)).execute(conn).await?;
        diesel::insert_into(familiar_networks::table)
            .values((familiar_networks::key.eq(&begun.here), familiar_networks::seen_at.eq(now)))
            .on_conflict(familiar_networks::key)
            .do_update()
            .set(familiar_networks::seen_at.eq(now))
            .execute(conn)
            .await?;
        Ok(())
    })
}

/// How long the next try is waited for after so many wrong ones.
fn wait(wrong: i32, bears: u16) -> Span {
    match u32::try_from(wrong - i32::from(bears)) {
        Ok(beyond) => seconds(60_u32.saturating_mul(1 << beyond.min(16)).min(LONGEST)),
        Err(_) => seconds(0),
    }
}

/// Within a transaction: nobody is waited for any more at this address.
macro_rules! forget_guesses {
    ($conn:ident, $email:expr) => {{
        use $crate::store::schema::guesses;
        let account = $crate::store::guesses::key($email);
        diesel::delete(guesses::table.find(account)).execute($conn).await?
    }};
}

pub(super) use forget_guesses;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_begins_with_a_minute_and_doubles_up_to_a_day() {
        let waits: Vec<Span> = [9, 10, 11, 12, 20, 21, 1000].map(|wrong| wait(wrong, 10)).into();
        let expected = [0, 60, 120, 240, 61_440, LONGEST, LONGEST].map(seconds);
        assert_eq!(waits, expected);
        assert!(seconds(LONGEST) < MEMORY);
    }
}
