//! Deletes what is over beside the requests: the worker, and how much it asks of the database at once.

mod pace;

use std::time::{Duration, Instant};

use pace::Pace;

use crate::{
    state::State,
    store::{
        retention::{Due, STEPS, Step},
        revocation_cleanup,
    },
};

/// How often everything is gone through.
const EVERY: Duration = Duration::from_hours(1);
/// When that is tried again if the store could not answer.
const AGAIN: Duration = Duration::from_mins(1);
/// How often to look for what a revocation has left, which another instance or a command may have done.
const LOOK: Duration = Duration::from_secs(10);

/// Deletes what is over, every hour and whenever it is told to, until the server drains.
pub async fn run(state: &State) {
    while !state.draining.is_cancelled() {
        let next = if round(state).await { EVERY } else { AGAIN };
        tokio::select! {
            () = state.draining.cancelled() => {}
            () = state.retention_due.notified() => {}
            () = tokio::time::sleep(next) => {}
            () = revoked(state) => {}
        }
    }
}

/// Returns when a revocation has left rows to remove.
async fn revoked(state: &State) {
    loop {
        tokio::time::sleep(LOOK).await;
        if revocation_cleanup::is_due(&state.store).await.unwrap_or(false) {
            return;
        }
    }
}

/// Goes through all steps once; false if one of them failed. A step that fails keeps no other from its work.
async fn round(state: &State) -> bool {
    let due = Due { now: state.clock.now(), keep_audit_events: state.config.keep_audit_events() };
    let mut whole = true;
    for step in STEPS {
        whole &= finish(state, step, due).await;
    }
    whole
}

/// Runs one step to its end, batch after batch; between two of them the database is left to others for at least
/// as long as the batch has taken.
async fn finish(state: &State, step: &Step, due: Due) -> bool {
    let mut pace = Pace::default();
    let mut deleted = 0;
    let mut failed = false;
    while !state.draining.is_cancelled() {
        let begun = Instant::now();
        match (step.batch)(&state.store, due, pace.rows()).await {
            Ok(0) => break,
            Ok(rows) => deleted += rows,
            Err(fault) => {
                tracing::warn!(rows = step.rows, %fault, "old rows could not be deleted");
                failed = true;
                break;
            }
        }
        let pause = pace.after(begun.elapsed());
        let _ = state.draining.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
    if deleted > 0 {
        tracing::info!(rows = step.rows, deleted, "old rows were deleted");
    }
    !failed
}
