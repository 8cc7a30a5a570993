//! Retention: the background worker that deletes expired data, and the load that it may cause.

mod pace;

use std::time::{Duration, Instant};

use pace::Pace;

use crate::{
    state::State,
    store::{
        retention::{
            Due, STEPS, Step,
            clock::{ClockStatus, Jump, Watch},
        },
        revocation_cleanup,
    },
    time::Timestamp,
};

/// How often all steps run.
const ROUND_INTERVAL: Duration = Duration::from_hours(1);
/// How often the time mark is advanced, and a round retried after the store was unavailable.
const MARK_INTERVAL: Duration = Duration::from_mins(1);
/// How often to look for rows that a revocation has left to delete, by another instance or a command.
const REVOCATION_POLL: Duration = Duration::from_secs(10);

/// Deletes expired data, every hour and when notified, until the server drains; but not while the clock is not
/// trusted after a jump.
pub async fn run(state: &State) {
    let mut watch = Watch::default();
    let mut trusted = true;
    let mut last: Option<Instant> = None;
    while !state.draining.is_cancelled() {
        match watch.look(&state.store, &state.clock).await {
            Ok(ClockStatus::Trusted(now)) => {
                if !trusted {
                    tracing::info!("the clock is trusted again: old rows are deleted");
                }
                if !trusted || last.is_none_or(|last| last.elapsed() >= ROUND_INTERVAL) {
                    last = round(state, Some(now)).await.then(Instant::now);
                }
                trusted = true;
            }
            Ok(ClockStatus::Ahead(jump)) => {
                if trusted {
                    warn(&jump);
                }
                trusted = false;
                round(state, None).await;
            }
            Err(fault) => {
                tracing::warn!(%fault, "the clock mark of retention could not be advanced");
            }
        }
        tokio::select! {
            () = state.draining.cancelled() => {}
            () = state.retention_due.notified() => last = None,
            // What a revocation has left is deleted regardless of the clock.
            () = revocation_left_rows(state) => drop(round(state, None).await),
            () = tokio::time::sleep(MARK_INTERVAL) => {}
        }
    }
}

/// Returns when a revocation has left rows to delete.
async fn revocation_left_rows(state: &State) {
    loop {
        tokio::time::sleep(REVOCATION_POLL).await;
        if revocation_cleanup::is_due(&state.store).await.unwrap_or(false) {
            return;
        }
    }
}

fn warn(jump: &Jump) {
    let Jump { mark, now, left } = jump;
    tracing::warn!(
        expected = %mark,
        clock = %now,
        hours = left.as_secs().div_ceil(3600),
        "the clock has jumped ahead: nothing is deleted until it has been steady for a day or is confirmed"
    );
}

/// Runs all steps once, or, without a trusted time, only those that do not depend on the clock. Returns false
/// if one of them failed. A failing step does not stop the others.
async fn round(state: &State, now: Option<Timestamp>) -> bool {
    let keep_activity = state.config.data.keep_activity();
    let due = Due { now: now.unwrap_or(Timestamp::from_micros(0)), keep_activity };
    let mut succeeded = true;
    for step in STEPS.iter().filter(|step| now.is_some() || !step.by_clock) {
        succeeded &= finish(state, step, due).await;
    }
    succeeded
}

/// Runs one step to completion in batches, pausing after each for at least as long as it took, so that other
/// queries can use the database.
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
