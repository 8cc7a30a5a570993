//! The epoch, and what has changed between two of them. Triggers begin one (`migrations/`), together with
//! whatever takes rights away or alters what a session shows; `docs/lock-out.md` says what it is for.

use std::time::Duration;

use diesel::{
    dsl::sql, pg::Pg, prelude::*, result::Error as QueryError, sql_types::Bool, sqlite::Sqlite,
};
use diesel_async::RunQueryDsl;

use super::{
    Error, Store, query, read_epoch,
    schema::{changes, epoch},
    sqlite::{Connection, in_place},
};

/// So many changes are kept, and gone through: after more it is quicker to begin anew.
pub(super) const MANY: i64 = 10_000;

/// Which epoch. Two are equal or not; none is older than another, since a restore brings numbers back.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = epoch)]
pub struct Epoch {
    number: i64,
    nonce: String,
}

/// What one statement saw.
pub(super) struct Seen {
    pub epoch: Epoch,
    /// How long an instance may answer from memory after the statement began.
    pub lease: Duration,
}

/// Whether a database only follows another, and may be behind.
trait Follows {
    const FOLLOWS: &str;
}

impl Follows for Sqlite {
    const FOLLOWS: &str = "FALSE";
}

impl Follows for Pg {
    const FOLLOWS: &str = "pg_is_in_recovery()";
}

/// The epoch and the lease, which is none where the row is gone or the database follows another.
pub(super) async fn read(store: &Store) -> Result<Option<Seen>, Error> {
    let row: Option<(Epoch, i32, bool)> = read_epoch!(store, |conn| epoch::table
        .select((Epoch::as_select(), epoch::lease_ms, sql::<Bool>(<Backend as Follows>::FOLLOWS)))
        .get_result(conn)
        .await
        .optional())?;
    Ok(row.map(|(epoch, lease, follows)| Seen {
        epoch,
        lease: if follows { Duration::ZERO } else { milliseconds(lease) },
    }))
}

/// How long whoever took rights away has to wait before saying so. Where the row is gone nobody can tell, and
/// that is a fault.
pub(super) async fn wait(store: &Store) -> Result<Duration, Error> {
    query!(store, |conn| epoch::table.select(epoch::wait_ms).get_result(conn).await)
        .map(milliseconds)
}

pub(super) fn milliseconds(number: i32) -> Duration {
    Duration::from_millis(u64::try_from(number).unwrap_or_default())
}

/// Whom the changes between two epochs concern; nothing where that cannot be told, as it may be anybody.
pub(super) async fn concerned(
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
    Ok(follow(log, from, to))
}

/// Something changed for a user, or, without a name, for everybody, between two epochs.
#[derive(Queryable, Selectable)]
#[diesel(table_name = changes)]
struct Change {
    number: i64,
    concerns: String,
    before: String,
    after: String,
}

/// Goes from one epoch to another along the log. Where a row is missing, or belongs to another history,
/// as after a restore, it leads nowhere.
fn follow(log: Vec<Change>, from: &Epoch, to: &Epoch) -> Option<Vec<String>> {
    let mut at = from.clone();
    let mut users = Vec::new();
    for Change { number, concerns, before, after } in log {
        let next = Epoch { number, nonce: after };
        let follows = number == at.number + 1 && before == at.nonce;
        if !(follows || next == at) || concerns.is_empty() {
            return None;
        }
        at = next;
        users.push(concerns);
    }
    (at == *to).then_some(users)
}

/// Runs a body that is said to change no epoch. Where tests are built, one that does is refused: it must
/// not be answered before others have forgotten.
pub(super) fn unchanged<T>(
    connection: &mut Connection,
    body: impl FnOnce(&mut Connection) -> QueryResult<T>,
) -> QueryResult<T> {
    if !cfg!(debug_assertions) {
        return body(connection);
    }
    let before = number(connection);
    let result = body(connection)?;
    if number(connection) == before {
        Ok(result)
    } else {
        Err(QueryError::QueryBuilderError(
            "what changes the epoch is a invalidating_transaction!".into(),
        ))
    }
}

/// None while the tables are not there yet.
fn number(connection: &mut Connection) -> Option<i64> {
    in_place(epoch::table.select(epoch::number).get_result(connection)).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use diesel::{Connection as _, connection::SimpleConnection, sql_query};

    use super::*;
    use crate::store::sqlite::InPlace;

    impl Epoch {
        /// One of a history that tests share.
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
        follow(log, &epoch(4), &epoch(6))
    }

    #[test]
    fn a_log_without_a_gap_says_whom_it_concerns() {
        let log = vec![change(5, "ada"), change(6, "ada"), change(6, "bob")];
        assert_eq!(users(log).unwrap(), ["ada", "ada", "bob"]);
        assert_eq!(follow(vec![], &epoch(4), &epoch(4)).unwrap(), [""; 0]);
    }

    #[test]
    fn a_log_with_a_gap_says_nothing() {
        assert!(users(vec![change(6, "bob")]).is_none());
        assert!(users(vec![change(5, "ada")]).is_none());
        assert!(users(vec![]).is_none());
    }

    #[test]
    fn a_log_of_another_history_says_nothing() {
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
    fn what_begins_an_epoch_without_saying_so_is_refused() {
        let mut database = SqliteConnection::establish(":memory:").unwrap();
        database
            .batch_execute("CREATE TABLE epoch (number); INSERT INTO epoch VALUES (3)")
            .unwrap();
        let mut connection = Connection::with_runtime(database, InPlace);
        let mut write = |sql: &'static str| {
            unchanged(&mut connection, |connection| in_place(sql_query(sql).execute(connection)))
        };
        assert!(write("UPDATE epoch SET number = number").is_ok());
        assert!(write("UPDATE epoch SET number = number + 1").is_err());
    }

    #[test]
    fn what_concerns_everybody_concerns_anybody() {
        assert!(users(vec![change(5, "ada"), change(6, "")]).is_none());
    }
}
