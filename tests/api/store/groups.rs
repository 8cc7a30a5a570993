//! Group commit: SQLite's writer commits all waiting tasks in one transaction.

use std::{
    panic,
    sync::mpsc::{self, Sender},
    time::Duration,
};

use diesel::{
    Connection, QueryResult, RunQueryDsl, SqliteConnection, sql_query, sql_types::BigInt,
};
use diesel_async::SimpleAsyncConnection;
use futures_util::future::{lazy, poll_immediate};
use portcullis::store::{Database, Error, in_place};

use crate::support::*;

struct Numbers {
    server: Server,
    beside: SqliteConnection,
}

#[derive(diesel::QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

impl Numbers {
    async fn new() -> Self {
        let server = Backend::Sqlite.start().await;
        super::execute(&server, "CREATE TABLE numbers (number INTEGER PRIMARY KEY)").await;
        let file = server.folder.join("portcullis.db");
        let beside = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
        Self { server, beside }
    }

    fn write<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Inner) -> QueryResult<T> + Send + 'static,
    ) -> impl Future<Output = Result<T, Error>> {
        let Database::Sqlite(sqlite) = self.server.state.store.database() else { unreachable!() };
        sqlite.write(body)
    }

    fn add(&self, numbers: &'static [i64]) -> impl Future<Output = Result<(), Error>> {
        self.write(|connection| add(connection, numbers))
    }

    /// Occupies the writer until it is released. Tasks that arrive meanwhile join the next group.
    fn hold(&self) -> (Sender<()>, impl Future<Output = Result<(), Error>>) {
        let (release, released) = mpsc::channel();
        let hold = self.write(move |_| {
            released.recv().unwrap();
            Ok(())
        });
        (release, hold)
    }

    /// Returns what another connection sees.
    fn seen(&mut self) -> Vec<i64> {
        let rows = sql_query("SELECT number FROM numbers ORDER BY number");
        let rows: Vec<Number> = rows.load(&mut self.beside).unwrap();
        rows.into_iter().map(|row| row.number).collect()
    }
}

type Inner = diesel_async::sync_connection_wrapper::SyncConnectionWrapper<
    SqliteConnection,
    portcullis::store::InPlace,
>;

fn add(connection: &mut Inner, numbers: &[i64]) -> QueryResult<()> {
    for number in numbers {
        let sql = format!("INSERT INTO numbers VALUES ({number})");
        in_place(async { diesel_async::RunQueryDsl::execute(sql_query(sql), connection).await })?;
    }
    Ok(())
}

/// Releases the writer in its turn, when the futures before it in a `join!` have been polled.
fn go(release: Sender<()>) -> impl Future<Output = ()> {
    lazy(move |_| release.send(()).unwrap())
}

#[tokio::test]
async fn failed_write_in_a_group_commit_does_not_affect_the_others() {
    let mut numbers = Numbers::new().await;
    let (release, hold) = numbers.hold();
    let (hold_result, one, failed, other, ()) = tokio::join!(
        hold,
        numbers.add(&[1, 2]),
        numbers.add(&[7, 1]),
        numbers.add(&[3]),
        go(release)
    );
    assert!(hold_result.is_ok() && one.is_ok() && other.is_ok());
    assert!(matches!(failed, Err(Error::Bug { .. })), "{failed:?}");
    assert_eq!(numbers.seen(), [1, 2, 3]);
}

#[tokio::test]
async fn panicking_write_in_a_group_commit_rolls_back_only_itself() {
    let mut numbers = Numbers::new().await;
    let (release, hold) = numbers.hold();
    let panics = numbers.write::<()>(|connection| {
        add(connection, &[7])?;
        panic::panic_any("as asked")
    });
    let (_, one, failed, other, ()) =
        tokio::join!(hold, numbers.add(&[1]), panics, numbers.add(&[2]), go(release));
    assert!(one.is_ok() && other.is_ok());
    assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
    assert_eq!(numbers.seen(), [1, 2]);
}

#[tokio::test]
async fn group_commit_acknowledges_writes_only_after_the_commit() {
    let mut numbers = Numbers::new().await;
    let (release, hold) = numbers.hold();
    let (release_later, hold_later) = numbers.hold();
    let (mut hold, mut add) = (Box::pin(hold), Box::pin(numbers.add(&[1])));
    let mut later = Box::pin(hold_later);
    assert!(poll_immediate(&mut hold).await.is_none());
    assert!(poll_immediate(&mut add).await.is_none());
    assert!(poll_immediate(&mut later).await.is_none());
    release.send(()).unwrap();
    let soon = Duration::from_millis(200);
    assert!(
        tokio::time::timeout(soon, &mut add).await.is_err(),
        "the task has run, but is not committed"
    );
    release_later.send(()).unwrap();
    add.await.unwrap();
    drop((hold, later));
    assert_eq!(numbers.seen(), [1]);
}

#[rstest]
#[case::at_the_commit("PRAGMA defer_foreign_keys = ON; INSERT INTO leaves VALUES (99)")]
// SQLite itself rolls back like this when a disk is full.
#[case::in_the_midst_of_it("ROLLBACK")]
#[case::but_for_a_savepoint("RELEASE diesel_savepoint_1")]
#[tokio::test]
async fn group_commit_that_loses_its_transaction_fails_all_its_writes(#[case] sql: &'static str) {
    let mut numbers = Numbers::new().await;
    let leaves = "CREATE TABLE leaves (number INTEGER REFERENCES numbers)";
    super::execute(&numbers.server, leaves).await;
    let (release, hold) = numbers.hold();
    let spoils = numbers.write(move |connection| in_place(connection.batch_execute(sql)));
    let (hold_result, one, spoilt, ()) = tokio::join!(hold, numbers.add(&[1]), spoils, go(release));
    for result in [hold_result, one, spoilt] {
        assert!(matches!(result, Err(Error::Unavailable(_))), "{result:?}");
    }
    assert!(numbers.seen().is_empty());
    numbers.add(&[2]).await.unwrap();
    assert_eq!(numbers.seen(), [2]);
}

#[tokio::test]
async fn cancelled_write_in_the_queue_is_not_executed() {
    let mut numbers = Numbers::new().await;
    let (release, hold) = numbers.hold();
    let mut hold = Box::pin(hold);
    assert!(poll_immediate(&mut hold).await.is_none());
    assert!(poll_immediate(Box::pin(numbers.add(&[1]))).await.is_none());
    let (hold_result, other, ()) = tokio::join!(hold, numbers.add(&[2]), go(release));
    assert!(hold_result.is_ok() && other.is_ok());
    assert_eq!(numbers.seen(), [2]);
}
