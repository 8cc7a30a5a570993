//! Builds the server, runs it, and shuts it down gracefully.

mod background;
mod cors;
mod idle;
mod limit;
mod listeners;
mod log;
mod metrics;
mod panics;
mod request_context;
mod security_headers;
mod sockets;
mod trace_context;
mod unread_body;

use std::{sync::OnceLock, time::Duration};

use actix_web::{
    App, HttpServer,
    dev::{Server as ActixServer, ServerHandle},
    middleware::from_fn,
    web::{self, Data, PathConfig},
};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::{
    cli::Failure,
    config::{Config, ConfigError},
    docs::{self, Document},
    error::{Code, Error},
    gate,
    http_client::HttpClient,
    jobs::Jobs,
    key_check::KeyCheck,
    limits::Limits,
    mail::Mailer,
    metrics::Metrics,
    name, output, pages,
    product::{Product, ProductError},
    providers::Providers,
    routes,
    secrets::{CheckedCookies, EncryptionKeys, Hashing, SigningKeys},
    site::Site,
    state::State,
    store::{
        self, Location, Store, activity::rejections::Rejections, last_used::LastUsedBuffer,
        session_ends::SessionEnds,
    },
    time::Clock,
};

pub use listeners::Bound;
use listeners::{Listeners, SocketFile};

/// How long a client may take to send the head of its first request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a stopping server may take to write ends of sessions.
const FINAL_WRITES_TIMEOUT: Duration = Duration::from_secs(5);
/// How many sign-ins may wait for others of the same account; more are rejected immediately.
const MAX_WAITING_SIGN_INS: usize = 256;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
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
    metrics: Option<ActixServer>,
    // Removed when the server has stopped.
    _socket_files: [Option<SocketFile>; 2],
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
        product.check()?;
        let own = product.read_settings(&config.product)?;
        // Before any file is opened: the database opens files for each worker.
        sockets::allow_many();
        let location = config.data.location()?;
        // The file lock first: of two servers that start at the same time, one must not sign with a key that
        // the other has replaced.
        let lock = location.lock()?;
        let keys = config.signing_keys(&location)?;
        let options = config.store_options(migrate, product.tables());
        let store = Store::open_locked(&location, options, lock).await?;
        let mode = config.server.socket_mode;
        let listeners = Listeners::bind(&config.server.listen(), mode, &name::setting("LISTEN"))
            .map_err(StartError::Listen)?;
        let address = listeners.bound.clone();
        let workers = config.server.workers();
        let shutdown_timeout = config.server.shutdown_timeout;
        let keep_alive = Duration::from_secs(config.server.keep_alive);
        let site = Site::new(&config, address.port())?;
        let passkeys = config.passkeys.relying_party(&site.public_url)?;
        let http_client = HttpClient::new(product.version);
        let providers = config.accounts.providers_file.as_deref();
        let providers =
            Providers::load(providers, http_client.clone()).map_err(ConfigError::from)?;
        if !config.accounts.accepts_passwords()
            && !config.email.has_server()
            && providers.iter().next().is_none()
        {
            return Err(ConfigError::NoSignInMethod.into());
        }
        let key_check = KeyCheck::start(&store, &clock, &keys).await;
        let state = Data::new(State {
            mailer: Mailer::new(&config, &site)?,
            site,
            providers,
            http: http_client,
            store,
            metrics: Metrics::default(),
            limits: Limits::new(&config, &clock),
            clock,
            job_added: Notify::new(),
            retention_due: Notify::new(),
            waiting_sign_ins: Semaphore::new(MAX_WAITING_SIGN_INS),
            hashing: Hashing::new(
                config.accounts.hash_concurrency(),
                config.accounts.hash_cost.clone(),
            ),
            encryption: EncryptionKeys::new(&keys),
            passkeys,
            key_check,
            checked_cookies: CheckedCookies::new(config.data.cache_size()),
            last_used: LastUsedBuffer::default(),
            rejections: Rejections::default(),
            session_ends: SessionEnds::default(),
            own: OnceLock::new(),
            navigation: product.navigation(),
            draining: CancellationToken::new(),
            config,
        });
        product.build_states(own, &state).await?;
        let http = {
            let (product, state) = (product.clone(), state.clone());
            let document = Data::new(Document::of(product.clone()));
            let app = move || build(product.clone(), document.clone(), state.clone(), keys.clone());
            let mut server = HttpServer::new(app)
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
            server.run()
        };
        let (mut metrics_address, mut metrics_server, mut metrics_file) = (None, None, None);
        if let Some(place) = &state.config.server.metrics_listen {
            let mut listeners = Listeners::bind(place, mode, &name::setting("METRICS_LISTEN"))
                .map_err(StartError::Listen)?;
            metrics_address = Some(listeners.bound.clone());
            metrics_file = listeners.file.take();
            metrics_server = Some(metrics::serve(listeners, &state)?);
        }
        Ok(Self {
            address,
            metrics_address,
            state,
            location,
            http,
            jobs: product.jobs(),
            metrics: metrics_server,
            _socket_files: [listeners.file, metrics_file],
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
        let state = self.state.clone();
        let stop = CancellationToken::new();
        let metrics_server = self.metrics.as_ref().map(ActixServer::handle);
        let serving = async {
            let served = self.http.await;
            stop.cancel();
            if let Some(metrics_server) = metrics_server {
                metrics_server.stop(false).await;
            }
            served
        };
        let measured = async {
            match self.metrics {
                Some(server) => server.await,
                None => Ok(()),
            }
        };
        let (served, measured, ()) =
            tokio::join!(serving, measured, background::run(&state, &self.jobs, &stop));
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
}

/// A handle that stops the server.
#[derive(Clone)]
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

/// Builds the application of one worker thread.
#[expect(clippy::needless_pass_by_value, reason = "what it returns would borrow them")]
fn build(
    product: Product,
    document: Data<Document>,
    state: Data<State>,
    keys: SigningKeys,
) -> App<
    impl actix_web::dev::ServiceFactory<
        actix_web::dev::ServiceRequest,
        Config = (),
        Response = actix_web::dev::ServiceResponse<impl actix_web::body::MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    App::new()
        .app_data(state.clone())
        .configure(|config| {
            if let Some(own) = state.own.get() {
                own.serve(config);
            }
        })
        // An unparsable id results in 404.
        .app_data(PathConfig::default().error_handler(|_, _| Error::from(Code::NotFound).into()))
        .configure(|config| routes::configure(config, &product, &state, &keys))
        .configure(|config| docs::serve(config, &document, &state))
        .configure(|config| pages::serve(config, &product, &state, &keys))
        .default_service(web::to(routes::nothing))
        .wrap(from_fn(gate::fail_closed_without_gate))
        .wrap(from_fn(panics::catch))
        .wrap(from_fn(limit::refuse))
        .wrap(from_fn(pages::render_error_pages))
        .wrap(from_fn(pages::accept_native_forms))
        .wrap(cors::middleware(&state.site))
        .wrap(from_fn(cors::tidy))
        .wrap(from_fn(limit::count))
        .wrap(from_fn(request_context::wrap))
        .wrap(from_fn(unread_body::bound))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use actix_web::{
        HttpResponse,
        http::StatusCode,
        test::{TestRequest, init_service, read_body_json},
        web,
    };
    use serde_json::Value;

    use super::*;
    use crate::gate::Session;

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
