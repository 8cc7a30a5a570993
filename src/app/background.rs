//! What runs beside the requests.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::{
    jobs, key_check, output, retention,
    state::State,
    store::user_search::{self, BATCH},
};

/// How often the last uses of keys, and the ends of sessions that are used, are written.
const FLUSH: Duration = Duration::from_secs(5);
/// How often those are forgotten who have not asked for long.
const FORGET: Duration = Duration::from_mins(1);
/// How often it is reported what the log has left out.
const REPORT: Duration = Duration::from_secs(10);
/// How often it is looked whether users were added or renamed by other means than this application.
const INDEX: Duration = Duration::from_secs(5);

/// Does jobs, keeps the lease, writes last uses, forgets, reports and deletes old rows, until it is told to stop. A fault is
/// logged and tried again the next time.
pub(super) async fn run(state: &State, stop: &CancellationToken) {
    tokio::join!(
        jobs::run(state),
        state.store.renew_lease(stop),
        every(FLUSH, stop, async || {
            if let Err(fault) = state.last_used.flush(&state.store).await {
                tracing::warn!(%fault, "the last uses of keys could not be written");
            }
        }),
        every(FLUSH, stop, async || {
            if let Err(fault) = state.session_ends.flush(&state.store).await {
                tracing::warn!(%fault, "the ends of sessions could not be written");
            }
        }),
        every(key_check::INTERVAL, stop, async || {
            state.key_check.repeat(&state.store, &state.clock).await;
        }),
        every(FORGET, stop, async || state.limits.forget()),
        every(REPORT, stop, async || output::report()),
        async {
            index_users(state, stop).await;
            every(INDEX, stop, async || index_users(state, stop).await).await;
        },
        retention::run(state),
    );
}

/// Adds to the search index what is not in it, in short transactions. Between two of them it rests for as long
/// as one took, so that other writes are not kept waiting.
async fn index_users(state: &State, stop: &CancellationToken) {
    let mut users = 0;
    loop {
        let begun = Instant::now();
        match user_search::index_some(&state.store).await {
            Ok(indexed) => {
                if users == 0 && indexed == BATCH {
                    tracing::info!("the search index is incomplete: adding users to it");
                }
                users += indexed;
                if indexed < BATCH {
                    break;
                }
            }
            Err(fault) => {
                tracing::warn!(%fault, "users could not be added to the search index");
                return;
            }
        }
        if stop.run_until_cancelled(tokio::time::sleep(begun.elapsed())).await.is_none() {
            return;
        }
    }
    if users > 0 {
        tracing::info!(users, "the search index is complete");
    }
}

async fn every(period: Duration, stop: &CancellationToken, mut work: impl AsyncFnMut()) {
    // What must be done at the start has been done by then.
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        work().await;
    }
}
