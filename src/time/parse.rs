//! Parses timestamps.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, de::Error as _};

use super::Timestamp;

/// The text is not a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a timestamp such as 2026-11-23T12:48:00Z")]
pub struct NoTimestamp;

impl FromStr for Timestamp {
    type Err = NoTimestamp;

    /// Parses RFC 3339: with a time zone's offset, or `Z`.
    fn from_str(text: &str) -> Result<Self, NoTimestamp> {
        let moment: jiff::Timestamp = text.parse().map_err(|_| NoTimestamp)?;
        Ok(Self::from_micros(moment.as_microsecond()))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamp_with_an_offset_is_parsed_as_that_instant() {
        let at = Ok(Timestamp::from_micros(1_000_000_000_000));
        for text in
            ["1970-01-12T13:46:40Z", "1970-01-12T14:46:40+01:00", "1970-01-12T13:46:40.000Z"]
        {
            assert_eq!(text.parse(), at, "{text}");
        }
    }

    #[test]
    fn timestamp_without_an_offset_is_rejected() {
        for text in ["", "now", "1970-01-12", "1970-01-12T13:46:40", "1000000"] {
            assert_eq!(text.parse::<Timestamp>(), Err(NoTimestamp), "{text}");
        }
    }
}
