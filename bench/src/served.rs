//! Serves one handler bare, behind the gate, and behind the alternatives that the gate is compared with.

use std::{collections::HashMap, io, path::Path, sync::mpsc, thread};

use actix_web::{
    App, HttpResponse, HttpServer,
    web::{self, Data, ServiceConfig},
};
use clap::Parser;
use portcullis::{
    app,
    config::Config,
    error::Error,
    gate::{Session, cookie},
    pages,
    product::Product,
    secrets::SigningKey,
    state::State,
    store::jobs::{self, NewJob},
    time::{Clock, days},
};

use crate::jwt::{Check, Claims};

const GREETING: &str = r#"{"message":"Hello"}"#;

/// What the handler is served behind. Each variant has an application of its own, so that the position of a
/// route in the router makes no difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Behind {
    Nothing,
    Jwt,
    ActixSession,
    Gate,
    /// The gate, before a handler that writes a row.
    GateWriting,
}

impl Behind {
    pub const ALL: [Self; 5] =
        [Self::Nothing, Self::Jwt, Self::ActixSession, Self::Gate, Self::GateWriting];

    /// Registers the handler in an application.
    pub fn serve(self, config: &mut ServiceConfig, state: &Data<State>, key: &SigningKey) {
        config.app_data(state.clone()).app_data(Data::new(Check::with(key)));
        config.service(match self {
            Self::Nothing => web::resource("/").route(web::get().to(greet)),
            Self::Jwt => web::resource("/").route(web::get().to(greet_claims)),
            Self::ActixSession => web::resource("/")
                .route(web::get().to(greet).wrap(cookie::middleware(&state.site, key))),
            Self::Gate => pages::page("/", greet_session, state, &key.clone().into()),
            Self::GateWriting => pages::page("/", write, state, &key.clone().into()),
        });
    }
}

/// Servers on one database, running until this process ends.
pub struct Served {
    pub state: Data<State>,
    urls: HashMap<Behind, String>,
}

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    config: Config,
}

impl Served {
    pub fn start(
        database: &str,
        folder: &Path,
        key: &SigningKey,
        workers: usize,
        room: usize,
    ) -> io::Result<Self> {
        let (workers_text, room, secret) = (workers.to_string(), room.to_string(), key.reveal());
        let settings = [
            "bench",
            "--database-url",
            database,
            "--data-dir",
            folder.to_str().unwrap_or_default(),
            "--listen",
            "127.0.0.1:0",
            "--secret",
            &secret,
            "--workers",
            &workers_text,
            "--cache-size",
            &room,
            "--limit-requests",
            "off",
            // Adding many users in one transaction takes longer than a request may.
            "--database-timeout",
            "300",
        ];
        let config = Settings::parse_from(settings).config;
        let key = key.clone();
        let (sender, receiver) = mpsc::channel();
        let thread = thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                // Starts all of Portcullis, for its state and its background work; what is measured is a
                // handler beside it.
                let product = Product::new("Portcullis", env!("CARGO_PKG_VERSION"));
                let whole = app::Server::start(&product, config, Clock::System, true).await;
                let whole = whole.map_err(io::Error::other)?;
                let state = whole.state.clone();
                let mut urls = HashMap::new();
                for behind in Behind::ALL {
                    let (state, key) = (state.clone(), key.clone());
                    let server = HttpServer::new(move || {
                        App::new().configure(|config| behind.serve(config, &state, &key))
                    });
                    let server = server.workers(workers).disable_signals().bind("127.0.0.1:0")?;
                    urls.insert(behind, format!("http://{}/", server.addrs()[0]));
                    actix_web::rt::spawn(server.run());
                }
                let _ = sender.send(Self { state, urls });
                whole.run().await
            })
        });
        receiver.recv().map_err(|_| match thread.join() {
            Ok(Err(error)) => error,
            _ => io::Error::other("the server ended before it began"),
        })
    }

    /// Returns the URL of the handler behind `behind`.
    #[must_use]
    pub fn url(&self, behind: Behind) -> &str {
        &self.urls[&behind]
    }
}

async fn greet() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(GREETING)
}

async fn greet_claims(_: Claims) -> HttpResponse {
    greet().await
}

async fn greet_session(_: Option<Session>) -> HttpResponse {
    greet().await
}

/// Writes a row: measures the gate for a request that changes something.
async fn write(session: Session, state: Data<State>) -> Result<HttpResponse, Error> {
    let now = state.clock.now();
    // No worker runs a job of this kind.
    let job = NewJob::new("bench", "{}".to_owned(), Some(&session.user.id), now);
    jobs::add(&state.store, job.due_at(now + days(1))).await?;
    Ok(greet().await)
}
