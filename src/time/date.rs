//! A calendar date, without a time and a time zone: a due date, a birthday.

use std::{fmt, str::FromStr};

use diesel::{
    backend::Backend as DieselBackend,
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    pg::{Pg, PgValue, data_types::PgDate},
    serialize::{self, IsNull, Output, ToSql},
    sql_types,
    sqlite::Sqlite,
};
use jiff::civil;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr, Schema,
        schema::{KnownFormat, SchemaFormat, Type},
    },
};

use super::{Timestamp, days};

/// A date from 0001-01-01 to 9999-12-31.
///
/// In JSON it is RFC 3339's full-date, `2026-11-28`. In the database it is a DATE in PostgreSQL and the same
/// text in SQLite, whose order is that of the dates too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::Date)]
pub struct Date(civil::Date);

/// The text is not a valid date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a date such as 2026-11-28")]
pub struct NoDate;

const FIRST: civil::Date = civil::date(1, 1, 1);

/// The day from which timestamps count.
const UNIX_EPOCH: civil::Date = civil::date(1970, 1, 1);

/// The day from which PostgreSQL counts.
const POSTGRES_EPOCH: civil::Date = civil::date(2000, 1, 1);

impl FromStr for Date {
    type Err = NoDate;

    /// Parses four digits, two and two: jiff itself would also accept other forms of ISO 8601, and a time after
    /// the date.
    fn from_str(text: &str) -> Result<Self, NoDate> {
        let is_full_date = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        let day = is_full_date.then(|| text.parse::<civil::Date>().ok()).flatten();
        day.filter(|day| *day >= FIRST).map(Self).ok_or(NoDate)
    }
}

impl Date {
    /// Returns when the day begins, in UTC.
    #[must_use]
    pub fn start(self) -> Timestamp {
        let since = i64::from((self.0 - UNIX_EPOCH).get_days());
        Timestamp(since * days(1).0)
    }

    /// Returns when the day ends, in UTC: the first instant of the next one.
    #[must_use]
    pub fn end(self) -> Timestamp {
        self.start() + days(1)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl PartialSchema for Date {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)))
            .description(Some("A calendar date (RFC 3339)."))
            .examples(["2026-11-28"])
            .into()
    }
}

impl ToSchema for Date {}

impl ToSql<sql_types::Date, Pg> for Date {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let days = PgDate((self.0 - POSTGRES_EPOCH).get_days());
        ToSql::<sql_types::Date, Pg>::to_sql(&days, &mut out.reborrow())
    }
}

impl FromSql<sql_types::Date, Pg> for Date {
    /// Clamps dates before the year 1 and after 9999, and `infinity`, all of which PostgreSQL supports, to the
    /// nearest valid date.
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let PgDate(days) = FromSql::<sql_types::Date, Pg>::from_sql(value)?;
        let day = jiff::Span::new()
            .try_days(days)
            .and_then(|days| POSTGRES_EPOCH.checked_add(days))
            .unwrap_or(if days < 0 { FIRST } else { civil::Date::MAX });
        Ok(Self(day.max(FIRST)))
    }
}

impl ToSql<sql_types::Date, Sqlite> for Date {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.to_string());
        Ok(IsNull::No)
    }
}

impl FromSql<sql_types::Date, Sqlite> for Date {
    fn from_sql(value: <Sqlite as DieselBackend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(<String as FromSql<sql_types::Text, Sqlite>>::from_sql(value)?.parse()?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn date_begins_and_ends_at_midnight_utc() {
        let day: Date = "1970-01-03".parse().unwrap();
        assert_eq!(day.start(), Timestamp(2 * 86_400_000_000));
        assert_eq!(day.end(), Timestamp(3 * 86_400_000_000));
        let last: Date = "9999-12-31".parse().unwrap();
        assert!(last.start() < last.end());
    }

    #[test]
    fn date_is_parsed_in_one_format_only() {
        for day in ["2026-11-28", "2024-02-29", "0001-01-01", "9999-12-31"] {
            assert_eq!(day.parse::<Date>().unwrap().to_string(), day);
        }
        for none in [
            "",
            "2026-11-31",
            "2026-02-29",
            "2026-13-01",
            "0000-01-01",
            "2026-1-2",
            "20261128",
            "2026-11-28T00:00:00Z",
            "2026-W48-6",
            "-02026-11-28",
            "28.11.2026",
            "2026-11-２8",
        ] {
            assert_eq!(none.parse::<Date>(), Err(NoDate), "{none}");
        }
    }
}
