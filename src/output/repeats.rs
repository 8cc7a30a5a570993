//! Log sampling for events that a client can cause without limit: the first is logged, the others are counted
//! and reported.
//!
//! The HTTP library logs an error for each malformed request line, and the server could log a line for each
//! request over the rate limit. Either would let one connection fill the disk.

use std::{
    mem,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing::{Event, Level, Metadata, level_filters::LevelFilter, subscriber::Interest};
use tracing_subscriber::layer::{Context, Filter};

/// The prefix of the targets of this crate's own events.
const OWN: &str = env!("CARGO_CRATE_NAME");

static COUNTS: Mutex<Vec<CallsiteCount>> = Mutex::new(Vec::new());
static OVER_LIMIT: AtomicU64 = AtomicU64::new(0);

/// A callsite in a library that has logged since the last report.
struct CallsiteCount {
    place: &'static Metadata<'static>,
    omitted: u64,
}

/// Passes the first event of each callsite in a library after each [`report`]. Events of this crate always
/// pass, and so do debug and trace, which are logged only where an operator has enabled them.
#[derive(Debug, Clone, Copy)]
pub struct OncePerReport;

impl<S> Filter<S> for OncePerReport {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn callsite_enabled(&self, place: &'static Metadata<'static>) -> Interest {
        // After "always", rejecting an event later would break the registry's bookkeeping.
        if is_counted(place) { Interest::sometimes() } else { Interest::always() }
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let place = event.metadata();
        !is_counted(place) || is_first(place)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }
}

fn is_counted(place: &Metadata<'_>) -> bool {
    *place.level() <= Level::INFO && !place.target().starts_with(OWN)
}

fn is_first(place: &'static Metadata<'static>) -> bool {
    let mut seen = COUNTS.lock().unwrap_or_else(PoisonError::into_inner);
    // A small list: each entry is a line of source code that has logged.
    if let Some(seen) = seen.iter_mut().find(|seen| seen.place.callsite() == place.callsite()) {
        seen.omitted += 1;
        return false;
    }
    seen.push(CallsiteCount { place, omitted: 0 });
    true
}

/// Counts a request over the rate limit of its IP address, instead of logging a line for it.
pub fn count_refused() {
    OVER_LIMIT.fetch_add(1, Ordering::Relaxed);
}

/// Logs how much was omitted since the last report. Called every few seconds while a server runs, and when it
/// ends.
pub fn report() {
    let refused = OVER_LIMIT.swap(0, Ordering::Relaxed);
    if refused > 0 {
        tracing::info!(
            times = refused,
            "requests over the rate limit of their IP address were rejected"
        );
    }
    let seen = mem::take(&mut *COUNTS.lock().unwrap_or_else(PoisonError::into_inner));
    for CallsiteCount { place, omitted } in seen.into_iter().filter(|seen| seen.omitted > 0) {
        tracing::warn!(
            library = place.target(),
            times = omitted,
            "a library's line was left out, as it was logged already"
        );
    }
}
