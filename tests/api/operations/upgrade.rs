//! Rolling upgrades from one release to the next on the same tables while users work, and a migration that is
//! interrupted.

mod activity;

use std::{
    collections::HashSet,
    fs,
    net::{TcpListener, TcpStream},
    process::{Child, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use diesel::{
    Connection, QueryableByName, RunQueryDsl, SqliteConnection, connection::SimpleConnection,
    sql_query, sql_types::Text,
};
use portcullis::{secrets::SigningKey, store::backup::faults};
use reqwest::{Method, StatusCode};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::*;

/// The next release's migration. No build of that release is needed: the one binary stands in for release N-1,
/// whose tables have more than it knows of, and for release N, which finds nothing to apply. This shows that
/// the statements of N-1 still work, that N-1 starts on the tables of N, and that switching between them loses
/// no request; not what N would do with its column.
const FORWARD: &str = "
    ALTER TABLE activity ADD COLUMN archived BOOLEAN NOT NULL DEFAULT false;
    CREATE INDEX activity_by_state ON activity (actor_id, archived);
    INSERT INTO schema_compatibility (migration, oldest_binary)
        VALUES ('2099-01-01-000001_archived', '0.1.0');
    INSERT INTO __diesel_schema_migrations (version) VALUES ('20990101000001');";
const BACK: &str = "
    ALTER TABLE activity DROP COLUMN archived;
    DELETE FROM schema_compatibility WHERE migration = '2099-01-01-000001_archived';
    DELETE FROM __diesel_schema_migrations WHERE version = '20990101000001';";

/// An instance, as a load balancer sees it.
struct Upstream {
    base: String,
    ready: Mutex<bool>,
    served: AtomicUsize,
}

/// A token that a client has created.
#[derive(Clone)]
struct Created {
    id: String,
    token: String,
}

/// A load balancer and the clients behind it. It sends requests to ready instances, checks readiness a few
/// times a second, and retries no request.
struct Balancer {
    upstreams: Mutex<Vec<Arc<Upstream>>>,
    http: reqwest::Client,
    cookie: String,
    token: String,
    failed: Mutex<Vec<String>>,
    created: Mutex<HashSet<String>>,
    stop: CancellationToken,
}

impl Balancer {
    fn new(cookie: &str, token: &str) -> Arc<Self> {
        // One connection per request: hyper would retry on a kept-alive connection that turns out to be closed.
        let http = http_client().no_proxy().pool_max_idle_per_host(0);
        Arc::new(Self {
            upstreams: Mutex::default(),
            http: http.retry(reqwest::retry::never()).build().unwrap(),
            cookie: cookie.to_owned(),
            token: token.to_owned(),
            failed: Mutex::default(),
            created: Mutex::default(),
            stop: CancellationToken::new(),
        })
    }

    fn add(&self, server: &ServerProcess) -> Arc<Upstream> {
        let (base, ready) = (server.anonymous.base.clone(), Mutex::new(false));
        let upstream = Arc::new(Upstream { base, ready, served: AtomicUsize::new(0) });
        self.upstreams.lock().unwrap().push(Arc::clone(&upstream));
        upstream
    }

    async fn look(&self) {
        while !self.stop.is_cancelled() {
            let upstreams = self.upstreams.lock().unwrap().clone();
            for upstream in upstreams {
                let response =
                    self.http.get(format!("{}/health/ready", upstream.base)).send().await;
                *upstream.ready.lock().unwrap() =
                    response.is_ok_and(|reply| reply.status() == StatusCode::OK);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn work(&self, client: usize) {
        let mut latest = None;
        for number in client.. {
            if self.stop.is_cancelled() {
                return;
            }
            let mut upstreams = self.upstreams.lock().unwrap().clone();
            upstreams.retain(|upstream| *upstream.ready.lock().unwrap());
            let Some(upstream) = upstreams.get(number % upstreams.len().max(1)) else {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            };
            match self.ask(upstream, number, &mut latest).await {
                Ok(()) => drop(upstream.served.fetch_add(1, Ordering::Relaxed)),
                Err(failure) => self.failed.lock().unwrap().push(failure),
            }
        }
    }

    /// Sends one request; the kinds take turns. Reads alternate between the cookie and the token.
    async fn ask(
        &self,
        upstream: &Upstream,
        number: usize,
        latest: &mut Option<Created>,
    ) -> Result<(), String> {
        let (method, path, body) = match (number % 9, latest.clone()) {
            (0, _) => (Method::GET, "/api/me".to_owned(), None),
            (1, _) => (Method::GET, "/api/auth/get-session".to_owned(), None),
            (2, Some(Created { id, .. })) => {
                let body = json!({ "name": number.to_string() });
                (Method::PATCH, format!("{TOKENS}/{id}"), Some(body))
            }
            (3, Some(Created { id, .. })) => (Method::GET, format!("{TOKENS}/{id}"), None),
            (4, _) => (Method::GET, TOKENS.to_owned(), None),
            (5, Some(_)) => (Method::DELETE, CURRENT_TOKEN.to_owned(), None),
            (7 | 8, Some(_)) => (Method::GET, "/api/activity".to_owned(), None),
            // Not more often: the tokens of one user are created one after the other.
            (_, _) => (Method::POST, TOKENS.to_owned(), Some(json!({ "name": "load" }))),
        };
        let token = if method == Method::DELETE {
            latest.take().map(|created| created.token)
        } else {
            let reads_by_token = method == Method::GET && number % 2 == 1;
            reads_by_token.then(|| self.token.clone())
        };
        let created = method == Method::POST;
        let url = format!("{}{path}", upstream.base);
        let mut request = self.http.request(method, url).header("Origin", &upstream.base);
        request = match token {
            Some(token) => request.bearer_auth(token),
            None => request.header("Cookie", &self.cookie),
        };
        if let Some(body) = &body {
            request = request.json(body);
        }
        let reply = request.send().await.map_err(|error| format!("{path}: {error:?}"))?;
        let status = reply.status();
        let text = reply.text().await.map_err(|error| format!("{path}: {error:?}"))?;
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        // `null` would mean "signed out".
        let is_signed_out = answer.is_null() && status != StatusCode::NO_CONTENT;
        if !status.is_success() || is_signed_out {
            return Err(format!("{path}: {status} {text}"));
        }
        if created {
            let [id, token] =
                ["id", "token"].map(|field| answer[field].as_str().unwrap().to_owned());
            self.created.lock().unwrap().insert(id.clone());
            *latest = Some(Created { id, token });
        }
        Ok(())
    }

    /// Waits until an instance has served this many more requests.
    async fn sees_work_of(&self, upstream: &Upstream) {
        let enough = upstream.served.load(Ordering::Relaxed) + 50;
        for _ in 0..3000 {
            assert_eq!(*self.failed.lock().unwrap(), [""; 0]);
            if upstream.served.load(Ordering::Relaxed) >= enough {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("an instance serves no request");
    }
}

/// Stops a server gracefully, and waits until it has exited.
async fn drain(server: ServerProcess) {
    server.signal("TERM");
    let status = tokio::task::spawn_blocking(move || server.wait()).await.unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn rolling_upgrade_and_downgrade_under_load_fail_no_request() {
    let home = TempDir::new().unwrap();
    let url = Backend::Postgres.database(home.path()).await;
    let secret = SigningKey::generate().reveal();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("PORTCULLIS_SECRET", secret.as_str()),
        ("PORTCULLIS_DRAIN_DELAY", "3"),
    ];
    let start = || {
        let mut command = portcullis(home.path(), &settings);
        command.args(["serve", "--no-migrate"]);
        ServerProcess::of(command.spawn().unwrap())
    };
    let old = start();
    let ada = json!({ "name": "Ada", "email": "ada@example.com", "password": PASSWORD });
    let cookie = old.anonymous.post("/api/auth/sign-up/email", ada).await.cookie().unwrap();
    let browser = old.anonymous.with_cookie(&cookie);
    let own = browser.post(TOKENS, json!({ "name": "own" })).await.expect(201);
    let balancer = Balancer::new(&cookie, own["token"].as_str().unwrap());
    let at_old = balancer.add(&old);
    let mut tasks = Vec::new();
    for number in 0..4 {
        let balancer = Arc::clone(&balancer);
        tasks.push(tokio::spawn(async move { balancer.work(number).await }));
    }
    let looking = Arc::clone(&balancer);
    tasks.push(tokio::spawn(async move { looking.look().await }));
    let operator = connect(&url).await;

    balancer.sees_work_of(&at_old).await;
    operator.batch_execute(FORWARD).await.unwrap();
    balancer.sees_work_of(&at_old).await;
    let new = start();
    let at_new = balancer.add(&new);
    balancer.sees_work_of(&at_new).await;
    balancer.sees_work_of(&at_old).await;
    drain(old).await;
    balancer.sees_work_of(&at_new).await;

    let old = start();
    let at_old = balancer.add(&old);
    balancer.sees_work_of(&at_old).await;
    balancer.sees_work_of(&at_new).await;
    drain(new).await;
    balancer.sees_work_of(&at_old).await;
    operator.batch_execute(BACK).await.unwrap();
    balancer.sees_work_of(&at_old).await;

    balancer.stop.cancel();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*balancer.failed.lock().unwrap(), [""; 0]);
    let rows = operator.query("SELECT id FROM api_tokens WHERE name <> 'own'", &[]).await.unwrap();
    let kept: HashSet<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        kept,
        *balancer.created.lock().unwrap(),
        "every acknowledged write is there exactly once"
    );
}

/// A database of a test's own, without a server.
enum Tables {
    Sqlite(String),
    Postgres(tokio_postgres::Client),
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

impl Tables {
    async fn of(url: &str) -> Self {
        match url.strip_prefix("sqlite:") {
            Some(file) => Self::Sqlite(file.to_owned()),
            None => Self::Postgres(connect(url).await),
        }
    }

    async fn execute(&self, sql: &str) {
        match self {
            Self::Sqlite(file) => {
                SqliteConnection::establish(file).unwrap().batch_execute(sql).unwrap();
            }
            Self::Postgres(client) => client.batch_execute(sql).await.unwrap(),
        }
    }

    /// Returns everything that a migration can leave behind, one line each.
    async fn shape(&self) -> Vec<String> {
        const APPLIED: &str = "SELECT migration || oldest_binary AS line FROM schema_compatibility
            UNION ALL SELECT version FROM __diesel_schema_migrations ORDER BY 1";
        match self {
            Self::Sqlite(file) => {
                let mut connection = SqliteConnection::establish(file).unwrap();
                let sql = "SELECT sql AS line FROM sqlite_schema WHERE sql IS NOT NULL";
                let mut lines: Vec<Line> = sql_query(sql).load(&mut connection).unwrap();
                if !lines.is_empty() {
                    lines.append(&mut sql_query(APPLIED).load(&mut connection).unwrap());
                }
                // Tables that are created again are last.
                let mut lines: Vec<String> = lines.into_iter().map(|row| row.line).collect();
                lines.sort_unstable();
                lines
            }
            Self::Postgres(client) => {
                let sql = format!(
                    "SELECT table_name || ' ' || column_name || ' ' || data_type AS line
                        FROM information_schema.columns WHERE table_schema = 'public'
                    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
                    UNION ALL {APPLIED}"
                );
                let rows = client.query(&sql, &[]).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }
}

/// Returns the newest migration: its name, and the SQL that reverts it.
fn newest(backend: Backend) -> (String, String) {
    let side = match backend {
        Backend::Sqlite => "sqlite",
        Backend::Postgres => "postgres",
    };
    let folder = format!("{}/migrations/{side}", env!("CARGO_MANIFEST_DIR"));
    let folders = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let newest = folders.max().unwrap();
    let name = newest.file_name().unwrap().to_str().unwrap().to_owned();
    let version = name.split('_').next().unwrap().replace('-', "");
    let down = fs::read_to_string(newest.join("down.sql")).unwrap();
    let forget = format!("DELETE FROM __diesel_schema_migrations WHERE version = '{version}'");
    (name, format!("{down};{forget}"))
}

#[apply(on_both_databases)]
async fn failed_migration_leaves_the_tables_unchanged(backend: Backend) {
    let home = TempDir::new().unwrap();
    let url = backend.database(home.path()).await;
    let secret = SigningKey::generate().reveal();
    let settings = [("DATABASE_URL", url.as_str()), ("PORTCULLIS_SECRET", secret.as_str())];
    succeeds(run(home.path(), &settings, &["migrate"], ""));
    let tables = Tables::of(&url).await;
    let whole = tables.shape().await;
    let (name, down) = newest(backend);
    tables.execute(&down).await;
    // Makes the migration's last statement fail.
    let obstacle = format!(
        "INSERT INTO schema_compatibility (migration, oldest_binary) VALUES ('{name}', '0.0.0')"
    );
    tables.execute(&obstacle).await;
    let before = tables.shape().await;
    assert_ne!(before, whole);

    let refusal = fails(run(home.path(), &settings, &["migrate"], ""));
    assert!(refusal.contains("a migration failed"), "{refusal}");
    fails(run(home.path(), &settings, &["serve"], ""));
    assert_eq!(tables.shape().await, before);

    let cleared = format!("DELETE FROM schema_compatibility WHERE migration = '{name}'");
    tables.execute(&cleared).await;
    let server = ServerProcess::start(home.path(), &settings);
    server.anonymous.get("/health/ready").await.expect(200);
    assert_eq!(tables.shape().await, whole);
}

/// Returns how many connections of Portcullis meet this condition.
async fn portcullis_at(watcher: &tokio_postgres::Client, condition: &str) -> i64 {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity
        WHERE application_name LIKE 'portcullis %' AND datname = current_database() {condition}"
    );
    watcher.query_one(&sql, &[]).await.unwrap().get(0)
}

async fn until_it_waits(watcher: &tokio_postgres::Client, process: &mut Child) {
    while portcullis_at(watcher, "AND wait_event_type = 'Lock'").await == 0 {
        assert!(process.try_wait().unwrap().is_none(), "the migration waits");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn killed_migration_leaves_postgresql_unchanged() {
    let home = TempDir::new().unwrap();
    let url = Backend::Postgres.database(home.path()).await;
    let secret = SigningKey::generate().reveal();
    let settings = [("DATABASE_URL", url.as_str()), ("PORTCULLIS_SECRET", secret.as_str())];
    let tables = Tables::of(&url).await;
    let whole = tables.shape().await;
    tables.execute(&newest(Backend::Postgres).1).await;
    let before = tables.shape().await;

    // The migration waits before its last statement, after all others.
    let lock_holder = connect(&url).await;
    lock_holder
        .batch_execute("BEGIN; LOCK TABLE schema_compatibility IN SHARE MODE")
        .await
        .unwrap();
    let mut migrate = portcullis(home.path(), &settings);
    let mut migrate = migrate.arg("migrate").stdout(Stdio::null()).spawn().unwrap();
    let watcher = connect(&url).await;
    until_it_waits(&watcher, &mut migrate).await;
    migrate.kill().unwrap();
    migrate.wait().unwrap();
    lock_holder.batch_execute("ROLLBACK").await.unwrap();
    while portcullis_at(&watcher, "").await > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(tables.shape().await, before);

    let server = ServerProcess::start(home.path(), &settings);
    server.anonymous.get("/health/ready").await.expect(200);
    assert_eq!(tables.shape().await, whole);
}

#[tokio::test]
async fn server_does_not_listen_until_migrations_are_applied() {
    let home = TempDir::new().unwrap();
    let url = Backend::Postgres.database(home.path()).await;
    let secret = SigningKey::generate().reveal();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = port.to_string();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("PORTCULLIS_SECRET", secret.as_str()),
        ("PORTCULLIS_LISTEN", address.as_str()),
    ];
    Tables::of(&url).await.execute(&newest(Backend::Postgres).1).await;
    let lock_holder = connect(&url).await;
    lock_holder
        .batch_execute("BEGIN; LOCK TABLE schema_compatibility IN SHARE MODE")
        .await
        .unwrap();
    let mut serve = portcullis(home.path(), &settings).spawn().unwrap();
    let watcher = connect(&url).await;
    until_it_waits(&watcher, &mut serve).await;
    assert!(TcpStream::connect(port).is_err(), "the server does not listen during the migration");
    lock_holder.batch_execute("ROLLBACK").await.unwrap();
    let server = ServerProcess::of(serve);
    assert_eq!(server.anonymous.base, format!("http://{address}"));
    server.anonymous.get("/health/ready").await.expect(200);
}

#[tokio::test]
async fn killed_migration_leaves_sqlite_empty_or_fully_migrated() {
    let start = |home: &TempDir| {
        let mut command = portcullis(home.path(), &[]);
        command.arg("migrate").stdout(Stdio::null()).spawn().unwrap()
    };
    let tables = async |home: &TempDir| {
        Tables::of(&format!("sqlite:{}", home.path().join("data/portcullis.db").display())).await
    };
    let home = TempDir::new().unwrap();
    let began = Instant::now();
    assert!(start(&home).wait().unwrap().success());
    let takes = began.elapsed();
    let whole = tables(&home).await.shape().await;

    let tries = u32::try_from(count_from_env("KILL_ROUNDS").unwrap_or(20)).unwrap();
    for number in 0..tries {
        let home = TempDir::new().unwrap();
        let mut migrate = start(&home);
        // Kills at moments from the migration's beginning to its end.
        tokio::time::sleep(takes * number / tries).await;
        migrate.kill().unwrap();
        migrate.wait().unwrap();
        if home.path().join("data/portcullis.db").exists() {
            let left = tables(&home).await.shape().await;
            assert!(left.is_empty() || left == whole, "{left:?}");
        }
        succeeds(run(home.path(), &[], &["migrate"], ""));
        assert_eq!(tables(&home).await.shape().await, whole);
        assert_eq!(faults(&home.path().join("data/portcullis.db")).unwrap(), [""; 0]);
    }
}
