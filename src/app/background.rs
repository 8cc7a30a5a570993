//! Periodic background tasks, which run beside the requests.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::{
    jobs::{self, Jobs},
    key_check, output, retention,
    state::State,
    store::users::{self, search::BATCH},
    totp_keys,
};

/// How often the last uses of credentials, and the new ends of sessions in use, are written.
const FLUSH_INTERVAL: Duration = Duration::from_secs(5);
/// How often the counts of failed sign-ins and rejected tokens are written to the activity log.
const REJECTIONS_INTERVAL: Duration = Duration::from_mins(1);
/// How often the rate limits of inactive clients are dropped from memory.
const PRUNE_INTERVAL: Duration = Duration::from_mins(1);
/// How often dropped log lines are reported.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);
/// How often the search index is brought up to date with users added or renamed by other means than this
/// application.
const INDEX_INTERVAL: Duration = Duration::from_secs(5);

/// Runs jobs, renews the cache's lease, writes last uses, drops unused rate limits, reports dropped log lines
/// and deletes expired rows, until it is stopped. An error is logged, and the work is tried again the next
/// time.
pub(super) async fn run(state: &State, jobs: &Jobs, stop: &CancellationToken) {
    tokio::join!(
        jobs::run(state, jobs),
        state.store.renew_lease(stop),
        every(FLUSH_INTERVAL, stop, async || {
            if let Err(fault) = state.last_used.flush(&state.store).await {
                tracing::warn!(%fault, "the last use of credentials could not be written");
            }
        }),
        every(FLUSH_INTERVAL, stop, async || {
            if let Err(fault) = state.session_ends.flush(&state.store).await {
                tracing::warn!(%fault, "the expiry of sessions could not be extended");
            }
        }),
        every(REJECTIONS_INTERVAL, stop, async || {
            state.rejections.write(&state.store, &state.clock).await;
        }),
        every(key_check::INTERVAL, stop, async || {
            state.key_check.repeat(&state.store, &state.clock).await;
        }),
        async {
            totp_keys::encrypt_again(state).await;
            every(totp_keys::INTERVAL, stop, async || totp_keys::encrypt_again(state).await).await;
        },
        every(PRUNE_INTERVAL, stop, async || state.limits.forget()),
        every(REPORT_INTERVAL, stop, async || output::report()),
        async {
            index_users(state, stop).await;
            every(INDEX_INTERVAL, stop, async || index_users(state, stop).await).await;
        },
        retention::run(state),
    );
}

/// Adds missing users to the search index, in short transactions. It pauses after each for as long as it took,
/// so that it does not block other writes.
async fn index_users(state: &State, stop: &CancellationToken) {
    let mut users = 0;
    loop {
        let started = Instant::now();
        match users::search::index_some(&state.store).await {
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
        if stop.run_until_cancelled(tokio::time::sleep(started.elapsed())).await.is_none() {
            return;
        }
    }
    if users > 0 {
        tracing::info!(users, "the search index is complete");
    }
}

async fn every(period: Duration, stop: &CancellationToken, mut work: impl AsyncFnMut()) {
    // The first tick comes after one period, because the startup has already done this work.
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        work().await;
    }
}
