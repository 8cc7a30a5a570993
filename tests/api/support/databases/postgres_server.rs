//! A temporary PostgreSQL server for the test run; or the one of `TEST_DATABASE_URL`.

use std::{
    env, fs,
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use portcullis::store::{Location, Store};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// Initialises a cluster, runs it, and stops it when standard input closes, which happens however the test
/// process ends. Each line that arrives there before is a signal to restart it with. No data here has to
/// survive a power cut, so `fsync` is off. Autovacuum is off as well: with a database for each test it would
/// never finish.
const SCRIPT: &str = r#"
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$1/initdb" -D "$dir/data" -U portcullis -A trust -E UTF8 --no-sync >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
cp "$3" "$dir/server.crt"; cp "$4" "$dir/server.key"; chmod 600 "$dir/server.key"
start() {
    "$1/postgres" -D "$dir/data" -k "$dir" -h 127.0.0.1 -p "$2" -c max_connections=400 \
        -c fsync=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0 -c autovacuum=off \
        -c ssl=on -c ssl_cert_file="$dir/server.crt" -c ssl_key_file="$dir/server.key" \
        >>"$dir/postgres.log" 2>&1 </dev/null &
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

/// A server, with a template database that every test's own database is copied from.
struct Cluster {
    url: String,
    authority: PathBuf,
    // Closing its standard input stops the server, so both are kept to the end.
    keep: Option<(Child, TempDir)>,
}

static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Returns the URL of a new, migrated database.
pub async fn database() -> String {
    let cluster = CLUSTER.get_or_init(Cluster::start).await;
    let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    // The default strategy, through the write-ahead log, takes twice as long.
    let copied = format!("CREATE DATABASE {name} TEMPLATE {} STRATEGY file_copy", template());
    cluster.execute(&copied).await;
    cluster.at(&name)
}

/// Returns the URL of a new database without tables.
pub async fn empty_database() -> String {
    let cluster = CLUSTER.get_or_init(Cluster::start).await;
    let name = format!("empty_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    cluster.execute(&format!("CREATE DATABASE {name}")).await;
    cluster.at(&name)
}

/// Returns the certificate authority of the server, where the server is our own.
pub async fn certificate_authority() -> PathBuf {
    CLUSTER.get_or_init(Cluster::start).await.authority.clone()
}

/// A server that only one test uses, which may therefore stop it.
pub struct Restartable(Cluster);

impl Restartable {
    pub async fn start() -> Self {
        let cluster = Cluster::throw_away();
        cluster.wait().await;
        Self(cluster)
    }

    /// Returns the URL of its one database.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Stops the server with a signal, INT for a fast shutdown or QUIT for a crash, and starts it again a
    /// second later.
    pub fn restart(&mut self, signal: &str) {
        let (shell, _) = self.0.keep.as_mut().unwrap();
        writeln!(shell.stdin.as_mut().unwrap(), "{signal}").unwrap();
    }
}

fn template() -> String {
    format!("template_{}", std::process::id())
}

impl Cluster {
    async fn start() -> Self {
        let cluster = match env::var("TEST_DATABASE_URL") {
            Ok(url) => Self { url, authority: PathBuf::new(), keep: None },
            Err(_) => Self::throw_away(),
        };
        cluster.wait().await;
        cluster.execute(&format!("CREATE DATABASE {}", template())).await;
        let location = Location::parse(&cluster.at(&template()), None).unwrap();
        Store::migrate(&location, &crate::support::product().tables())
            .await
            .expect("the migrations apply to an empty database");
        cluster
    }

    fn throw_away() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let keys = TempDir::new().unwrap();
        let (certificate, key) = make_certificate(keys.path(), "127.0.0.1");
        let mut command = as_ordinary_user();
        let mut child = command
            .args(["sh", "-c", SCRIPT, "sh"])
            .args([&binaries(), Path::new(&port.to_string()), &certificate, &key])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .current_dir("/")
            .spawn()
            .expect("PostgreSQL's server is started by a shell");
        child.stdin.as_mut().unwrap().flush().unwrap();
        Self {
            url: format!("postgres://portcullis@127.0.0.1:{port}/postgres"),
            authority: certificate,
            keep: Some((child, keys)),
        }
    }

    fn at(&self, database: &str) -> String {
        let mut url = url::Url::parse(&self.url).expect("TEST_DATABASE_URL is a URL");
        url.set_path(database);
        url.into()
    }

    async fn wait(&self) {
        for _ in 0..300 {
            if tokio_postgres::connect(&self.url, tokio_postgres::NoTls).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("PostgreSQL did not start within 30 seconds at {}", self.url);
    }

    async fn execute(&self, sql: &str) {
        let (client, driver) =
            tokio_postgres::connect(&self.url, tokio_postgres::NoTls).await.unwrap();
        let driver = tokio::spawn(driver);
        client.batch_execute(sql).await.unwrap();
        drop(client);
        driver.await.unwrap().unwrap();
    }
}

/// Opens a test's own connection to this database.
pub async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, driver) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(driver);
    client
}

/// Creates a self-signed certificate for this host, so that TLS is tested with real verification.
pub fn make_certificate(folder: &Path, host: &str) -> (PathBuf, PathBuf) {
    let generated = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    let (certificate, key) = (folder.join("server.crt"), folder.join("server.key"));
    fs::write(&certificate, generated.cert.pem()).unwrap();
    fs::write(&key, generated.signing_key.serialize_pem()).unwrap();
    #[cfg(unix)]
    for (path, mode) in [(folder, 0o755), (&key, 0o644)] {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    (certificate, key)
}

/// Runs PostgreSQL, which refuses to run as root, as the user that Debian's package creates.
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
pub fn binaries() -> PathBuf {
    static FOUND: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut found = FOUND.lock().unwrap();
    let on_path = env::var_os("PATH").unwrap_or_default();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut candidates: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
    candidates.sort();
    candidates.reverse();
    candidates.extend(env::split_paths(&on_path));
    let missing = "PostgreSQL is not installed, and half of the tests need it: \
         `apt-get install postgresql`, or set TEST_DATABASE_URL to a server where databases may be made";
    found
        .get_or_insert_with(|| {
            let holds = |folder: &PathBuf| {
                ["initdb", "postgres"].iter().all(|name| folder.join(name).exists())
            };
            candidates.into_iter().find(holds).expect(missing)
        })
        .clone()
}
