//! What runs beside the requests.

use std::time::Duration;

use crate::{state::State, store::purge::purge};

/// How often the last uses of keys are written.
const FLUSH: Duration = Duration::from_secs(5);
/// How often rows whose time is over are deleted.
const PURGE: Duration = Duration::from_hours(1);

/// Writes last uses and purges, for ever. A fault is logged and tried again the next time.
pub(super) async fn run(state: &State) {
    tokio::join!(
        every(FLUSH, async || {
            if let Err(fault) = state.last_use.flush(&state.store).await {
                tracing::warn!(%fault, "the last uses of keys could not be written");
            }
        }),
        every(PURGE, async || {
            let keep = state.config.keep_audit_events();
            match purge(&state.store, keep, state.clock.now()).await {
                Ok(0) => {}
                Ok(rows) => tracing::info!(rows, "purged what had expired"),
                Err(fault) => tracing::warn!(%fault, "expired rows could not be purged"),
            }
        }),
    );
}

async fn every(period: Duration, mut work: impl AsyncFnMut()) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        work().await;
    }
}
