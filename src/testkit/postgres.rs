//! A temporary PostgreSQL server for the test run; or the one of `TEST_DATABASE_URL`.

use std::{
    collections::HashMap,
    env, fs,
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Mutex, OnceCell};
use tokio_postgres::NoTls;

use super::Backend;
use crate::product::Product;

/// Initialises a cluster, runs it, and stops it when standard input closes, which happens however the test
/// process ends. Each line that arrives there before is a signal to restart it with. No data here has to
/// survive a power cut, so `fsync` is off. Autovacuum is off as well: with a database for each test it would
/// never finish.
const SCRIPT: &str = r#"
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$1/initdb" -D "$dir/data" -U portcullis -A trust -E UTF8 --no-sync >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
ssl=off
if [ $# -gt 2 ]; then
    ssl=on
    cp "$3" "$dir/data/server.crt"; cp "$4" "$dir/data/server.key"; chmod 600 "$dir/data/server.key"
fi
start() {
    "$1/postgres" -D "$dir/data" -k "$dir" -h 127.0.0.1 -p "$2" -c max_connections=400 \
        -c fsync=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0 -c autovacuum=off \
        -c ssl="$ssl" >>"$dir/postgres.log" 2>&1 </dev/null &
}
start "$@"
while read -r signal; do
    kill -s "$signal" $!
    wait $! || true
    sleep 1
    start "$@"
done
kill -QUIT $!
wait
"#;

/// A PostgreSQL server of a test's own, which the test may stop; dropping it stops it.
pub struct PostgresServer {
    url: String,
    /// Closing its standard input stops the server.
    process: Option<Child>,
}

/// The server of all tests, with a template database of each product, from which a test's own database is copied.
struct Shared {
    server: PostgresServer,
    templates: Mutex<HashMap<Vec<&'static str>, String>>,
}

static SHARED: OnceCell<Shared> = OnceCell::const_new();
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Returns the URL of a new database with the tables of a product.
pub(super) async fn database(product: &Product) -> String {
    let shared = SHARED.get_or_init(Shared::start).await;
    let template = shared.template(product).await;
    let name = new_name("test");
    // The default strategy, through the write-ahead log, takes twice as long.
    let copied = format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy");
    shared.server.execute(&copied).await;
    shared.server.at(&name)
}

/// Returns the URL of a new database without tables.
pub(super) async fn empty_database() -> String {
    let server = &SHARED.get_or_init(Shared::start).await.server;
    let name = new_name("empty");
    server.execute(&format!("CREATE DATABASE {name}")).await;
    server.at(&name)
}

/// Several processes may use one server.
fn new_name(kind: &str) -> String {
    format!("{kind}_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Shared {
    async fn start() -> Self {
        let server = match env::var("TEST_DATABASE_URL") {
            Ok(url) => PostgresServer { url, process: None },
            Err(_) => PostgresServer::spawn(&[]),
        };
        server.wait().await;
        Self { server, templates: Mutex::default() }
    }

    async fn template(&self, product: &Product) -> String {
        let components = product.tables().iter().map(|tables| tables.component).collect();
        let mut templates = self.templates.lock().await;
        if let Some(template) = templates.get(&components) {
            return template.clone();
        }
        let template = new_name("template");
        self.server.execute(&format!("CREATE DATABASE {template}")).await;
        Backend::Postgres.create_tables(product, &self.server.at(&template)).await;
        templates.insert(components, template.clone());
        template
    }
}

impl PostgresServer {
    /// Starts a server.
    pub async fn start() -> Self {
        let server = Self::spawn(&[]);
        server.wait().await;
        server
    }

    /// Starts a server with a TLS certificate and its key, as PEM files.
    pub async fn start_with_tls(certificate: &Path, key: &Path) -> Self {
        let server = Self::spawn(&[certificate, key]);
        server.wait().await;
        server
    }

    /// Returns the URL of its one database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops the server with a signal, INT for a fast shutdown or QUIT for a crash, and starts it again a second later.
    pub fn restart(&mut self, signal: &str) {
        let shell = self.process.as_mut().unwrap();
        writeln!(shell.stdin.as_mut().unwrap(), "{signal}").unwrap();
    }

    fn spawn(certificate_and_key: &[&Path]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = as_ordinary_user()
            .args(["sh", "-c", SCRIPT, "sh"])
            .args([binaries(), Path::new(&port.to_string())])
            .args(certificate_and_key)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .current_dir("/")
            .spawn()
            .expect("PostgreSQL's server is started by a shell");
        let url = format!("postgres://portcullis@127.0.0.1:{port}/postgres");
        Self { url, process: Some(process) }
    }

    fn at(&self, database: &str) -> String {
        let mut url = url::Url::parse(&self.url).expect("TEST_DATABASE_URL is a URL");
        url.set_path(database);
        url.into()
    }

    async fn wait(&self) {
        for _ in 0..300 {
            if tokio_postgres::connect(&self.url, NoTls).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("PostgreSQL did not start within 30 seconds at {}", self.url);
    }

    async fn execute(&self, sql: &str) {
        let (client, driver) = tokio_postgres::connect(&self.url, NoTls).await.unwrap();
        let driver = tokio::spawn(driver);
        client.batch_execute(sql).await.unwrap();
        drop(client);
        driver.await.unwrap().unwrap();
    }
}

/// Opens a test's own connection to the database at this URL.
pub async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, driver) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(driver);
    client
}

/// Returns a command that runs its arguments as an ordinary user: as the one that Debian's package creates, if this
/// process runs as root, where PostgreSQL refuses to run.
pub fn as_ordinary_user() -> Command {
    let id = Command::new("id").arg("-u").output().expect("`id` runs");
    if id.stdout.trim_ascii() == b"0" {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]);
        command
    } else {
        Command::new("env")
    }
}

/// Returns the folder of PostgreSQL's programs: Debian keeps them off the PATH, in a folder for each version.
///
/// # Panics
/// When PostgreSQL is not installed.
pub fn binaries() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        let on_path = env::var_os("PATH").unwrap_or_default();
        let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let mut candidates: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
        candidates.sort();
        candidates.reverse();
        candidates.extend(env::split_paths(&on_path));
        let holds =
            |folder: &PathBuf| ["initdb", "postgres"].iter().all(|name| folder.join(name).exists());
        candidates.into_iter().find(holds).expect(
            "PostgreSQL is not installed, and half of the tests need it: \
             `apt-get install postgresql`, or set TEST_DATABASE_URL to a server where databases may be created",
        )
    })
}
