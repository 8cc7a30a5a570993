use std::{env, ffi::OsString, path::PathBuf, thread, time::Duration};

use actix_web::web::Data;
use clap::Parser;
use portcullis::{
    app,
    config::Config,
    product::Product,
    secrets::{HashCost, LinkSecret, NewPassword, Password, PasswordContext, PlainToken},
    state::State,
    store::{
        self,
        activity::{Action, Event},
        first_admin,
        retention::{self, Due},
        suspension_links::{self, SuspensionLink},
        user_administration,
        users::{Changes, Role},
    },
    time::{Clock, Span, Timestamp, days, seconds},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::{Caller, Reply, databases::postgres_server, log_secret_scan};

/// A password that every check accepts.
pub const PASSWORD: &str = "correct horse battery staple";

/// Returns a password that a user may choose.
pub fn new_password(text: &str) -> NewPassword {
    let nothing_known = PasswordContext::new("", "", "");
    Password::new(text.to_owned()).choose(&nothing_known).expect("the password passes the rules")
}

/// Returns the product under test.
pub fn product() -> Product {
    Product::new("Portcullis", env!("CARGO_PKG_VERSION"))
        .about(env!("CARGO_PKG_DESCRIPTION"))
        .license(env!("CARGO_PKG_LICENSE"))
        .with(crate::projects::component())
}

/// Returns the folders of all migrations for a database, in the order in which they are applied.
pub fn migration_folders(side: &str) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for migrations in ["migrations", "src/projects/migrations"] {
        let folder = format!("{}/{migrations}/{side}", env!("CARGO_MANIFEST_DIR"));
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut entries: Vec<PathBuf> = entries.collect();
        entries.sort();
        folders.append(&mut entries);
    }
    folders
}

/// The database that a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// A server of a test's own, with its own database, its own clock, and a real socket.
pub struct Server {
    pub anonymous: Caller,
    pub clock: Clock,
    pub state: Data<State>,
    pub folder: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
    _folder: TempDir,
}

/// A user with an account.
pub struct TestUser {
    pub id: String,
    pub email: String,
    /// The user's browser, signed in by cookie.
    pub browser: Caller,
}

/// The settings of rate limits, as flags and in the environment, with values that no test reaches.
pub const UNLIMITED: [(&str, &str, &str); 8] = [
    ("--limit-requests", "PORTCULLIS_LIMIT_REQUESTS", "off"),
    ("--limit-sign-in", "PORTCULLIS_LIMIT_SIGN_IN", "off"),
    ("--limit-sign-up", "PORTCULLIS_LIMIT_SIGN_UP", "off"),
    ("--limit-mail", "PORTCULLIS_LIMIT_MAIL", "off"),
    ("--limit-mailbox", "PORTCULLIS_LIMIT_MAILBOX", "off"),
    ("--limit-mailbox-total", "PORTCULLIS_LIMIT_MAILBOX_TOTAL", "off"),
    ("--limit-tokens", "PORTCULLIS_LIMIT_TOKENS", "off"),
    ("--max-failed-logins", "PORTCULLIS_MAX_FAILED_LOGINS", "0"),
];

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    config: Config,
}

impl Backend {
    /// Returns the URL of a new database.
    pub async fn database(self, folder: &std::path::Path) -> String {
        match self {
            Self::Sqlite => format!("sqlite:{}", folder.join("portcullis.db").display()),
            Self::Postgres => postgres_server::database().await,
        }
    }

    /// Returns the URL of a new database without tables.
    pub async fn empty_database(self, folder: &std::path::Path) -> String {
        match self {
            Self::Sqlite => format!("sqlite:{}", folder.join("portcullis.db").display()),
            Self::Postgres => postgres_server::empty_database().await,
        }
    }

    /// Returns the database of a server.
    pub fn of_server(server: &Server) -> Self {
        match server.state.store.database() {
            store::Database::Sqlite(_) => Self::Sqlite,
            store::Database::Postgres(_) => Self::Postgres,
        }
    }

    /// Creates the tables of a database.
    pub async fn migrate(self, url: &str) {
        store::Store::migrate(&store::Location::parse(url, None).unwrap(), &product().tables())
            .await
            .unwrap();
    }

    pub async fn start(self) -> Server {
        self.start_with(&[]).await
    }

    /// Starts a server whose clock is set to this moment.
    pub async fn start_at(self, moment: Timestamp) -> Server {
        let folder = TempDir::new().unwrap();
        let url = self.database(folder.path()).await;
        Server::with_clock(&url, folder, &[], Clock::manual(moment)).await
    }

    /// Starts a server that hashes passwords as slowly as in production: for races in which a hash takes part.
    pub async fn start_with_slow_hashing(self, settings: &[&str]) -> Server {
        let folder = TempDir::new().unwrap();
        let url = self.database(folder.path()).await;
        let mut config = config(&url, folder.path(), settings);
        config.accounts.hash_cost = HashCost::default();
        Server::configured(config, &url, folder, Clock::manual(Clock::System.now())).await
    }

    /// Starts a server with further settings, as the command line writes them.
    pub async fn start_with(self, settings: &[&str]) -> Server {
        let folder = TempDir::new().unwrap();
        let url = self.database(folder.path()).await;
        Server::on(&url, folder, settings).await
    }
}

/// Returns the certificate authority of PostgreSQL's server.
pub async fn certificate_authority() -> PathBuf {
    postgres_server::certificate_authority().await
}

/// Returns a PATH on which the programs of the PostgreSQL server's own version come first; for an external
/// server, the installed ones.
pub fn path_to_postgresql() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let first = env::var_os("TEST_DATABASE_URL").is_none().then(postgres_server::binaries);
    env::join_paths(first.into_iter().chain(env::split_paths(&path))).unwrap()
}

/// Parses settings as the command line does, ignoring the environment of this machine.
pub fn config(url: &str, folder: &std::path::Path, settings: &[&str]) -> Config {
    let data = folder.display().to_string();
    let secret = portcullis::secrets::SigningKey::generate().reveal();
    let fixed = [
        "test",
        "--database-url",
        url,
        "--data-dir",
        &data,
        "--listen",
        "127.0.0.1:0",
        "--workers",
        "1",
        "--hash-concurrency",
        "2",
        "--shutdown-timeout",
        "0",
    ];
    // Many tests have many users at one IP address. A test of a limit sets it.
    let given = |name: &str| settings.contains(&name);
    let unlimited = UNLIMITED.iter().filter(|(flag, ..)| !given(flag));
    let unlimited = unlimited.flat_map(|(flag, _, value)| [*flag, *value]);
    let pool = ["--database-pool-size", "4"];
    let pool = pool.into_iter().filter(|_| !given(pool[0]));
    let secret = ["--secret", &secret];
    let secret = secret.into_iter().filter(|_| !given(secret[0]));
    let settings = settings.iter().copied();
    let arguments = fixed.into_iter().chain(unlimited).chain(pool).chain(secret).chain(settings);
    // At full cost, hashing would take most of the tests' time.
    let mut config = Settings::parse_from(arguments).config;
    config.accounts.hash_cost = HashCost::minimal();
    config
}

impl Server {
    pub async fn on(url: &str, folder: TempDir, settings: &[&str]) -> Self {
        Self::with_clock(url, folder, settings, Clock::manual(Clock::System.now())).await
    }

    async fn with_clock(url: &str, folder: TempDir, settings: &[&str], clock: Clock) -> Self {
        let config = config(url, folder.path(), settings);
        Self::configured(config, url, folder, clock).await
    }

    async fn configured(config: Config, url: &str, folder: TempDir, clock: Clock) -> Self {
        log_secret_scan::search();
        let (sender, receiver) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let ticking = clock.clone();
        let watched = url.to_owned();
        let thread = thread::spawn(move || {
            super::databases::statements::adopt(&watched);
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let server = app::Server::start(&product(), config, ticking, true)
                    .await
                    .expect("the server starts");
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
        let anonymous = Caller::anonymous(&format!("http://127.0.0.1:{port}"));
        let path = folder.path().to_owned();
        Self {
            anonymous,
            clock,
            state,
            folder: path,
            stop: Some(stop),
            thread: Some(thread),
            _folder: folder,
        }
    }

    /// Stops the server, and waits until it has released its database.
    pub async fn stop(mut self) {
        let (stop, thread) = (self.stop.take().unwrap(), self.thread.take().unwrap());
        stop.send(()).unwrap();
        tokio::task::spawn_blocking(|| thread.join()).await.unwrap().unwrap();
    }

    /// Writes the noted uses, as the server does every few seconds: their times, and the extended ends of
    /// sessions.
    pub async fn write_last_uses(&self) {
        self.state.last_used.flush(&self.state.store).await.unwrap();
        self.state.session_ends.flush(&self.state.store).await.unwrap();
    }

    /// Deletes all expired rows now, with events kept for this long. The databases' triggers use the
    /// machine's clock: a test that advances by days starts in the past.
    pub async fn delete_old_rows(&self, keep_activity: Span) -> usize {
        let due = Due { now: self.now(), keep_activity };
        retention::complete(&self.state.store, due, 2).await.unwrap()
    }

    /// Waits until all rows of deleted accounts are gone.
    pub async fn wait_for_deletions(&self) {
        let sql = "SELECT id AS value FROM users WHERE deleted_at IS NOT NULL";
        for _ in 0..1500 {
            if crate::support::select(self, sql).await.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("some rows of deleted accounts are left after 30 seconds");
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

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

    /// Signs in with a mailed link, which creates the user of a new email.
    pub async fn sign_in_by_link(&self, email: &str) -> Caller {
        let body = json!({ "email": email });
        self.anonymous.post("/api/auth/sign-in/magic-link", body).await.expect(200);
        let body = json!({ "token": self.last_mail_to(email).await.secret() });
        let reply = self.anonymous.post("/api/auth/magic-link/verify", body).await;
        self.anonymous.with_cookie(&reply.cookie().expect("the link signs in"))
    }

    /// Signs up a user of this name with a mailed link, without a password.
    pub async fn sign_up_by_link(&self, name: &str) -> TestUser {
        let email = format!("{name}@example.com");
        let browser = self.sign_in_by_link(&email).await;
        let me = browser.get("/api/me").await.expect(200);
        TestUser { id: me["user"]["id"].as_str().unwrap().to_owned(), email, browser }
    }

    /// Issues a link like the one that a server without an admin prints when it starts, and returns its secret.
    pub async fn issue_setup_link(&self) -> String {
        let secret = LinkSecret::generate();
        let until = self.now() + seconds(30 * 60);
        assert!(first_admin::issue(&self.state.store, secret.hash(), until).await.unwrap());
        secret.reveal().to_owned()
    }

    /// Sends a request that prepares a test. Where that test gives the database a second to answer, a busy
    /// machine may need longer for this one.
    async fn set_up(&self, path: &str, body: Value) -> Reply {
        for _ in 0..20 {
            let reply = self.anonymous.post(path, body.clone()).await;
            if reply.status != 503 {
                return reply;
            }
        }
        panic!("{path} is unavailable");
    }

    /// Signs up a user, and makes them a site admin.
    pub async fn sign_up_admin(&self, name: &str) -> TestUser {
        let person = self.sign_up(name).await;
        self.make_admin(person).await
    }

    /// Makes a user an admin, who then signs in again.
    pub async fn make_admin(&self, person: TestUser) -> TestUser {
        self.set_role(&person, Role::Admin).await;
        let browser = self.sign_in(&person).await;
        TestUser { browser, ..person }
    }

    pub async fn set_role(&self, person: &TestUser, role: Role) {
        let event = Event::new(None, Action::UserUpdated, &person.id, &json!({}), self.now());
        let changes = Changes { name: None, role: Some(role), updated_at: self.now() };
        user_administration::update(&self.state.store, person.id.clone(), changes, event)
            .await
            .unwrap()
            .unwrap();
    }

    /// Stores a link with this secret that suspends a user's access.
    pub async fn add_suspension_link(&self, person: &TestUser, secret: &str) {
        let link = SuspensionLink {
            secret_hash: LinkSecret::presented(secret.to_owned()).hash(),
            user_id: person.id.clone(),
            email: person.email.clone(),
            expires_at: self.now() + days(3),
        };
        assert!(suspension_links::issue(&self.state.store, link).await.unwrap());
    }

    /// Suspends a user's access, as the owner does with the link of a mail.
    pub async fn suspend(&self, person: &TestUser) {
        let secret = LinkSecret::generate();
        self.add_suspension_link(person, secret.reveal()).await;
        let body = json!({ "token": secret.reveal() });
        self.anonymous.post("/api/auth/suspend-access", body).await.expect(200);
    }

    /// Signs a user in on another device.
    pub async fn sign_in(&self, person: &TestUser) -> Caller {
        let body = json!({ "email": person.email, "password": PASSWORD });
        let reply = self.set_up("/api/auth/sign-in/email", body).await;
        let cookie =
            reply.cookie().unwrap_or_else(|| panic!("sign-in sets the cookie: {}", reply.text));
        self.anonymous.with_cookie(&cookie)
    }

    /// A well-formed token that was never created.
    pub fn unknown_token() -> String {
        PlainToken::generate("sk_live_").reveal().to_owned()
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

impl TestUser {
    /// Creates a token with these scopes.
    pub async fn token(&self, scopes: &[&str]) -> Caller {
        let created = self.create_token(json!({ "name": "test", "scopes": scopes })).await;
        self.browser.with_token(created["token"].as_str().unwrap())
    }

    /// Creates a token, and returns the whole response.
    pub async fn create_token(&self, body: Value) -> Value {
        self.browser.post("/api/tokens", body).await.expect(201)
    }
}
