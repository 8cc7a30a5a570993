//! A [`Timestamp`] in a column.

use diesel::{
    deserialize::{self, FromSql},
    pg::{Pg, PgValue},
    query_builder::QueryId,
    serialize::{self, IsNull, Output, ToSql},
    sql_types::{BigInt, SqlOrd, SqlType},
    sqlite::Sqlite,
};

use super::Timestamp;

/// The SQL type of a moment: TIMESTAMPTZ in PostgreSQL, microseconds since 1970 in SQLite's INTEGER.
///
/// Diesel's own `Timestamptz` exists for PostgreSQL only.
#[derive(Debug, Clone, Copy, Default, QueryId, SqlType)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Long"))]
pub struct Moment;

impl SqlOrd for Moment {}

/// PostgreSQL counts its microseconds from the first second of 2000.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

impl ToSql<Moment, Pg> for Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<BigInt, Pg>::to_sql(&self.0.saturating_sub(POSTGRES_EPOCH), &mut out.reborrow())
    }
}

impl FromSql<Moment, Pg> for Timestamp {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let micros = <i64 as FromSql<BigInt, Pg>>::from_sql(value)?;
        Ok(Self(micros.saturating_add(POSTGRES_EPOCH)))
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
        <i64 as FromSql<BigInt, Sqlite>>::from_sql(value).map(Self)
    }
}
