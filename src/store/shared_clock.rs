//! The clock that all instances share: the database's. What one instance writes and another compares with the
//! present (a throttled sign-in, the lease on a job) must not depend on whose clock runs ahead.

use diesel::dsl::sql;
use diesel_async::RunQueryDsl;

use super::{Database, Error, Store};
use crate::time::{Clock, Moment, Timestamp};

/// The present moment by the clock that all instances of this store share. On SQLite there is one instance,
/// and its own clock is that.
///
/// A manual clock goes before the database's: a test moves it for all instances at once.
///
/// # Errors
/// When the store is unavailable.
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
