//! Resources that each worker thread has to itself, so that no worker waits for another's.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::store::Error;

/// Returns the calling thread's element of `slots`.
///
/// Threads are numbered in the order in which they first call this; on a server these are the worker threads. If there
/// are more threads than slots, some share one, which is slower but still correct.
///
/// # Errors
/// When `slots` is empty.
pub(in crate::store) fn own<T>(slots: &[T]) -> Result<&T, Error> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    let number = NUMBER.with(|number| number.checked_rem(slots.len()));
    number
        .and_then(|number| slots.get(number))
        .ok_or_else(|| Error::unavailable("the store was opened for no worker at all"))
}
