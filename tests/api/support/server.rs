//! The server of these tests: the shipped product, with the library's own settings and tables at hand.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use portcullis::{
    config::Config,
    product::Product,
    secrets::{LinkSecret, NewPassword, Password, PasswordContext, PlainToken},
    store::{
        first_admin,
        retention::{self, Due},
    },
    testkit::{self, Document},
    time::{Span, Timestamp, seconds},
};
use tempfile::TempDir;

use super::{Backend, Caller, Server, TestUser, UNLIMITED, databases::statements, json, select};

/// Returns the product under test.
pub fn product() -> Product {
    Product::new("Portcullis", env!("CARGO_PKG_VERSION"))
        .about(env!("CARGO_PKG_DESCRIPTION"))
        .license(env!("CARGO_PKG_LICENSE"))
        .with(crate::projects::component())
        .with_command(crate::new::command(), crate::new::run)
}

/// Returns its document.
pub fn document() -> Arc<Document> {
    Document::of(&product())
}

/// Returns a client without a credential of the server at this URL.
pub fn anonymous(base: &str) -> Caller {
    Caller::new(base, &document())
}

/// Returns a password that a user may choose.
pub fn new_password(text: &str) -> NewPassword {
    let nothing_known = PasswordContext::new("", "", "");
    Password::new(text.to_owned()).choose(&nothing_known).expect("the password passes the rules")
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

/// Returns a PATH on which the programs of the PostgreSQL server's own version come first; for an external
/// server, the installed ones.
pub fn path_to_postgresql() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let own = env::var_os("TEST_DATABASE_URL").is_none();
    let first = own.then(|| testkit::binaries().to_owned());
    env::join_paths(first.into_iter().chain(env::split_paths(&path))).unwrap()
}

/// Returns the settings of a test's server.
pub fn config(url: &str, folder: &Path, settings: &[&str]) -> Config {
    testkit::config(&product(), url, folder, settings)
}

/// Returns the rate limits that no test reaches, as variables of the environment.
pub fn unlimited() -> impl Iterator<Item = (String, &'static str)> {
    UNLIMITED.into_iter().map(|(flag, value)| {
        let name = flag.trim_start_matches('-').replace('-', "_").to_ascii_uppercase();
        (format!("PORTCULLIS_{name}"), value)
    })
}

/// Starts the product under test on a database.
pub trait Start {
    /// Starts a server.
    async fn start(self) -> Server;

    /// Starts a server with further settings, as the command line writes them.
    async fn start_with(self, settings: &[&str]) -> Server;

    /// Starts a server whose clock is set to this moment.
    async fn start_at(self, moment: Timestamp) -> Server;

    /// Starts a server that hashes passwords as slowly as in production: for races in which a hash takes part.
    async fn start_with_slow_hashing(self, settings: &[&str]) -> Server;

    /// Returns the URL of a new database.
    async fn database(self, folder: &Path) -> String;

    /// Creates the tables of a database.
    async fn migrate(self, url: &str);
}

impl Start for Backend {
    async fn start(self) -> Server {
        self.start_with(&[]).await
    }

    async fn start_with(self, settings: &[&str]) -> Server {
        let folder = TempDir::new().unwrap();
        Server::on(&self.database(folder.path()).await, folder, settings).await
    }

    async fn start_at(self, moment: Timestamp) -> Server {
        Server::builder(product(), self).at(moment).start().await
    }

    async fn start_with_slow_hashing(self, settings: &[&str]) -> Server {
        Server::builder(product(), self).settings(settings).slow_hashing().start().await
    }

    async fn database(self, folder: &Path) -> String {
        self.new_database(&product(), folder).await
    }

    async fn migrate(self, url: &str) {
        self.create_tables(&product(), url).await;
    }
}

/// What only the tests of the library do with a server.
pub trait LibraryServer {
    /// Starts a server on this database.
    async fn on(url: &str, folder: TempDir, settings: &[&str]) -> Self;

    /// Writes the noted uses, as the server does every few seconds: their times, and the extended ends of
    /// sessions.
    async fn write_last_uses(&self);

    /// Deletes all expired rows now, with events kept for this long. The databases' triggers use the
    /// machine's clock: a test that advances by days starts in the past.
    async fn delete_old_rows(&self, keep_activity: Span) -> usize;

    /// Waits until all rows of deleted accounts are gone.
    async fn wait_for_deletions(&self);

    /// Signs in with a mailed link, which creates the user of a new email.
    async fn sign_in_by_link(&self, email: &str) -> Caller;

    /// Signs up a user of this name with a mailed link, without a password.
    async fn sign_up_by_link(&self, name: &str) -> TestUser;

    /// Issues a link like the one that a server without an admin prints when it starts, and returns its secret.
    async fn issue_setup_link(&self) -> String;

    /// A well-formed token that was never created.
    fn unknown_token() -> String {
        PlainToken::generate("sk_live_").reveal().to_owned()
    }
}

impl LibraryServer for Server {
    async fn on(url: &str, folder: TempDir, settings: &[&str]) -> Self {
        let watched = url.to_owned();
        let builder = Self::builder(product(), Backend::Sqlite).database(url).folder(folder);
        let adopt = move || statements::adopt(&watched);
        builder.settings(settings).on_thread(adopt).start().await
    }

    async fn write_last_uses(&self) {
        self.state.last_used.flush(&self.state.store).await.unwrap();
        self.state.session_ends.flush(&self.state.store).await.unwrap();
    }

    async fn delete_old_rows(&self, keep_activity: Span) -> usize {
        let due = Due { now: self.now(), keep_activity };
        retention::complete(&self.state.store, due, 2).await.unwrap()
    }

    async fn wait_for_deletions(&self) {
        let sql = "SELECT id AS value FROM users WHERE deleted_at IS NOT NULL";
        for _ in 0..1500 {
            if select(self, sql).await.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("some rows of deleted accounts are left after 30 seconds");
    }

    async fn sign_in_by_link(&self, email: &str) -> Caller {
        let body = json!({ "email": email });
        self.anonymous.post("/api/auth/sign-in/magic-link", body).await.expect(200);
        let body = json!({ "token": self.last_mail_to(email).await.secret() });
        let reply = self.anonymous.post("/api/auth/magic-link/verify", body).await;
        self.anonymous.with_cookie(&reply.cookie().expect("the link signs in"))
    }

    async fn sign_up_by_link(&self, name: &str) -> TestUser {
        let email = format!("{name}@example.com");
        let browser = self.sign_in_by_link(&email).await;
        let me = browser.get("/api/me").await.expect(200);
        TestUser { id: me["user"]["id"].as_str().unwrap().to_owned(), email, browser }
    }

    async fn issue_setup_link(&self) -> String {
        let secret = LinkSecret::generate();
        let until = self.now() + seconds(30 * 60);
        assert!(first_admin::issue(&self.state.store, secret.hash(), until).await.unwrap());
        secret.reveal().to_owned()
    }
}
