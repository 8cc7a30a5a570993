//! What each of the threads that serve requests has of its own, so that none waits for another's.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::Error;

/// The lane of the thread that asks.
///
/// Threads are numbered as they come here first, which on a server are those that serve requests. Where
/// there are more threads than lanes some share one: that is slower, and no less sound.
///
/// # Errors
/// When there is none at all.
pub(super) fn own<T>(lanes: &[T]) -> Result<&T, Error> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    let number = NUMBER.with(|number| number.checked_rem(lanes.len()));
    number
        .and_then(|number| lanes.get(number))
        .ok_or_else(|| Error::unavailable("the store was opened for no worker at all"))
}
