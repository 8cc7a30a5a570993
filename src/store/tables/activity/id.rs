//! Ids of events: UUIDs of version 7 (RFC 9562) that begin with the event's time to the microsecond, so that a period
//! is a range of ids, and an index that ends with the id serves it.

use std::sync::atomic::{AtomicU32, Ordering};

use uuid::Builder;

use crate::time::Timestamp;

/// The number of the next event of this process. It keeps events of one instant in their order.
static CREATED: AtomicU32 = AtomicU32::new(1);

/// Returns a new id for an event of this time.
pub(super) fn new(at: Timestamp) -> String {
    let number = u64::from(CREATED.fetch_add(1, Ordering::Relaxed));
    let random = u64::from(rand::random::<u32>() >> 2);
    // The builder replaces the first two of these 64 bits by the variant.
    with_tail(at, (number << 30 | random).to_be_bytes())
}

/// Returns the id that all events of this time follow.
pub(super) fn first(at: Timestamp) -> String {
    with_tail(at, [0; 8])
}

/// Puts the time before the last 64 bits. The microseconds are in the twelve bits after the milliseconds, as a fraction
/// of one (RFC 9562, 6.2, method 3). A time before 1970 counts as its first instant.
fn with_tail(at: Timestamp, tail: [u8; 8]) -> String {
    let micros = u64::try_from(at.micros()).unwrap_or(0);
    let (millis, rest) = (micros / 1000, micros % 1000);
    let [.., high, low] = (rest * 4096 / 1000).to_be_bytes();
    let mut bytes = [0; 10];
    bytes[..2].copy_from_slice(&[high, low]);
    bytes[2..].copy_from_slice(&tail);
    Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use uuid::{Uuid, Variant};

    use super::*;

    const AT: i64 = 1_700_000_000_123_456;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn event_ids_of_one_instant_are_in_the_order_of_their_creation() {
        let ids: Vec<String> = std::iter::repeat_with(|| new(at(AT))).take(1000).collect();
        assert!(ids.is_sorted_by(|one, other| one < other));
    }

    #[test]
    fn event_ids_of_different_microseconds_are_in_the_order_of_time() {
        for micros in AT..AT + 2000 {
            assert!(new(at(micros)) < first(at(micros + 1)), "{micros}");
            assert!(first(at(micros)) < new(at(micros)), "{micros}");
        }
    }

    #[test]
    fn event_id_is_a_uuid_of_version_7_with_its_time() {
        let id = new(at(AT));
        let id = Uuid::try_parse(&id).unwrap_or_default();
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_variant(), Variant::RFC4122);
        let (seconds, nanos) = id.get_timestamp().map(|time| time.to_unix()).unwrap_or_default();
        assert_eq!((seconds, nanos), (1_700_000_000, 123_000_000));
    }

    #[test]
    fn event_id_of_a_time_before_1970_is_the_first_one() {
        assert_eq!(first(at(-1)), first(at(0)));
        assert!(first(at(i64::MAX)) > first(at(0)));
    }
}
