//! Faults of the SQLite file, caused from outside the server's process.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use tempfile::TempDir;

use crate::support::*;

const PATIENCE: (&str, &str) = ("PORTCULLIS_DATABASE_TIMEOUT", "1");

async fn witnessed(home: &Path) -> (ServerProcess, OutageProbe) {
    witnessed_with(home, &[PATIENCE]).await
}

async fn witnessed_with(home: &Path, settings: &[(&str, &str)]) -> (ServerProcess, OutageProbe) {
    let server = ServerProcess::start(home, settings);
    let probe = OutageProbe::sign_up(&server.anonymous).await;
    (server, probe)
}

fn database(home: &Path) -> PathBuf {
    home.join("data/portcullis.db")
}

fn beside(home: &Path) -> SqliteConnection {
    let mut connection = SqliteConnection::establish(database(home).to_str().unwrap()).unwrap();
    connection.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
    connection
}

#[tokio::test]
async fn locked_sqlite_file_allows_reads_and_makes_writes_unavailable() {
    let home = TempDir::new().unwrap();
    let (_server, probe) = witnessed(home.path()).await;
    let mut other = beside(home.path());
    other.batch_execute("BEGIN EXCLUSIVE").unwrap();
    probe.assert_read_only().await;
    other.batch_execute("COMMIT").unwrap();
    probe.assert_recovered().await;
}

#[tokio::test]
async fn read_only_sqlite_file_allows_reads_and_makes_writes_unavailable() {
    let home = TempDir::new().unwrap();
    let (server, probe) = witnessed(home.path()).await;
    let Some(immutable) = Immutable::make(home.path()) else { return };
    // The token's first use, so that there is a last use to write.
    probe.assert_read_only().await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    probe.assert_read_only().await;
    drop(immutable);
    probe.assert_recovered().await;
    server.signal("TERM");
    assert!(server.wait().success());
    let server = ServerProcess::start(home.path(), &[]);
    let script = server.anonymous.with_token(probe.script.token.as_ref().unwrap());
    let tokens = script.get(TOKENS).await.expect(200);
    let own = tokens["items"].as_array().unwrap().last().unwrap();
    assert!(own["lastUsedAt"].is_string(), "uses that were noted during the outage are written");
}

#[tokio::test]
async fn server_starts_on_a_read_only_sqlite_file() {
    let home = TempDir::new().unwrap();
    let (server, probe) = witnessed(home.path()).await;
    // Without an admin, the server would have to write the setup link.
    let create = ["user", "create", "--admin", "--name", "Admin", "--email", "admin@example.com"];
    succeeds(run(home.path(), &[], &create, PASSWORD));
    drop(server);
    let Some(immutable) = Immutable::make(home.path()) else { return };
    let server = ServerProcess::start(home.path(), &[PATIENCE]);
    let probe = probe.at(&server.anonymous);
    probe.assert_read_only().await;
    drop(server);
    drop(immutable);
    let server = ServerProcess::start(home.path(), &[PATIENCE]);
    probe.at(&server.anonymous).assert_recovered().await;
}

#[tokio::test]
async fn full_disk_allows_reads_and_writes_resume_when_there_is_room() {
    let home = TempDir::new().unwrap();
    let Some(disk) = SmallDisk::mount(&home.path().join("data")) else { return };
    let (_server, probe) = witnessed(home.path()).await;
    for _ in 0..2 {
        disk.fill();
        // Uses up the room that its own files have left.
        let token = json!({ "name": "x".repeat(100) });
        within_timeout(async {
            while probe.browser.post(TOKENS, token.clone()).await.status == 201 {}
        })
        .await;
        probe.assert_read_only().await;
        disk.make_room();
        probe.assert_recovered().await;
    }
    let mut beside = beside(home.path());
    assert_eq!(integrity(&mut beside), "ok");
}

#[rstest]
#[case::all_of_it(0)]
#[case::all_but_its_head(4096)]
#[tokio::test]
async fn overwritten_sqlite_file_is_an_outage_until_it_is_restored(#[case] from: usize) {
    let home = TempDir::new().unwrap();
    // A server that caches the epoch's page, and credentials, does not notice at once.
    let settings = [PATIENCE, ("PORTCULLIS_CACHE_SIZE", "0")];
    let (_server, probe) = witnessed_with(home.path(), &settings).await;
    // A write by another process, after which no connection trusts its page cache.
    beside(home.path())
        .batch_execute("UPDATE locks SET name = name; PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    let file = database(home.path());
    let kept = fs::read(&file).unwrap();
    let junk: Vec<u8> =
        kept[..from].iter().copied().chain(kept[from..].iter().map(|_| 0xA5)).collect();
    overwrite(&file, &junk);
    probe.assert_outage().await;
    overwrite(&file, &kept);
    probe.assert_recovered().await;
    assert_eq!(integrity(&mut beside(home.path())), "ok");
}

#[rstest]
#[case::all_of_it(0)]
#[case::all_but_its_head(4096)]
#[tokio::test]
async fn start_on_a_corrupt_sqlite_file_fails(#[case] from: usize) {
    let home = TempDir::new().unwrap();
    let (server, _) = witnessed(home.path()).await;
    server.signal("TERM");
    assert!(server.wait().success());
    let file = database(home.path());
    let mut bytes = fs::read(&file).unwrap();
    bytes[from..].fill(0xA5);
    overwrite(&file, &bytes);
    let refusal = fails(run(home.path(), &[], &[], ""));
    assert!(refusal.contains("portcullis.db"), "{refusal}");
    assert_eq!(refusal.lines().count(), 1, "{refusal}");
}

/// Overwrites in place: the server has the file open.
fn overwrite(file: &Path, bytes: &[u8]) {
    let mut open = File::options().write(true).open(file).unwrap();
    open.write_all(bytes).unwrap();
}

pub fn integrity(connection: &mut SqliteConnection) -> String {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        integrity_check: String,
    }
    let rows: Vec<Row> =
        diesel::RunQueryDsl::load(diesel::sql_query("PRAGMA integrity_check"), connection).unwrap();
    rows.iter().map(|row| row.integrity_check.as_str()).collect::<Vec<_>>().join("; ")
}

/// Makes the database and its log read-only for every user, root included.
struct Immutable(Vec<PathBuf>);

impl Immutable {
    fn make(home: &Path) -> Option<Self> {
        let database = database(home);
        let files = vec![database.with_extension("db-wal"), database];
        let made = Self(files.into_iter().filter(|file| file.exists()).collect());
        if made.chattr("+i") {
            return Some(made);
        }
        skipped("no file can be made immutable here (chattr +i, as root, on ext4 or the like)");
        None
    }

    fn chattr(&self, change: &str) -> bool {
        let output = Command::new("chattr").arg(change).args(&self.0).output();
        output.is_ok_and(|output| output.status.success())
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        self.chattr("-i");
    }
}

/// A disk of one megabyte, mounted at a folder.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=4m", "portcullis-test"]).arg(at);
        if command.output().is_ok_and(|output| output.status.success()) {
            return Some(Self(at.to_owned()));
        }
        skipped("no small disk can be mounted here (mount -t tmpfs, as root)");
        None
    }

    fn fill(&self) {
        let mut filler = File::create(self.0.join("filler")).unwrap();
        while filler.write_all(&[0; 4096]).is_ok() {}
    }

    fn make_room(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Writes past the test runner's output capture, so that a skipped test is not taken for a passed one.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}
