//! Stores a [`Timestamp`] in a column.

use std::sync::Once;

use diesel::{
    deserialize::{self, FromSql},
    pg::{Pg, PgValue},
    query_builder::QueryId,
    serialize::{self, IsNull, Output, ToSql},
    sql_types::{BigInt, SqlOrd, SqlType},
    sqlite::Sqlite,
};

use super::Timestamp;

/// The SQL type of a point in time: TIMESTAMPTZ in PostgreSQL, microseconds since 1970 in SQLite's INTEGER.
///
/// Diesel's own `Timestamptz` exists for PostgreSQL only.
#[derive(Debug, Clone, Copy, Default, QueryId, SqlType)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Long"))]
pub struct Moment;

impl SqlOrd for Moment {}

/// PostgreSQL counts microseconds from the start of the year 2000.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// The limits of PostgreSQL's timestamps, by its own count: beyond them are only `-infinity` and `infinity`,
/// which are represented as the smallest and the greatest number, here as in PostgreSQL.
const EARLIEST: i64 = -211_813_488_000_000_000;
const LATEST: i64 = 9_223_371_331_199_999_999;

/// Logs once that a row contains a time that cannot be formatted exactly.
fn noted(moment: Timestamp) -> Timestamp {
    static ONCE: Once = Once::new();
    if !moment.is_shown_exactly() {
        ONCE.call_once(|| {
            tracing::error!(micros = moment.0, "a row holds a time outside the years 1 to 9999");
        });
    }
    moment
}

/// Logs once that a row contains NULL where a time is required. It is read as the earliest time, so that
/// anything that expires by it has expired.
fn missing() -> Timestamp {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::error!("a row holds NULL where a time must be"));
    Timestamp(i64::MIN)
}

impl ToSql<Moment, Pg> for Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let micros = match self.0 {
            infinite @ (i64::MIN | i64::MAX) => infinite,
            micros => micros.saturating_sub(POSTGRES_EPOCH).clamp(EARLIEST, LATEST),
        };
        ToSql::<BigInt, Pg>::to_sql(&micros, &mut out.reborrow())
    }
}

impl FromSql<Moment, Pg> for Timestamp {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let micros = <i64 as FromSql<BigInt, Pg>>::from_sql(value)?;
        Ok(noted(Self(match micros {
            infinite @ (i64::MIN | i64::MAX) => infinite,
            micros => micros.saturating_add(POSTGRES_EPOCH).min(i64::MAX - 1),
        })))
    }

    fn from_nullable_sql(value: Option<PgValue<'_>>) -> deserialize::Result<Self> {
        value.map_or_else(|| Ok(missing()), <Self as FromSql<Moment, Pg>>::from_sql)
    }
}

impl ToSql<Moment, Sqlite> for Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0);
        Ok(IsNull::No)
    }
}

impl FromSql<Moment, Sqlite> for Timestamp {
    fn from_sql(
        value: <Sqlite as diesel::backend::Backend>::RawValue<'_>,
    ) -> deserialize::Result<Self> {
        <i64 as FromSql<BigInt, Sqlite>>::from_sql(value).map(Self).map(noted)
    }

    fn from_nullable_sql(
        value: Option<<Sqlite as diesel::backend::Backend>::RawValue<'_>>,
    ) -> deserialize::Result<Self> {
        value.map_or_else(|| Ok(missing()), <Self as FromSql<Moment, Sqlite>>::from_sql)
    }
}
