//! Backups that are made while the server writes, and their restore elsewhere.

use std::{
    collections::HashSet,
    fs,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use diesel::{
    Connection, RunQueryDsl, SqliteConnection, connection::SimpleConnection, sql_query,
    sql_types::BigInt,
};
use portcullis::{secrets::SigningKey, store::backup::faults};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::{contract::readme, support::*};

const BACK_UP: &str = include_str!("../../../docs/how-to/back-up.md");

/// What is true of a site when its backup begins.
struct Site {
    cookie: String,
    token: String,
    signed_out: String,
    revoked: String,
    locked: String,
    /// A token that is revoked after the backup: a restore brings it back.
    revoked_later: String,
    revoked_later_id: String,
}

impl Site {
    async fn of(server: &ServerProcess, operator: impl Fn(&[&str])) -> Self {
        let cookie = |reply: Reply| reply.cookie().expect(&reply.text);
        let sign_up = async |name: &str| {
            let email = format!("{name}@example.com");
            let body = json!({ "name": name, "email": email, "password": PASSWORD });
            cookie(server.anonymous.post("/api/auth/sign-up/email", body).await)
        };
        let ada = server.anonymous.with_cookie(&sign_up("ada").await);
        let credentials = json!({ "email": "ada@example.com", "password": PASSWORD });
        let signed_out =
            cookie(server.anonymous.post("/api/auth/sign-in/email", credentials).await);
        let phone = server.anonymous.with_cookie(&signed_out);
        phone.post("/api/auth/sign-out", json!({})).await.expect(200);
        let token = async || {
            let created = ada.post("/api/tokens", json!({ "name": "test" })).await.expect(201);
            ["token", "id"].map(|field| created[field].as_str().unwrap().to_owned())
        };
        let [live, _] = token().await;
        let [revoked, id] = token().await;
        ada.delete(&format!("/api/tokens/{id}")).await.expect(204);
        let [revoked_later, revoked_later_id] = token().await;
        let locked = sign_up("grace").await;
        operator(&["user", "deactivate", "grace@example.com"]);
        let cookie = ada.cookie.unwrap();
        Self { cookie, token: live, signed_out, revoked, locked, revoked_later, revoked_later_id }
    }

    /// Asserts that a server serves all of it after a restore, and nothing else.
    async fn is_served_by(&self, server: &ServerProcess) {
        let (cookie, token) = (
            |credential| server.anonymous.with_cookie(credential),
            |credential| server.anonymous.with_token(credential),
        );
        cookie(&self.cookie).get("/api/me").await.expect(200);
        token(&self.token).get("/api/me").await.expect(200);
        token(&self.revoked).get("/api/me").await.assert_problem(401, "token_invalid");
        for gone in [&self.signed_out, &self.locked] {
            cookie(gone).get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
        }
        token(&self.revoked_later).get("/api/me").await.expect(200);
        let ada = json!({ "email": "ada@example.com", "password": PASSWORD });
        server.anonymous.post("/api/auth/sign-in/email", ada).await.expect(200);
        cookie(&self.cookie).post(TOKENS, json!({ "name": "after" })).await.expect(201);
    }
}

/// Writers that run until they are stopped, and what was acknowledged to them.
struct Load {
    done: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
    writers: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn start(browser: &Caller) -> Self {
        let (done, stop) = (Arc::new(Mutex::new(Vec::new())), CancellationToken::new());
        let writers = (0..4).map(|_| {
            let (browser, done, stop) = (browser.clone(), Arc::clone(&done), stop.clone());
            tokio::spawn(async move {
                while !stop.is_cancelled() {
                    let created = browser.post(TOKENS, json!({ "name": LOAD })).await.expect(201);
                    done.lock().unwrap().push(created["id"].as_str().unwrap().to_owned());
                }
            })
        });
        let writers = writers.collect();
        Self { done, stop, writers }
    }

    fn so_far(&self) -> HashSet<String> {
        self.done.lock().unwrap().iter().cloned().collect()
    }

    /// Waits until this many more writes are acknowledged.
    async fn goes_on(&self, more: usize) {
        let enough = self.so_far().len() + more;
        while self.so_far().len() < enough {
            assert!(
                !self.writers.iter().any(tokio::task::JoinHandle::is_finished),
                "a writer failed"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn stop(self) -> HashSet<String> {
        self.stop.cancel();
        for writer in self.writers {
            writer.await.unwrap();
        }
        self.done.lock().unwrap().iter().cloned().collect()
    }
}

/// The name of the tokens that the writers create.
const LOAD: &str = "load";

/// Returns the ids of all tokens that the writers have created.
async fn written(script: &Caller) -> HashSet<String> {
    let (mut all, mut cursor) = (HashSet::new(), String::new());
    loop {
        let page = script.get(&format!("{TOKENS}?limit=100{cursor}")).await.expect(200);
        let items = page["items"].as_array().unwrap().iter().filter(|item| item["name"] == LOAD);
        all.extend(items.map(|item| item["id"].as_str().unwrap().to_owned()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

/// Runs commands of the documentation, with the program under test.
async fn shell(folder: &Path, settings: &[(&str, &str)], commands: &str) {
    let script = commands.replace("target/release/portcullis", env!("CARGO_BIN_EXE_portcullis"));
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &script]).current_dir(folder);
    bash.env_clear().env("PATH", path_to_postgresql()).envs(settings.iter().copied());
    let output = tokio::task::spawn_blocking(move || bash.output()).await.unwrap().unwrap();
    succeeds(output);
}

#[cfg(unix)]
fn is_for_our_eyes_only(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
}

/// Makes a backup while the server writes. Returns what the backup must contain, and what it may contain.
async fn back_up(
    home: &Path,
    settings: &[(&str, &str)],
    commands: &str,
) -> (Site, HashSet<String>, HashSet<String>) {
    let server = ServerProcess::start(home, settings);
    let operator = |arguments: &[&str]| drop(succeeds(run(home, settings, arguments, "")));
    let site = Site::of(&server, operator).await;
    let load = Load::start(&server.anonymous.with_cookie(&site.cookie));
    load.goes_on(50).await;
    let before = load.so_far();
    shell(home, settings, commands).await;
    operator(&["token", "revoke", &site.revoked_later_id]);
    load.goes_on(50).await;
    let all = load.stop().await;
    // The server is killed here, so that a restore meets the files that it leaves behind.
    (site, before, all)
}

async fn is_restored(
    server: &ServerProcess,
    (site, before, all): &(Site, HashSet<String>, HashSet<String>),
) {
    let restored = written(&server.anonymous.with_token(&site.token)).await;
    assert!(
        restored.is_superset(before),
        "the restore has every write that was acknowledged before the backup began"
    );
    assert!(all.is_superset(&restored), "the restore has no other rows");
    assert!(restored.len() < all.len(), "the restore is as of the backup");
    site.is_served_by(server).await;
}

#[tokio::test]
async fn sqlite_backup_under_load_is_restored_by_the_documented_steps() {
    let [backup, restore] =
        readme::commands(BACK_UP, "## Back up SQLite", "## Back up PostgreSQL")[..]
    else {
        panic!("two blocks");
    };
    let home = TempDir::new().unwrap();
    let state = back_up(home.path(), &[], backup).await;
    let copy = home.path().join("portcullis.backup");
    assert_eq!(faults(&copy).unwrap(), [""; 0]);
    is_for_our_eyes_only(&copy);

    let elsewhere = TempDir::new().unwrap();
    for file in ["portcullis.backup", "secret.backup"] {
        fs::copy(home.path().join(file), elsewhere.path().join(file)).unwrap();
    }
    let old_log = home.path().join("data/portcullis.db-wal");
    assert!(
        fs::metadata(old_log).unwrap().len() > 0,
        "the old log must exist for the recipe to remove"
    );
    for folder in [elsewhere, home] {
        shell(folder.path(), &[], restore).await;
        let server = ServerProcess::start(folder.path(), &[]);
        is_restored(&server, &state).await;
    }
}

#[tokio::test]
async fn postgresql_dump_under_load_is_restored_by_the_documented_steps() {
    let [backup, restore] =
        readme::commands(BACK_UP, "## Back up PostgreSQL", "## After a restore")[..]
    else {
        panic!("two blocks");
    };
    let home = TempDir::new().unwrap();
    let url = Backend::Postgres.database(home.path()).await;
    let restored = format!("{url}_restored");
    let name = restored.rsplit('/').next().unwrap();
    let restore = restore.replace("portcullis_restored", name);
    let secret = SigningKey::generate().reveal();
    let settings = |url| [("DATABASE_URL", url), ("PORTCULLIS_SECRET", secret.as_str())];
    let state = back_up(home.path(), &settings(&url), backup).await;
    is_for_our_eyes_only(&home.path().join("portcullis.dump"));
    let urls = [("DATABASE_URL", url.as_str()), ("RESTORED_URL", restored.as_str())];
    shell(home.path(), &urls, &restore).await;
    let server = ServerProcess::start(home.path(), &settings(&restored));
    is_restored(&server, &state).await;
}

#[tokio::test]
async fn backup_command_on_postgresql_fails_and_names_pg_dump() {
    let home = TempDir::new().unwrap();
    let url = Backend::Postgres.database(home.path()).await;
    let refusal = fails(run(home.path(), &[("DATABASE_URL", &url)], &["backup", "copy"], ""));
    assert!(refusal.contains("pg_dump") && refusal.contains("docs/how-to/back-up.md"), "{refusal}");
    let (_, heading) = refusal.split_once('"').unwrap();
    let heading = format!("## {}", heading.split('"').next().unwrap());
    assert!(BACK_UP.contains(&heading), "{heading}");
    assert!(!home.path().join("copy").exists());
}

/// Returns a folder with a database that has a row.
fn with_a_database() -> (TempDir, SqliteConnection) {
    let home = TempDir::new().unwrap();
    succeeds(run(home.path(), &[], &["migrate"], ""));
    let file = home.path().join("data/portcullis.db");
    let connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    (home, connection)
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn backup_reports_its_size_and_never_overwrites_a_file() {
    let (home, _connection) = with_a_database();
    let said = succeeds(run(home.path(), &[], &["backup", "copy"], ""));
    let written = fs::read(home.path().join("copy")).unwrap();
    assert!(said.contains(&format!("Wrote and verified {} bytes: copy", written.len())), "{said}");
    let refusal = fails(run(home.path(), &[], &["backup", "copy"], ""));
    assert!(refusal.contains("copy: the file exists already"), "{refusal}");
    assert_eq!(fs::read(home.path().join("copy")).unwrap(), written);
    fails(run(home.path(), &[], &["backup", "data/portcullis.db"], ""));
    assert_eq!(files(home.path()), ["copy", "data"]);
}

#[test]
fn backup_without_a_database_or_folder_fails_and_creates_nothing() {
    let home = TempDir::new().unwrap();
    let refusal = fails(run(home.path(), &[], &["backup", "copy"], ""));
    assert!(refusal.contains("there is no database in data/portcullis.db"), "{refusal}");
    assert_eq!(files(home.path()), [""; 0]);
    let (home, _connection) = with_a_database();
    let refusal = fails(run(home.path(), &[], &["backup", "nowhere/copy"], ""));
    assert!(refusal.contains("nowhere/copy: "), "{refusal}");
    assert_eq!(files(home.path()), ["data"]);
}

#[test]
fn backup_of_a_damaged_database_fails_and_leaves_no_file() {
    let (home, mut connection) = with_a_database();
    let odd = "PRAGMA ignore_check_constraints = ON;
        INSERT INTO users (id, name, email, email_verified, role, created_at, updated_at)
            VALUES ('x', 'x', 'x@example.com', 7, 'user', 0, 0);";
    connection.batch_execute(odd).unwrap();
    let refusal = fails(run(home.path(), &[], &["backup", "copy"], ""));
    assert!(refusal.contains("damaged") && refusal.contains("users"), "{refusal}");
    assert_eq!(files(home.path()), ["data"]);
}

#[test]
fn backup_before_an_upgrade_does_not_migrate_the_tables() {
    let (home, mut connection) = with_a_database();
    let older = "DROP TABLE setup_links;
        DELETE FROM __diesel_schema_migrations WHERE version = '20261125000010';";
    connection.batch_execute(older).unwrap();
    succeeds(run(home.path(), &[], &["backup", "copy"], ""));
    let copy = home.path().join("copy");
    for mut connection in [connection, SqliteConnection::establish(copy.to_str().unwrap()).unwrap()]
    {
        let tables = "SELECT count(*) AS number FROM sqlite_schema WHERE name = 'setup_links'";
        let found: Count = sql_query(tables).get_result(&mut connection).unwrap();
        assert_eq!(found.number, 0);
    }
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    number: i64,
}
