//! Kills the server with SIGKILL at a random moment, and compares its database with an external journal of what
//! was acknowledged.
//!
//! The long form: `KILL_ROUNDS=500 cargo test --test api crash_recovery:: -- --nocapture`

pub mod database;
mod journal;
mod writers;

use std::{fs, path::Path, time::Duration};

use tempfile::TempDir;

use crate::support::*;
use database::Database;
use journal::Journal;
use writers::Writers;

/// The number of rounds in the short form.
const ROUNDS: usize = 8;

fn kills() -> usize {
    count_from_env("KILL_ROUNDS").unwrap_or(ROUNDS)
}

/// A server that is killed and restarted on the same database.
struct Site {
    home: TempDir,
    url: String,
    secret: String,
    database: Database,
}

impl Site {
    async fn new(backend: Backend) -> Self {
        let home = TempDir::new().unwrap();
        let url = backend.empty_database(home.path()).await;
        let secret = portcullis::secrets::SigningKey::generate().reveal();
        let database = Database::at(&url).await;
        Self { home, url, secret, database }
    }

    fn settings(&self) -> [(&str, &str); 2] {
        [("DATABASE_URL", &self.url), ("PORTCULLIS_SECRET", &self.secret)]
    }

    fn start(&self) -> ServerProcess {
        ServerProcess::start(self.home.path(), &self.settings())
    }

    /// Returns the clients that write while the server is killed: an owner of tokens, and an admin.
    async fn writers(&self) -> Writers {
        let server = self.start();
        let run = |arguments: &[&str]| {
            succeeds(run(self.home.path(), &self.settings(), arguments, PASSWORD))
        };
        run(&["user", "create", "--admin", "--name", "Root", "--email", "root@example.com"]);
        let create = ["token", "create", "--email", "root@example.com", "--name", "lock-out"];
        let token = run(&[&create[..], &["--scope", "admin,write"]].concat());
        Writers::new(&server.anonymous, token.trim()).await
    }

    /// Runs one round, and returns what was acknowledged until the server was killed.
    async fn killed_under(&self, writers: &Writers) -> Journal {
        let mut server = self.start();
        let writing = writers.begin(&server.anonymous);
        tokio::time::sleep(Duration::from_millis(rand::random_range(20..800))).await;
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        writing.end().await
    }
}

#[apply(on_both_databases)]
async fn killed_process_loses_no_acknowledged_write_and_leaves_no_partial_one(backend: Backend) {
    let site = Site::new(backend).await;
    let writers = site.writers().await;
    let mut journals = Vec::new();
    for round in 0..kills() {
        let journal = site.killed_under(&writers).await;
        let server = site.start();
        assert_eq!(site.database.faults().await, Vec::<String>::new(), "round {round}");
        assert_eq!(journal.lost(&site.database.things().await), Vec::<String>::new(), "{round}");
        journal.keys_work_as_they_should(&server.anonymous).await;
        journals.push(journal);
    }
    let things = site.database.things().await;
    let lost: Vec<_> = journals.iter().flat_map(|journal| journal.lost(&things)).collect();
    assert_eq!(lost, Vec::<String>::new());
    let mailed = mailed(&site.home.path().join("data/outbox"));
    let forgotten = site.database.users_without_a_job().await;
    let forgotten: Vec<_> = forgotten.iter().filter(|email| !mailed.contains(*email)).collect();
    assert!(forgotten.is_empty(), "neither mailed nor queued: {forgotten:?}");
    let acknowledged: usize = journals.iter().map(|journal| journal.acknowledged).sum();
    let open: usize = journals.iter().map(|journal| journal.open).sum();
    assert!(acknowledged > kills(), "too few writes were acknowledged: {acknowledged}");
    println!(
        "{backend:?}: killed {} times, {acknowledged} acknowledged writes, {open} in flight, lost {}, \
         {} mailed",
        kills(),
        lost.len(),
        mailed.len()
    );
}

#[apply(on_both_databases)]
async fn crash_check_finds_lost_reverted_and_partial_writes(backend: Backend) {
    let site = Site::new(backend).await;
    let writers = site.writers().await;
    let mut journal = site.killed_under(&writers).await;
    while !journal.has_all_kinds() {
        journal = site.killed_under(&writers).await;
    }
    assert_eq!(journal.lost(&site.database.things().await), Vec::<String>::new());
    for (damage, found) in [
        ("DELETE FROM api_tokens WHERE revoked_at IS NULL", "token"),
        ("UPDATE api_tokens SET revoked_at = NULL", "token"),
        ("UPDATE users SET deactivated_at = NULL", "lock-out"),
    ] {
        let before = journal.lost(&site.database.things().await).len();
        site.database.execute(damage).await;
        let lost = journal.lost(&site.database.things().await);
        assert!(lost.len() > before && lost.iter().any(|line| line.starts_with(found)), "{lost:?}");
    }
    for (damage, found) in [
        ("DELETE FROM accounts", "user without account"),
        ("DELETE FROM sessions", "user without session"),
        ("DELETE FROM activity", "lock-out without event"),
    ] {
        if found.starts_with("lock-out") {
            site.database.execute("UPDATE users SET deactivated_at = created_at").await;
        }
        site.database.execute(damage).await;
        let faults = site.database.faults().await;
        assert!(faults.iter().any(|fault| fault.starts_with(found)), "{faults:?}");
    }
}

#[apply(on_both_databases)]
async fn server_starts_and_serves_after_killed_starts(backend: Backend) {
    for _ in 0..kills().div_ceil(2) {
        let site = Site::new(backend).await;
        for _ in 0..2 {
            let mut starting = portcullis(site.home.path(), &site.settings()).spawn().unwrap();
            tokio::time::sleep(Duration::from_millis(rand::random_range(1..80))).await;
            starting.kill().unwrap();
            starting.wait().unwrap();
        }
        let server = site.start();
        OutageProbe::sign_up(&server.anonymous).await.assert_recovered().await;
        assert_eq!(site.database.faults().await, Vec::<String>::new());
    }
}

/// Returns the recipients of the mails in an outbox.
fn mailed(outbox: &Path) -> std::collections::HashSet<String> {
    let files = fs::read_dir(outbox).unwrap().map(|entry| entry.unwrap().path());
    let mails = files.filter(|file| file.extension().is_some_and(|extension| extension == "eml"));
    mails.map(|file| Email::parse(&fs::read(file).unwrap()).to).collect()
}
