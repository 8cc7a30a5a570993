//! The epoch, and the invalidation log: what changed between two epochs. Database triggers (`migrations/`) begin a new
//! epoch in each transaction that takes rights away or changes what a session shows; `docs/explanation/credential-cache.md` explains why.

use std::time::Duration;

use diesel::{dsl::sql, pg::Pg, prelude::*, sql_types::Bool, sqlite::Sqlite};
use diesel_async::RunQueryDsl;

use crate::store::{
    Error, Store, query, read_epoch,
    schema::{changes, epoch},
};

/// How many changes are kept in the log, and read at once: beyond that, clearing the cache is faster.
pub(in crate::store) const MANY: i64 = 10_000;

/// An epoch. Two epochs are equal or not; they have no order, because restoring a backup repeats numbers.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = epoch)]
pub struct Epoch {
    number: i64,
    nonce: String,
}

/// The epoch and the lease that one statement read.
pub(in crate::store) struct Seen {
    pub epoch: Epoch,
    /// How long after the statement began an instance may answer from its cache.
    pub lease: Duration,
}

/// Whether a database is a replica, which may lag behind its primary.
trait ReplicaCheck {
    const IS_REPLICA: &str;
}

impl ReplicaCheck for Sqlite {
    const IS_REPLICA: &str = "FALSE";
}

impl ReplicaCheck for Pg {
    const IS_REPLICA: &str = "pg_is_in_recovery()";
}

/// Reads the epoch and the duration of a lease. There is no lease if the row is missing or the database is a replica.
pub(in crate::store) async fn read(store: &Store) -> Result<Option<Seen>, Error> {
    let row: Option<(Epoch, i32, bool)> = read_epoch!(store, |conn| epoch::table
        .select((
            Epoch::as_select(),
            epoch::lease_ms,
            sql::<Bool>(<Backend as ReplicaCheck>::IS_REPLICA)
        ))
        .get_result(conn)
        .await
        .optional())?;
    Ok(row.map(|(epoch, lease, is_replica)| Seen {
        epoch,
        lease: if is_replica { Duration::ZERO } else { milliseconds(lease) },
    }))
}

/// Returns how long an invalidating write has to wait before it is answered. If the row is missing the wait is
/// unknown, which is an error.
pub(in crate::store) async fn wait(store: &Store) -> Result<Duration, Error> {
    query!(store, |conn| epoch::table.select(epoch::wait_ms).get_result(conn).await)
        .map(milliseconds)
}

pub(in crate::store) fn milliseconds(number: i32) -> Duration {
    Duration::from_millis(u64::try_from(number).unwrap_or_default())
}

/// Returns the users that the changes between two epochs affect; `None` if these are unknown, when every user may be
/// affected.
pub(in crate::store) async fn affected_users(
    store: &Store,
    from: &Epoch,
    to: &Epoch,
) -> Result<Option<Vec<String>>, Error> {
    if from == to {
        return Ok(Some(Vec::new()));
    }
    let (after, until) = (from.number, to.number);
    if !(0..=MANY).contains(&(until - after)) {
        return Ok(None);
    }
    let log: Vec<Change> = read_epoch!(store, |conn| changes::table
        .filter(changes::number.gt(after))
        .filter(changes::number.le(until))
        .order((changes::number, changes::concerns))
        .select(Change::as_select())
        .load(conn)
        .await)?;
    Ok(follow_log(log, from, to))
}

/// A change between two epochs that affects one user, or all users if `concerns` is empty.
#[derive(Queryable, Selectable)]
#[diesel(table_name = changes)]
struct Change {
    number: i64,
    concerns: String,
    before: String,
    after: String,
}

/// Follows the log from one epoch to another. Returns `None` if a row is missing, belongs to another history (as after
/// a restored backup), or affects all users.
fn follow_log(log: Vec<Change>, from: &Epoch, to: &Epoch) -> Option<Vec<String>> {
    let mut at = from.clone();
    let mut users = Vec::new();
    for Change { number, concerns, before, after } in log {
        let next = Epoch { number, nonce: after };
        let is_next = number == at.number + 1 && before == at.nonce;
        if !(is_next || next == at) || concerns.is_empty() {
            return None;
        }
        at = next;
        users.push(concerns);
    }
    (at == *to).then_some(users)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {

    use super::*;

    impl Epoch {
        /// An epoch of a history that tests share.
        pub(in crate::store) fn test(number: i64) -> Self {
            Self { number, nonce: format!("nonce {number}") }
        }
    }

    fn epoch(number: i64) -> Epoch {
        Epoch::test(number)
    }

    fn change(number: i64, user: &str) -> Change {
        let (before, after) = (epoch(number - 1).nonce, epoch(number).nonce);
        Change { number, concerns: user.to_owned(), before, after }
    }

    fn users(log: Vec<Change>) -> Option<Vec<String>> {
        follow_log(log, &epoch(4), &epoch(6))
    }

    #[test]
    fn invalidation_log_without_a_gap_yields_the_affected_users() {
        let log = vec![change(5, "ada"), change(6, "ada"), change(6, "bob")];
        assert_eq!(users(log).unwrap(), ["ada", "ada", "bob"]);
        assert_eq!(follow_log(vec![], &epoch(4), &epoch(4)).unwrap(), [""; 0]);
    }

    #[test]
    fn invalidation_log_with_a_gap_is_not_used() {
        assert!(users(vec![change(6, "bob")]).is_none());
        assert!(users(vec![change(5, "ada")]).is_none());
        assert!(users(vec![]).is_none());
    }

    #[test]
    fn invalidation_log_of_another_history_is_not_used() {
        let other = |mut change: Change, before: &str, after: &str| {
            change.before = before.to_owned();
            change.after = after.to_owned();
            change
        };
        let end = epoch(6).nonce;
        assert!(
            users(vec![other(change(5, "ada"), "x", "y"), other(change(6, "bob"), "y", &end)])
                .is_none()
        );
        assert!(users(vec![change(5, "ada"), other(change(6, "bob"), "x", &end)]).is_none());
        assert!(
            users(vec![change(5, "ada"), other(change(6, "bob"), &epoch(5).nonce, "x")]).is_none()
        );
    }

    #[test]
    fn change_that_affects_all_users_yields_no_list_of_users() {
        assert!(users(vec![change(5, "ada"), change(6, "")]).is_none());
    }
}
