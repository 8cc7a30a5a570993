//! The server under test, with a database, a clock and a socket of its own.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use actix_web::web::Data;
use clap::{Args, FromArgMatches};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::{Backend, Caller, Document, PASSWORD, Reply, TestUser, log_secret_scan};
use crate::{
    app,
    config::Config,
    product::Product,
    secrets::{HashCost, LinkSecret, SigningKey},
    state::State,
    store::{
        activity::{Action, Event},
        suspension_links::{self, SuspensionLink},
        user_administration,
        users::{Changes, Role},
    },
    time::{Clock, Span, Timestamp, days},
};

/// The flags of rate limits, with values that no test reaches: many tests have many users at one IP address.
pub const UNLIMITED: [(&str, &str); 8] = [
    ("--limit-requests", "off"),
    ("--limit-sign-in", "off"),
    ("--limit-sign-up", "off"),
    ("--limit-mail", "off"),
    ("--limit-mailbox", "off"),
    ("--limit-mailbox-total", "off"),
    ("--limit-tokens", "off"),
    ("--max-failed-logins", "0"),
];

/// A server of a test's own, with its own database, its own clock, and a real socket. Dropping it stops it.
pub struct Server {
    /// A client without a credential.
    pub anonymous: Caller,
    /// The server's clock, which only the test advances.
    pub clock: Clock,
    /// What all requests share: the store, the settings, …
    pub state: Data<State>,
    /// The data folder.
    pub folder: PathBuf,
    /// The document of its product.
    pub document: Arc<Document>,
    /// The product.
    pub product: Product,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
    _folder: TempDir,
}

/// How a server is started.
pub struct Builder {
    product: Product,
    database: Place,
    settings: Vec<String>,
    folder: Option<TempDir>,
    clock: Clock,
    hash_cost: HashCost,
    on_thread: Option<Box<dyn FnOnce() + Send>>,
}

enum Place {
    New(Backend),
    At(String),
}

impl Builder {
    /// Adds settings, as the command line writes them.
    #[must_use]
    pub fn settings(mut self, settings: &[&str]) -> Self {
        self.settings.extend(settings.iter().copied().map(ToOwned::to_owned));
        self
    }

    /// Sets the moment at which the test begins. Otherwise it is now.
    #[must_use]
    pub fn at(self, moment: Timestamp) -> Self {
        Self { clock: Clock::manual(moment), ..self }
    }

    /// Uses the database at this URL: another instance's, or one that the test has prepared.
    #[must_use]
    pub fn database(self, url: &str) -> Self {
        Self { database: Place::At(url.to_owned()), ..self }
    }

    /// Uses this data folder.
    #[must_use]
    pub fn folder(self, folder: TempDir) -> Self {
        Self { folder: Some(folder), ..self }
    }

    /// Hashes passwords as slowly as in production: for races in which a hash takes part.
    #[must_use]
    pub fn slow_hashing(self) -> Self {
        Self { hash_cost: HashCost::default(), ..self }
    }

    /// Calls this on the server's thread, before it opens the database there.
    #[must_use]
    pub fn on_thread(self, prepare: impl FnOnce() + Send + 'static) -> Self {
        Self { on_thread: Some(Box::new(prepare)), ..self }
    }

    /// Starts the server.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(self) -> Server {
        let folder = self.folder.unwrap_or_else(|| TempDir::new().unwrap());
        let url = match self.database {
            Place::New(backend) => backend.new_database(&self.product, folder.path()).await,
            Place::At(url) => url,
        };
        let settings: Vec<&str> = self.settings.iter().map(String::as_str).collect();
        let mut config = config(&self.product, &url, folder.path(), &settings);
        config.accounts.hash_cost = self.hash_cost;
        log_secret_scan::search();
        let (sender, receiver) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let (product, clock) = (self.product.clone(), self.clock.clone());
        let thread = thread::spawn(move || {
            if let Some(prepare) = self.on_thread {
                prepare();
            }
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let server = app::Server::start(&product, config, clock, true)
                    .await
                    .unwrap_or_else(|error| panic!("the server does not start: {error}"));
                let handle = server.handle();
                let port = server.address.port().unwrap();
                let _ = sender.send((port, server.state.clone()));
                let drain = async {
                    let _ = stopped.await;
                    handle.drain().await;
                };
                let (served, ()) = tokio::join!(server.run(), drain);
                served.expect("the server runs");
            });
        });
        let (port, state) = receiver.await.expect("the server starts");
        let document = Document::of(&self.product);
        let anonymous = Caller::new(&format!("http://127.0.0.1:{port}"), &document);
        Server {
            anonymous,
            clock: self.clock,
            state,
            folder: folder.path().to_owned(),
            document,
            product: self.product,
            stop: Some(stop),
            thread: Some(thread),
            _folder: folder,
        }
    }
}

/// Returns the settings of a test's server with this database and data folder, and these, as the command line writes
/// them.
///
/// # Panics
/// When one is invalid.
pub fn config(product: &Product, url: &str, folder: &Path, settings: &[&str]) -> Config {
    let data = folder.display().to_string();
    let secret = SigningKey::generate().reveal();
    let fixed = [
        ("--database-url", url),
        ("--data-dir", &data),
        ("--listen", "127.0.0.1:0"),
        ("--workers", "1"),
        ("--hash-concurrency", "2"),
        ("--shutdown-timeout", "0"),
        ("--database-pool-size", "4"),
        ("--secret", &secret),
    ];
    let own: Vec<String> =
        product.custom_limits().map(|limit| format!("--limit-{}", limit.name)).collect();
    let own = own.iter().map(|flag| (flag.as_str(), "off"));
    let defaults = fixed.into_iter().chain(UNLIMITED).chain(own);
    let defaults = defaults.filter(|(flag, _)| !settings.contains(flag));
    let arguments = defaults.flat_map(|(flag, value)| [flag, value]);
    let arguments = ["test"].into_iter().chain(arguments).chain(settings.iter().copied());
    // Without the commands, which would take most of the time to parse.
    let command = Config::augment_args(clap::Command::new("test"));
    let command = product.add_settings(command);
    let matches = command.try_get_matches_from(arguments);
    let matches = matches.unwrap_or_else(|error| panic!("{error}"));
    let mut config = Config::from_arg_matches(&matches).unwrap_or_else(|error| panic!("{error}"));
    // At full cost, hashing would take most of the tests' time.
    config.accounts.hash_cost = HashCost::minimal();
    config
}

impl Server {
    /// Starts a server of a product with a new database.
    pub async fn start(product: Product, backend: Backend) -> Self {
        Self::builder(product, backend).start().await
    }

    /// Returns a builder, for a server with other settings.
    pub fn builder(product: Product, backend: Backend) -> Builder {
        Builder {
            product,
            database: Place::New(backend),
            settings: Vec::new(),
            folder: None,
            clock: Clock::manual(Clock::System.now()),
            hash_cost: HashCost::minimal(),
            on_thread: None,
        }
    }

    /// Stops the server, and waits until it has released its database.
    pub async fn stop(mut self) {
        let (stop, thread) = (self.stop.take().unwrap(), self.thread.take().unwrap());
        stop.send(()).unwrap();
        tokio::task::spawn_blocking(|| thread.join()).await.unwrap().unwrap();
    }

    /// Returns the time of the server's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Advances the server's clock.
    pub fn advance(&self, span: Span) {
        self.clock.set(self.now() + span);
    }

    /// Signs up a user of this name.
    pub async fn sign_up(&self, name: &str) -> TestUser {
        let email = format!("{name}@example.com");
        let body = json!({ "name": name, "email": email, "password": PASSWORD });
        let reply = self.set_up("/api/auth/sign-up/email", body).await;
        let cookie = reply.cookie().expect("sign-up sets the cookie");
        let user = reply.expect(200)["user"].clone();
        TestUser {
            id: user["id"].as_str().unwrap().to_owned(),
            email,
            browser: self.anonymous.with_cookie(&cookie),
        }
    }

    /// Signs up a user, and makes them a site admin.
    pub async fn sign_up_admin(&self, name: &str) -> TestUser {
        let user = self.sign_up(name).await;
        self.make_admin(user).await
    }

    /// Makes a user an admin, who then signs in again.
    pub async fn make_admin(&self, user: TestUser) -> TestUser {
        self.set_role(&user, Role::Admin).await;
        let browser = self.sign_in(&user).await;
        TestUser { browser, ..user }
    }

    /// Sets the role of a user.
    pub async fn set_role(&self, user: &TestUser, role: Role) {
        let event = Event::new(None, Action::UserUpdated, &user.id, &json!({}), self.now());
        let changes = Changes { name: None, role: Some(role), updated_at: self.now() };
        user_administration::update(&self.state.store, user.id.clone(), changes, event)
            .await
            .unwrap()
            .unwrap();
    }

    /// Deactivates a user.
    pub async fn deactivate(&self, user: &TestUser) {
        let now = self.now();
        let event = Event::new(None, Action::UserDeactivated, &user.id, &json!({}), now);
        user_administration::deactivate(&self.state.store, user.id.clone(), false, now, event)
            .await
            .unwrap()
            .unwrap();
    }

    /// Suspends a user's access, as the owner does with the link of a mail.
    pub async fn suspend(&self, user: &TestUser) {
        let secret = LinkSecret::generate();
        self.add_suspension_link(user, secret.reveal()).await;
        let body = json!({ "token": secret.reveal() });
        self.anonymous.post("/api/auth/suspend-access", body).await.expect(200);
    }

    /// Stores a link with this secret that suspends a user's access.
    pub async fn add_suspension_link(&self, user: &TestUser, secret: &str) {
        let link = SuspensionLink {
            secret_hash: LinkSecret::presented(secret.to_owned()).hash(),
            user_id: user.id.clone(),
            email: user.email.clone(),
            expires_at: self.now() + days(3),
        };
        assert!(suspension_links::issue(&self.state.store, link).await.unwrap());
    }

    /// Confirms the email of a user, who has an unused link to do so, as the mail of a sign-up has.
    pub async fn verify_email(&self, user: &TestUser) {
        let body = json!({ "token": self.last_mail_to(&user.email).await.secret() });
        self.anonymous.post("/api/auth/verify-email", body).await.expect(200);
    }

    /// Signs a user in on another device.
    pub async fn sign_in(&self, user: &TestUser) -> Caller {
        let body = json!({ "email": user.email, "password": PASSWORD });
        let reply = self.set_up("/api/auth/sign-in/email", body).await;
        let cookie =
            reply.cookie().unwrap_or_else(|| panic!("sign-in sets the cookie: {}", reply.text));
        self.anonymous.with_cookie(&cookie)
    }

    /// Sends a request that prepares a test. Where that test gives the database a second to answer, a busy machine may
    /// need longer for this one.
    async fn set_up(&self, path: &str, body: Value) -> Reply {
        for _ in 0..20 {
            let reply = self.anonymous.post(path, body.clone()).await;
            if reply.status != 503 {
                return reply;
            }
        }
        panic!("{path} is unavailable");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
        if !thread::panicking() {
            log_secret_scan::assert_nothing_found();
        }
    }
}
