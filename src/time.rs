//! Time: one type for a point in time, and one clock that is the only source of the current time.

mod date;
mod manual;
mod parse;
mod sql;
mod uptime;

use std::{fmt, sync::Arc};

use diesel::{deserialize::FromSqlRow, expression::AsExpression};
use serde::{Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr, Schema,
        schema::{KnownFormat, SchemaFormat, Type},
    },
};

pub use date::{Date, NoDate};
pub use manual::ManualClock;
pub use parse::NoTimestamp;
pub use sql::Moment;
#[doc(hidden)]
pub use uptime::Uptime;

/// A point in time, in microseconds since 1970 (UTC), which both databases can store without rounding.
///
/// In JSON it is RFC 3339 with milliseconds and `Z`: `2026-11-23T12:48:00.000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Moment)]
pub struct Timestamp(i64);

/// A duration in microseconds, created by [`seconds`] and [`days`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(i64);

/// Returns a span of `n` seconds.
#[must_use]
pub const fn seconds(n: u32) -> Span {
    Span(n as i64 * 1_000_000)
}

/// Returns a span of `n` days of 24 hours.
#[must_use]
pub const fn days(n: u32) -> Span {
    Span(n as i64 * 86_400_000_000)
}

/// Formats a number of days for people.
#[must_use]
pub fn in_days(days: u32) -> String {
    let unit = if days == 1 { "day" } else { "days" };
    format!("{days} {unit}")
}

/// The maximum clock skew between instances: a time further in the future than this was recorded by an
/// incorrect clock.
#[doc(hidden)]
pub const CLOCK_TOLERANCE: Span = seconds(300);

impl Timestamp {
    /// Creates a timestamp from microseconds since 1970.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Returns the microseconds since 1970.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }
}

impl Timestamp {
    /// Returns the number of seconds until `then`, rounded up; 0 if it has passed.
    #[must_use]
    pub fn seconds_until(self, then: Self) -> u64 {
        u64::try_from(then.0.saturating_sub(self.0)).unwrap_or_default().div_ceil(1_000_000)
    }
}

// Saturating: a clock at the limit of the range yields an odd result, but a panic in the gate is an outage.
impl std::ops::Add<Span> for Timestamp {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl std::ops::Sub<Span> for Timestamp {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = self.shown().map_err(|_| fmt::Error)?;
        write!(f, "{moment:.3}")
    }
}

/// The range that RFC 3339 and the calendar can express; a database can store other times, and `infinity`.
const SHOWN: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_207_199_999_999;

impl Timestamp {
    /// Returns whether it is formatted exactly, and not as the nearest time that can be.
    #[must_use]
    pub fn is_shown_exactly(self) -> bool {
        SHOWN.contains(&self.0)
    }

    fn shown(self) -> Result<jiff::Timestamp, jiff::Error> {
        jiff::Timestamp::from_microsecond(self.0.clamp(*SHOWN.start(), *SHOWN.end()))
    }

    /// Formats it for people, in case no script converts it to their language and time zone: `2026-11-23 12:48
    /// UTC`.
    #[must_use]
    pub fn to_minute(self) -> String {
        self.shown()
            .map(|moment| moment.strftime("%Y-%m-%d %H:%M UTC").to_string())
            .unwrap_or_default()
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("A timestamp, in UTC and to the millisecond (RFC 3339)."))
            .examples(["2026-11-23T12:48:00.000Z"])
            .into()
    }
}

impl ToSchema for Timestamp {}

/// The clock. A decision that depends on time receives `now`, which is read from here once.
///
/// There are two clocks, which must not be confused: the wall clock ([`Timestamp`]), which an operator or a
/// time server may set forward and back, and the monotonic clock ([`Uptime`]), which only advances. Durations
/// within this process are measured with the monotonic clock.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's clocks.
    #[default]
    System,
    /// Clocks that only advance when a test sets them, so that an expiry can be tested at its exact boundary.
    Manual(Arc<ManualClock>),
}

impl Clock {
    /// Creates a clock that stays at this time until it is set again.
    #[must_use]
    pub fn manual(at: Timestamp) -> Self {
        Self::Manual(Arc::new(ManualClock::new(at)))
    }

    /// Advances a manual clock to this time; has no effect on the system's clock.
    pub fn set(&self, to: Timestamp) {
        if let Self::Manual(clock) = self {
            clock.advance_to(to);
        }
    }

    /// Sets a manual clock's wall clock, as a time server does, without advancing the monotonic clock.
    pub fn step(&self, to: Timestamp) {
        if let Self::Manual(clock) = self {
            clock.step(to);
        }
    }

    /// Returns the current time of the wall clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock that all else uses")]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp(jiff::Timestamp::now().as_microsecond()),
            Self::Manual(clock) => clock.now(),
        }
    }

    /// Returns the current time of the monotonic clock.
    #[must_use]
    pub fn uptime(&self) -> Uptime {
        match self {
            Self::System => Uptime::now(),
            Self::Manual(clock) => clock.uptime(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamp_outside_the_calendar_is_shown_as_the_nearest() {
        for (micros, shown) in [
            (i64::MAX, "9999-12-30T21:59:59.999Z"),
            (i64::MIN, "0001-01-01T00:00:00.000Z"),
            (1_732_800_000_123_456, "2024-11-28T13:20:00.123Z"),
        ] {
            assert_eq!(Timestamp::from_micros(micros).to_string(), shown);
        }
        assert_eq!(Timestamp::from_micros(i64::MAX).to_minute(), "9999-12-30 21:59 UTC");
    }

    #[test]
    fn duration_of_one_day_is_singular() {
        assert_eq!([1, 7].map(in_days), ["1 day", "7 days"]);
    }
}
