//! Builds the server, runs it, and shuts it down gracefully; or puts the gate into an application with a server of its own.

mod application;
mod background;
mod cors;
mod embedded;
mod gated_resource;
mod idle;
mod limit;
mod listeners;
mod log;
mod metrics;
mod opened;
mod panics;
mod request_context;
mod run;
mod security_headers;
mod sockets;
mod trace_context;
mod unread_body;

use std::time::Duration;

use actix_web::{
    HttpServer,
    dev::{Server as ActixServer, ServerHandle},
    web::Data,
};

use crate::{
    cli::Failure,
    config::{Config, ConfigError},
    jobs::Jobs,
    name,
    product::{Product, ProductError},
    state::State,
    store::{self, Location},
    time::Clock,
};

use application::Application;
pub use embedded::{EmbedError, Embedded, Gate};
pub use gated_resource::GatedResource;
#[doc(hidden)]
pub use listeners::Bound;
use listeners::{Listeners, SocketFile};
use metrics::MetricsServer;
use opened::Opened;

/// How long a client may take to send the head of its first request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
#[doc(hidden)]
pub enum StartError {
    /// The parts of the product do not fit together.
    #[error(transparent)]
    Product(#[from] ProductError),
    /// A setting is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A setting of the product's own is missing or invalid.
    #[error("{0}")]
    Settings(String),
    /// The product's own state cannot be built.
    #[error("the product's own state cannot be built: {0}")]
    State(Failure),
    /// The database is unusable.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Listening on the IP address or socket failed.
    #[error("{0}")]
    Listen(String),
    /// Any other error of the operating system.
    #[error(transparent)]
    System(#[from] std::io::Error),
}

/// A server that is listening.
#[doc(hidden)]
pub struct Server {
    /// Where it listens.
    pub address: Bound,
    /// Where it serves metrics.
    pub metrics_address: Option<Bound>,
    /// The state that all requests share.
    pub state: Data<State>,
    /// Where its data is stored.
    pub location: Location,
    http: ActixServer,
    jobs: Jobs,
    metrics: Option<MetricsServer>,
    // Removed when the server has stopped.
    _socket_file: Option<SocketFile>,
}

impl Server {
    /// Opens the store and starts to listen.
    ///
    /// # Errors
    /// When the parts of the product do not fit together, a setting is invalid, the database unusable or the port taken.
    pub async fn start(
        product: &Product,
        config: Config,
        clock: Clock,
        migrate: bool,
    ) -> Result<Self, StartError> {
        let opened = Opened::open(product, config, migrate).await?;
        let server = &opened.config.server;
        let listeners =
            Listeners::bind(&server.listen(), server.socket_mode, &name::setting("LISTEN"))
                .map_err(StartError::Listen)?;
        let (address, location) = (listeners.bound.clone(), opened.location.clone());
        let application = opened.build(clock, address.port()).await?;
        let state = application.state.clone();
        let (http, socket_file) = serve(application, listeners)?;
        let metrics = MetricsServer::start(&state)?;
        Ok(Self {
            address,
            metrics_address: metrics.as_ref().map(|metrics| metrics.address.clone()),
            state,
            location,
            http,
            jobs: product.jobs(),
            metrics,
            _socket_file: socket_file,
        })
    }

    /// Returns a handle that can stop the server.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { server: self.http.handle(), state: self.state.clone() }
    }

    /// Serves until the server is stopped; then finishes the jobs that have begun and writes the buffered last
    /// uses.
    ///
    /// # Errors
    /// When listening fails.
    pub async fn run(self) -> std::io::Result<()> {
        run::run(self.http, self.metrics, &self.state, &self.jobs).await
    }
}

/// A handle that stops the server.
#[derive(Clone)]
#[doc(hidden)]
pub struct Handle {
    server: ServerHandle,
    state: Data<State>,
}

impl Handle {
    /// Drains the server: reports that it is not ready, keeps serving for the drain delay, then accepts no more
    /// connections and lets running requests finish.
    pub async fn drain(&self) {
        self.state.draining.cancel();
        tokio::time::sleep(Duration::from_secs(self.state.config.server.drain_delay)).await;
        self.server.stop(true).await;
    }
}

/// Serves an application on these listeners. The file of a Unix socket is removed when what is returned is dropped.
fn serve(
    application: Application,
    listeners: Listeners,
) -> std::io::Result<(ActixServer, Option<SocketFile>)> {
    let settings = &application.state.config.server;
    let (workers, shutdown_timeout) = (settings.workers(), settings.shutdown_timeout);
    let keep_alive = Duration::from_secs(settings.keep_alive);
    let mut server = HttpServer::new(move || application.build(true))
        .workers(workers)
        .on_connect(move |connection, extensions| {
            sockets::accepted(connection, extensions);
            idle::watch(connection, extensions, keep_alive + HEAD_TIMEOUT);
        })
        .client_request_timeout(HEAD_TIMEOUT)
        // `unread_body` takes care of that, and bounds what is read meanwhile.
        .client_disconnect_timeout(Duration::ZERO)
        .keep_alive(keep_alive)
        .shutdown_timeout(shutdown_timeout)
        .disable_signals();
    for listener in listeners.tcp {
        server = server.listen(listener)?;
    }
    if let Some(listener) = listeners.unix {
        server = server.listen_uds(listener)?;
    }
    Ok((server.run(), listeners.file))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use actix_web::{
        App, HttpResponse,
        http::StatusCode,
        middleware::from_fn,
        test::{TestRequest, init_service, read_body_json},
        web,
    };
    use serde_json::Value;

    use super::*;
    use crate::gate::{self, Session};

    async fn answer(path: &str) -> (StatusCode, Value) {
        let app = App::new()
            .route("/panic", web::get().to(panics))
            .route("/ungated/optional", web::get().to(greets_optional_session))
            .route("/ungated/required", web::get().to(greets_required_session))
            .wrap(from_fn(gate::fail_closed_without_gate))
            .wrap(from_fn(panics::catch))
            .wrap(from_fn(request_context::wrap));
        let app = init_service(app).await;
        let request = TestRequest::get().uri(path).to_request();
        let response = match actix_web::dev::Service::call(&app, request).await {
            Ok(response) => response.map_into_boxed_body(),
            // The response that actix creates for an error that leaves the application.
            Err(error) => {
                let request = TestRequest::get().uri(path).to_http_request();
                actix_web::dev::ServiceResponse::new(request, error.error_response())
            }
        };
        assert!(response.headers().contains_key(crate::request_id::HEADER));
        assert_eq!(response.headers().get("cache-control").unwrap(), "no-store");
        (response.status(), read_body_json(response).await)
    }

    async fn panics() -> HttpResponse {
        panic!("as asked")
    }

    async fn greets_optional_session(session: Option<Session>) -> HttpResponse {
        HttpResponse::Ok().json(session.is_some())
    }

    async fn greets_required_session(_: Session) -> HttpResponse {
        HttpResponse::Ok().finish()
    }

    #[actix_web::test]
    async fn panic_is_an_internal_error_and_the_next_request_is_served() {
        for _ in 0..2 {
            let (status, problem) = answer("/panic").await;
            assert_eq!(status, 500);
            assert_eq!(problem["code"], "internal_error");
            assert!(problem["requestId"].is_string());
            assert!(!problem.to_string().contains("as asked"));
        }
    }

    #[actix_web::test]
    async fn session_extractor_without_the_gate_is_an_internal_error() {
        for path in ["/ungated/optional", "/ungated/required"] {
            let (status, problem) = answer(path).await;
            assert_eq!(status, 500, "{path}");
            assert_eq!(problem["code"], "internal_error");
        }
    }
}
