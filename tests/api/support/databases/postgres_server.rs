//! A PostgreSQL server of our own, thrown away with the test run; or the one of `TEST_DATABASE_URL`.

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

/// Initialises a cluster, runs it, and takes it down when its standard input closes, which happens
/// however the test process ends. Each line that comes there before is a signal to restart it with.
/// Nothing here has to outlive a power cut, so nothing is written for that. Nor is anything vacuumed: with a database
/// for each test there would be no end to it.
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

/// A server, and a database on it that every test's own is copied from.
struct Cluster {
    url: String,
    authority: PathBuf,
    // Closing its standard input is what ends the server, so both are kept to the end.
    keep: Option<(Child, TempDir)>,
}

static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
static NEXT: AtomicU32 = AtomicU32::new(0);

/// The URL of a new, migrated database.
pub async fn database() -> String {
    let cluster = CLUSTER.get_or_init(Cluster::start).await;
    let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    // Through the log of changes, which is the default, it takes twice as long.
    let copied = format!("CREATE DATABASE {name} TEMPLATE {} STRATEGY file_copy", template());
    cluster.execute(&copied).await;
    cluster.at(&name)
}

/// The URL of a new database without a table in it.
pub async fn empty_database() -> String {
    let cluster = CLUSTER.get_or_init(Cluster::start).await;
    let name = format!("empty_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    cluster.execute(&format!("CREATE DATABASE {name}")).await;
    cluster.at(&name)
}

/// The certificate authority of the server, where it is our own.
pub async fn authority() -> PathBuf {
    CLUSTER.get_or_init(Cluster::start).await.authority.clone()
}

/// A server that only one test uses, which may therefore take it down.
pub struct Restartable(Cluster);

impl Restartable {
    pub async fn start() -> Self {
        let cluster = Cluster::throw_away();
        cluster.wait().await;
        Self(cluster)
    }

    /// The URL of its one database.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Ends it with a signal, INT for a stop in order or QUIT for a crash, and begins to start it again
    /// a second later.
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
        Store::migrate(&location).await.expect("the migrations apply to an empty database");
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
        panic!("PostgreSQL did not come up within 30 seconds at {}", self.url);
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

/// A connection of a test's own to this database.
pub async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, driver) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(driver);
    client
}

/// A certificate for this host that vouches for itself, so that TLS is tested with a real check.
pub fn make_certificate(folder: &Path, host: &str) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    let (certificate, key) = (folder.join("server.crt"), folder.join("server.key"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    #[cfg(unix)]
    for (path, mode) in [(folder, 0o755), (&key, 0o644)] {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    (certificate, key)
}

/// PostgreSQL refuses to run as root, so root runs it as the user that Debian's package makes.
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

/// Where PostgreSQL's programs are: Debian keeps them off the PATH, in a folder for each version.
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
