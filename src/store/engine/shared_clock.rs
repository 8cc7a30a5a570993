//! The clock that all instances share: the database's. A time that one instance writes and another compares with the
//! present (a throttled sign-in, a claimed job) must not depend on the instances' own clocks.

use diesel::dsl::sql;
use diesel_async::RunQueryDsl;

use crate::{
    store::{Database, Error, Store},
    time::{Clock, Moment, Timestamp},
};

/// The current time by the clock that all instances of this store share. On SQLite there is one instance, and its own
/// clock serves.
///
/// A manual clock takes precedence over the database's: a test moves it for all instances at once.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn now(store: &Store, clock: &Clock) -> Result<Timestamp, Error> {
    match (store.database(), clock) {
        (Database::Postgres(postgres), Clock::System) => {
            postgres
                .read(async |conn| {
                    diesel::select(sql::<Moment>("clock_timestamp()")).get_result(conn).await
                })
                .await
        }
        _ => Ok(clock.now()),
    }
}
