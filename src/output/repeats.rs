//! Events that a client can cause without limit: the first is logged, the rest is counted and reported.
//!
//! The HTTP library logs an error for each malformed request line, and the server could log a line for
//! each request over the rate limit. Either would let one connection fill the disk.

use std::{
    mem,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing::{Event, Level, Metadata, level_filters::LevelFilter, subscriber::Interest};
use tracing_subscriber::layer::{Context, Filter};

/// What the targets of our own events begin with.
const OWN: &str = env!("CARGO_CRATE_NAME");

static SEEN: Mutex<Vec<Seen>> = Mutex::new(Vec::new());
static REFUSED: AtomicU64 = AtomicU64::new(0);

/// A place in a library that has logged since the last report.
struct Seen {
    place: &'static Metadata<'static>,
    left_out: u64,
}

/// Passes, of the events of each place in a library, the first after each [`report`]. Ours pass, and so do
/// debug and trace, which are logged only where they were asked for.
#[derive(Debug, Clone, Copy)]
pub struct OncePerReport;

impl<S> Filter<S> for OncePerReport {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn callsite_enabled(&self, place: &'static Metadata<'static>) -> Interest {
        // Where the answer was "always", an event that is refused later breaks the registry's bookkeeping.
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
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    // A handful: each is a line of source that has logged.
    if let Some(seen) = seen.iter_mut().find(|seen| seen.place.callsite() == place.callsite()) {
        seen.left_out += 1;
        return false;
    }
    seen.push(Seen { place, left_out: 0 });
    true
}

/// Counts a request that was refused for the rate of its address, in place of a line of its own.
pub fn count_refused() {
    REFUSED.fetch_add(1, Ordering::Relaxed);
}

/// Logs how much was left out since the last report. Called every few seconds while a server runs, and at
/// its end.
pub fn report() {
    let refused = REFUSED.swap(0, Ordering::Relaxed);
    if refused > 0 {
        tracing::info!(
            times = refused,
            "requests over the rate limit of their address were refused"
        );
    }
    let seen = mem::take(&mut *SEEN.lock().unwrap_or_else(PoisonError::into_inner));
    for Seen { place, left_out } in seen.into_iter().filter(|seen| seen.left_out > 0) {
        tracing::warn!(
            library = place.target(),
            times = left_out,
            "a library's line was left out, as it was logged already"
        );
    }
}
