//! Runs a server and what belongs beside it, and ends all of it in order.

use std::time::Duration;

use actix_web::dev::Server as ActixServer;
use tokio_util::sync::CancellationToken;

use super::{background, metrics::MetricsServer};
use crate::{jobs::Jobs, output, state::State};

/// How long a stopping server may take to write ends of sessions.
const FINAL_WRITES_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves until the server is stopped; then finishes the jobs that have begun and writes what is buffered.
pub(super) async fn run(
    http: ActixServer,
    metrics: Option<MetricsServer>,
    state: &State,
    jobs: &Jobs,
) -> std::io::Result<()> {
    let stop = CancellationToken::new();
    let metrics_server = metrics.as_ref().map(|metrics| metrics.http.handle());
    let serving = async {
        let served = http.await;
        // A server that was stopped without draining has to end its jobs as well.
        state.draining.cancel();
        stop.cancel();
        if let Some(metrics_server) = metrics_server {
            metrics_server.stop(false).await;
        }
        served
    };
    let measured = async {
        match metrics {
            Some(server) => server.http.await,
            None => Ok(()),
        }
    };
    // Boxed, because it is a large future.
    let beside = Box::pin(background::run(state, jobs, &stop));
    let (served, measured, ()) = tokio::join!(serving, measured, beside);
    if let Err(fault) = state.last_used.flush(&state.store).await {
        tracing::warn!(%fault, "the last use of credentials could not be written");
    }
    // What is not written by then is recorded again at the next use, and the other instances count this one
    // as running for a little longer. Only the counts of rejections are lost, as by a crash.
    let last_writes = async {
        tokio::join!(
            state.session_ends.flush(&state.store),
            state.key_check.stop(&state.store),
            state.rejections.write(&state.store, &state.clock)
        )
    };
    let _ = tokio::time::timeout(FINAL_WRITES_TIMEOUT, last_writes).await;
    output::report();
    served.and(measured)
}
