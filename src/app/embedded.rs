//! The gate in an existing actix application, which keeps its server and its own routes.

use std::fmt;

use actix_web::{
    App, Resource,
    body::MessageBody,
    dev::{Server as ActixServer, ServiceFactory, ServiceRequest, ServiceResponse},
    http::Method,
    web::Data,
};

use super::{
    GatedResource, StartError, application::Application, metrics::MetricsServer, opened::Opened,
    run,
};
use crate::{
    cli, config::Config, jobs::Jobs, name, operations::Operation, product::Product, routes,
    state::State, time::Clock,
};

/// The port of the public URL, unless the settings contain one: the application decides where it listens.
const DEFAULT_PORT: u16 = 8080;

/// A product inside an application that has a server of its own.
///
/// ```no_run
/// use actix_web::{HttpResponse, HttpServer, Responder, web};
/// use portcullis::{app::Embedded, gate::Session, product::Product};
///
/// async fn show_window() -> impl Responder {
///     "Open from 9 to 5"
/// }
///
/// async fn list_orders(session: Session) -> impl Responder {
///     format!("The orders of {}", session.user.name)
/// }
///
/// #[actix_web::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let portcullis = Embedded::start(Product::new("Shop", "1.0.0")).await?;
///     let gate = portcullis.gate();
///     let server = HttpServer::new(move || {
///         gate.app()
///             .route("/", web::get().to(show_window))
///             .service(gate.resource("/orders").get(list_orders))
///     })
///     .bind(("127.0.0.1", 8080))?
///     .run();
///     portcullis.run(server).await?;
///     Ok(())
/// }
/// ```
pub struct Embedded {
    gate: Gate,
    jobs: Jobs,
    metrics: Option<MetricsServer>,
}

impl Embedded {
    /// Reads the settings from the environment, opens the database and runs pending migrations.
    ///
    /// The variables are those of the product's own server, such as `SHOP_SECRET`, and are checked as strictly; but not
    /// where to listen, which the application decides.
    ///
    /// # Errors
    /// When the parts of the product do not fit together, a setting is invalid, or the database unusable.
    pub async fn start(product: Product) -> Result<Self, EmbedError> {
        let (config, migrate) = cli::settings_of_environment(&product)?;
        if config.server.listen.is_some() {
            let setting = name::setting("LISTEN");
            return Err(EmbedError(format!(
                "{setting}: this application decides where it listens"
            )));
        }
        Self::open(&product, config, Clock::System, migrate).await
    }

    /// Starts with these settings and this clock, for tests.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with(
        product: &Product,
        config: Config,
        clock: Clock,
    ) -> Result<Self, EmbedError> {
        Self::open(product, config, clock, true).await
    }

    async fn open(
        product: &Product,
        config: Config,
        clock: Clock,
        migrate: bool,
    ) -> Result<Self, EmbedError> {
        let opened = Opened::open(product, config, migrate).await?;
        let application = opened.build(clock, Some(DEFAULT_PORT)).await?;
        let metrics = MetricsServer::start(&application.state)?;
        Ok(Self { gate: Gate(application), jobs: product.jobs(), metrics })
    }

    /// Returns the gate, from which the application of each worker thread is built.
    #[must_use]
    pub fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// Runs the application's server until it is stopped, and beside it the jobs and the other work in the background; then
    /// finishes the jobs that have begun, and writes what is buffered in memory.
    ///
    /// # Errors
    /// When the server fails.
    pub async fn run(self, server: ActixServer) -> std::io::Result<()> {
        run::run(server, self.metrics, self.gate.state(), &self.jobs).await
    }
}

/// Builds an application around the gate.
#[derive(Clone)]
pub struct Gate(Application);

impl Gate {
    /// Returns an application with all routes of the product, the pages and the middleware, to which the existing one adds
    /// its own: it takes the place of `App::new()`.
    ///
    /// What is added with `route` and `service` is outside the gate, as before, except for [`Self::resource`]. A handler
    /// that asks for a `Session` or an `Option<Session>` there responds with an internal error. A path of the product takes
    /// precedence; `/` belongs to the application.
    #[must_use]
    pub fn app(
        &self,
    ) -> App<
        impl ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<impl MessageBody + use<>>,
            Error = actix_web::Error,
            InitError = (),
        > + use<>,
    > {
        self.0.build(false)
    }

    /// Returns a path behind the gate, to which handlers are added.
    #[must_use]
    pub fn resource(&self, path: &str) -> GatedResource {
        GatedResource::new(path, self.clone())
    }

    /// Returns what all requests share: the store, the settings, the clock, … Handlers have it as `Data<State>`.
    #[must_use]
    pub fn state(&self) -> &Data<State> {
        &self.0.state
    }

    /// Adds a handler's route for these methods.
    pub(super) fn serve(
        &self,
        resource: Resource,
        accepted: &[Method],
        row: &Operation,
    ) -> Resource {
        routes::serve(resource, accepted, row, &self.0.state, &self.0.keys)
    }
}

/// Why the gate of an application does not start, in one line. `Debug` is the same text, because that is what `main` prints
/// of the error that it returns.
#[derive(thiserror::Error)]
#[error("{0}")]
pub struct EmbedError(String);

impl fmt::Debug for EmbedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<StartError> for EmbedError {
    fn from(error: StartError) -> Self {
        Self(name::in_text(&error.to_string()).into_owned())
    }
}

impl From<cli::Failure> for EmbedError {
    fn from(error: cli::Failure) -> Self {
        Self(name::in_text(&error.to_string()).into_owned())
    }
}
