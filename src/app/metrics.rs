//! Serves the metrics on a listener of its own: the network controls who may read them.

use std::time::Duration;

use actix_web::{
    App, HttpResponse, HttpServer,
    dev::Server,
    http::header::CONTENT_TYPE,
    middleware::from_fn,
    web::{self, Data},
};

use super::{
    StartError,
    listeners::{Bound, Listeners, SocketFile},
    unread_body,
};
use crate::{
    error::{Code, Error},
    metrics::Now,
    name, output, routes,
    state::State,
    store::{
        jobs,
        retention::clock::{self, ClockStatus},
    },
};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The server of the metrics, which is already listening.
pub(super) struct MetricsServer {
    /// Where it listens.
    pub address: Bound,
    pub http: Server,
    // Removed when the server has stopped.
    _socket_file: Option<SocketFile>,
}

impl MetricsServer {
    /// Listens where the settings say, if they do.
    pub(super) fn start(state: &Data<State>) -> Result<Option<Self>, StartError> {
        let settings = &state.config.server;
        let Some(place) = &settings.metrics_listen else { return Ok(None) };
        let setting = name::setting("METRICS_LISTEN");
        let mut listeners =
            Listeners::bind(place, settings.socket_mode, &setting).map_err(StartError::Listen)?;
        let (address, file) = (listeners.bound.clone(), listeners.file.take());
        Ok(Some(Self { address, http: serve(listeners, state)?, _socket_file: file }))
    }
}

/// Serves the metrics on these sockets.
fn serve(listeners: Listeners, state: &Data<State>) -> std::io::Result<Server> {
    let state = state.clone();
    let mut server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .route("/metrics", web::get().to(show))
            .default_service(web::to(routes::nothing))
            .wrap(from_fn(unread_body::bound))
    })
    .client_disconnect_timeout(Duration::ZERO)
    .workers(1)
    .shutdown_timeout(1)
    .disable_signals();
    for listener in listeners.tcp {
        server = server.listen(listener)?;
    }
    if let Some(listener) = listeners.unix {
        server = server.listen_uds(listener)?;
    }
    Ok(server.run())
}

/// Shows the metrics. Values that the store cannot provide keep their last value: during an outage the others
/// are needed all the more.
async fn show(state: Data<State>) -> Result<HttpResponse, Error> {
    let now = Now {
        store: state.store.stats(),
        hashes: state.hashing.waiting(),
        hashes_made: state.hashing.made(),
        jobs: jobs::count(&state.store).await.ok(),
        retention_paused: clock::status(&state.store, &state.clock)
            .await
            .ok()
            .map(|status| matches!(status.standing, ClockStatus::Ahead(_))),
        log_dropped: output::dropped(),
    };
    let text = state.metrics.text(now).map_err(|_| Code::Internal)?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, OPEN_METRICS)).body(text))
}
