//! The log and the metrics: what they contain, what they never contain, and that `docs/reference/events.md` is
//! complete.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    time::Duration,
};

use portcullis::secrets::SigningKey;
use reqwest::Method;
use tempfile::TempDir;

use crate::support::*;

const DOCS: &str = include_str!("../../../docs/reference/events.md");
const METRICS: &str = include_str!("../../../docs/reference/metrics.md");

/// Returns every source file.
pub fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// Returns the messages that the source logs: the last string of each call of a `tracing` macro.
fn logged() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sentences = Vec::new();
    for file in sources(&root) {
        let text = fs::read_to_string(file).unwrap();
        for level in ["tracing::info!(", "tracing::warn!(", "tracing::error!("] {
            for call in text.split(level).skip(1) {
                let call = call.split(");").next().unwrap();
                if let Some(sentence) = call.rsplit('"').nth(1) {
                    sentences.push(sentence.to_owned());
                }
            }
        }
    }
    sentences
}

#[test]
fn event_reference_lists_every_log_message() {
    let logged = logged();
    assert!(logged.len() > 15 && logged.iter().any(|line| line == "answered"), "{logged:?}");
    for sentence in logged {
        assert!(
            DOCS.contains(&format!("`{sentence}`")),
            "docs/reference/events.md lacks `{sentence}`"
        );
    }
}

/// Starts a server on this database that logs everything as JSON.
async fn talkative(backend: Backend, home: &Path, level: &str) -> (ServerProcess, String) {
    talkative_in(backend, home, level, "json").await
}

async fn talkative_in(
    backend: Backend,
    home: &Path,
    level: &str,
    format: &str,
) -> (ServerProcess, String) {
    let url = backend.database(home).await;
    let secret = SigningKey::generate().reveal();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("PORTCULLIS_SECRET", secret.as_str()),
        ("PORTCULLIS_LOG", level),
        ("PORTCULLIS_LOG_FORMAT", format),
        ("PORTCULLIS_METRICS_LISTEN", "127.0.0.1:0"),
    ];
    (ServerProcess::start_logging(home, &settings), url)
}

/// Stops a server, and returns its whole log.
fn log_of(server: ServerProcess, home: &Path) -> String {
    server.signal("TERM");
    assert!(server.wait().success());
    fs::read_to_string(home.join("log")).unwrap()
}

/// Returns the lines of one route, oldest first.
fn lines_of<'a>(log: &'a [Value], route: &str) -> Vec<&'a Value> {
    log.iter().filter(|line| line["message"] == "answered" && line["route"] == route).collect()
}

fn parsed(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[apply(on_both_databases)]
async fn log_line_names_the_route_user_credential_and_reason(backend: Backend) {
    let home = TempDir::new().unwrap();
    let (server, _) = talkative(backend, home.path(), "info").await;
    let anonymous = server.anonymous.clone();
    let body = json!({ "name": "Ada", "email": "ada@example.com", "password": PASSWORD });
    let reply = anonymous.post("/api/auth/sign-up/email", body).await;
    let browser = anonymous.with_cookie(&reply.cookie().unwrap());
    let id = reply.expect(200)["user"]["id"].clone();
    let wrong = json!({ "email": "ada@example.com", "password": "not the password" });
    let refused = anonymous.post("/api/auth/sign-in/email", wrong).await;
    let request_id = refused.header("x-request-id").unwrap().to_owned();
    let created = browser.post("/api/tokens", json!({ "name": "t", "scopes": ["read"] })).await;
    let script = anonymous.with_token(created.expect(201)["token"].as_str().unwrap());
    let write = script.post(&reactivation(id.as_str().unwrap()), json!({})).await;
    write.assert_problem(403, "insufficient_scope");
    script.get("/api/me").await.expect(200);
    browser.get("/api/admin/users").await.assert_problem(403, "admin_required");
    browser.post("/api/auth/sign-out", json!({})).await.expect(200);
    browser.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
    anonymous.get("/nowhere/at%0aall").await.assert_problem(404, "not_found");
    let log = parsed(&log_of(server, home.path()));

    let line = |route: &str| lines_of(&log, route)[0];
    assert_eq!(line("/api/auth/sign-up/email")["user"], id);
    let refused = line("/api/auth/sign-in/email");
    assert_eq!(refused["reason"], "INVALID_EMAIL_OR_PASSWORD");
    assert_eq!(refused["span"]["id"], request_id.as_str());
    assert_eq!(refused.get("user"), None);
    assert_eq!(line("/api/tokens")["gate"], "cookie");
    assert_eq!(line("/api/tokens")["user"], id);
    assert_eq!(line("/api/admin/users/{id}/reactivate")["reason"], "insufficient_scope");
    assert_eq!(line("/api/admin/users")["reason"], "admin_required");
    let mine = lines_of(&log, "/api/me");
    assert_eq!(mine[0]["gate"], "token");
    assert_eq!(mine[1]["gate"], "stale-cookie");
    let nowhere = log.iter().find(|line| line["status"] == 404).unwrap();
    assert_eq!(nowhere.get("route"), None);
    assert_eq!(nowhere["path"], "/nowhere/*");
}

#[tokio::test]
async fn exceeded_rate_limit_is_logged_with_its_reason() {
    let home = TempDir::new().unwrap();
    let settings = [
        ("PORTCULLIS_LIMIT_SIGN_IN", "1/1h"),
        ("PORTCULLIS_LOG", "info"),
        ("PORTCULLIS_LOG_FORMAT", "json"),
    ];
    let server = ServerProcess::start_logging(home.path(), &settings);
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    for status in [401, 429] {
        server.anonymous.post("/api/auth/sign-in/email", body.clone()).await.expect(status);
    }
    let log = parsed(&log_of(server, home.path()));
    let lines = lines_of(&log, "/api/auth/sign-in/email");
    assert_eq!(lines[1]["status"], 429);
    assert_eq!(lines[1]["reason"], "too_many_requests");
    assert_eq!(lines[1].get("user"), None);
}

#[tokio::test]
async fn repeated_tampered_cookies_are_logged_once() {
    let home = TempDir::new().unwrap();
    let server = ServerProcess::start_logging(home.path(), &[]);
    let tampered = server.anonymous.with_cookie("portcullis=junk");
    for _ in 0..3 {
        tampered.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
    }
    let log = log_of(server, home.path());
    assert_eq!(log.matches("a session cookie with a bad signature").count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lease_renewal_outage_and_recovery_are_each_logged_once() {
    let home = TempDir::new().unwrap();
    let (proxy, url) = Proxy::to(&Backend::Postgres.database(home.path()).await).await;
    let secret = SigningKey::generate().reveal();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("PORTCULLIS_SECRET", secret.as_str()),
        ("PORTCULLIS_DATABASE_TIMEOUT", "1"),
        ("PORTCULLIS_LOG", "info"),
    ];
    let server = ServerProcess::start_logging(home.path(), &settings);
    let times_logged = |sentence: &str| {
        fs::read_to_string(home.path().join("log")).unwrap().matches(sentence).count()
    };
    let soon = Duration::from_millis(20);
    let (fault, end) = ("the lease cannot be renewed", "the lease can be renewed again");
    for (does, sentence) in [(ProxyMode::Refuse, fault), (ProxyMode::Pass, end)] {
        proxy.set(does);
        within_timeout(async {
            while times_logged(sentence) == 0 {
                tokio::time::sleep(soon).await;
            }
        })
        .await;
        // Waits while the job is retried a few times.
        tokio::time::sleep(soon * 50).await;
    }
    assert_eq!((times_logged(fault), times_logged(end)), (1, 1));
    drop(server);
}

#[apply(on_both_databases)]
async fn metrics_are_served_only_on_a_separate_listener(backend: Backend) {
    let home = TempDir::new().unwrap();
    let (server, _) = talkative(backend, home.path(), "info").await;
    server.anonymous.get("/metrics").await.assert_problem(404, "not_found");
    server.anonymous.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
    for number in 0..5 {
        server.anonymous.get(&format!("/nowhere/{number}")).await.assert_problem(404, "not_found");
    }
    let made_up = Method::from_bytes(b"MADEUP").unwrap();
    Reply::of(server.anonymous.request(made_up, "/api/me"))
        .await
        .assert_problem(405, "method_not_allowed");
    let (_, address) = server.banner.split_once("metrics   ").unwrap();
    let base = address.lines().next().unwrap().trim_end_matches("/metrics");
    let metrics = anonymous(base);
    // The metrics listener serves no operation of the document.
    let elsewhere =
        http_client().build().unwrap().get(format!("{base}/api/me")).send().await.unwrap();
    assert_eq!(elsewhere.status(), 404);
    let reply = metrics.get("/metrics").await;
    assert!(reply.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    let text = reply.text;
    for line in [
        r#"portcullis_requests_total{method="GET",route="/api/me",status="401"} 1"#,
        r#"portcullis_requests_total{method="other",route="/api/me",status="405"} 1"#,
        r#"portcullis_gate_total{outcome="anonymous"} 1"#,
        "portcullis_jobs_waiting 0",
        "portcullis_hashes 0",
    ] {
        assert!(text.contains(line), "{line} is not in:\n{text}");
    }
    assert!(!text.contains("nowhere"), "a client controls a label");
    for name in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = name.split(' ').next().unwrap();
        let short = name.trim_start_matches("portcullis_store").trim_end_matches("_total");
        assert!(METRICS.contains(short), "docs/reference/metrics.md lacks {name}");
    }
    // What only grows is a counter; durations are in seconds.
    for counter in [
        "portcullis_store_waits_total",
        "portcullis_store_wait_timeouts_total",
        "portcullis_store_wait_seconds_total",
        "portcullis_key_look_ups_total",
        "portcullis_epochs_read_total",
        "portcullis_hashes_made_total",
        "portcullis_log_dropped_lines_total",
        "process_cpu_seconds_total",
    ] {
        let kind = format!("# TYPE {} counter\n", counter.trim_end_matches("_total"));
        assert!(text.contains(&kind), "{kind} is not in:\n{text}");
        assert!(text.contains(&format!("\n{counter} ")), "{counter} is not in:\n{text}");
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        assert!(!line.contains("micros") && !line.contains("millis"), "{line}");
    }
    let build = format!("portcullis_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&build), "{text}");
    let value = |name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} is not in:\n{text}")).parse().unwrap()
    };
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_virtual_memory_bytes") >= value("process_resident_memory_bytes"));
    assert!(value("process_open_fds") >= 3.0 && value("process_threads") >= 2.0);
    let now = portcullis::time::Clock::System.now().micros();
    let now = Duration::from_micros(u64::try_from(now).unwrap()).as_secs_f64();
    let age = now - value("process_start_time_seconds");
    assert!((-60.0..3600.0).contains(&age), "{age}");
}

/// Values that must not be written to the log, each with a name.
struct Markers(Vec<(&'static str, String)>);

impl Markers {
    #[track_caller]
    fn are_not_in(&self, source: &str, text: &str) {
        for (what, marker) in &self.0 {
            assert!(!text.contains(marker), "{what} is in {source}");
        }
    }
}

#[apply(on_both_databases)]
async fn secrets_are_in_no_log_level_and_not_in_the_database(backend: Backend) {
    let home = TempDir::new().unwrap();
    let (server, url) = talkative(backend, home.path(), "trace,tokio_postgres::query=trace").await;
    let anonymous = server.anonymous.clone();
    let (email, moved) = ("marker.ada@example.com", "marker.lovelace@example.com");
    let passwords = ["marker one battery", "marker two battery", "marker three battery"];
    let mut secrets = Vec::new();
    for (at, password) in passwords.iter().enumerate() {
        secrets.push((["a password", "a new password", "a third"][at], (*password).to_owned()));
    }
    let body = json!({ "name": "Marker Ada", "email": email, "password": passwords[0] });
    let reply = anonymous.post("/api/auth/sign-up/email", body).await;
    let mut cookie = reply.cookie().unwrap();
    secrets.push(("a cookie", cookie.split_once('=').unwrap().1.to_owned()));
    secrets.push(("a cookie's secret", crate::routes::auth::secret_of(&cookie)));
    let browser = anonymous.with_cookie(&cookie);
    let link = |mail: Email| mail.secret();
    let mailbox = home.path().join("data/outbox");
    let confirm = link(Email::wait_in(&mailbox, email, 1).await);
    secrets.push(("a link to confirm", confirm.clone()));
    browser.get(&format!("/api/auth/verify-email?token={confirm}")).await.expect(200);

    let wrong = json!({ "email": email, "password": "marker wrong battery" });
    anonymous.post("/api/auth/sign-in/email", wrong).await.expect(401);
    secrets.push(("a wrong password", "marker wrong battery".into()));
    let change = json!({ "currentPassword": passwords[0], "newPassword": passwords[1] });
    let reply = browser.post("/api/auth/change-password", change).await;
    cookie = reply.cookie().unwrap();
    let browser = anonymous.with_cookie(&cookie);
    let created = browser.post("/api/tokens", json!({ "name": "t" })).await.expect(201);
    let token = created["token"].as_str().unwrap().to_owned();
    let script = anonymous.with_token(&token);
    script.get("/api/me").await.expect(200);
    let (start, last) = token.split_at(token.len() - 1);
    let broken = format!("{start}{}", if last == "x" { "y" } else { "x" });
    anonymous.with_token(&broken).get("/api/me").await.expect(401);
    anonymous.get(&format!("/api/me?token={token}&x=1")).await.expect(401);
    secrets.push(("a token", start.to_owned()));

    let reset = json!({ "email": email });
    anonymous.post("/api/auth/request-password-reset", reset).await.expect(200);
    let reset = link(Email::wait_in(&mailbox, email, 4).await);
    secrets.push(("a link to reset", reset.clone()));
    anonymous.get(&format!("/api/auth/reset-password/{reset}?callbackURL=/")).await.expect(302);
    let body = json!({ "newPassword": passwords[2], "token": reset });
    anonymous.post("/api/auth/reset-password", body).await.expect(200);
    let body = json!({ "email": email, "password": passwords[2] });
    let reply = anonymous.post("/api/auth/sign-in/email", body).await;
    let browser = anonymous.with_cookie(&reply.cookie().unwrap());
    let body = json!({ "newEmail": moved });
    browser.post("/api/auth/change-email", body).await.expect(200);
    let change = link(Email::wait_in(&mailbox, moved, 1).await);
    secrets.push(("a link to another address", change.clone()));
    anonymous.get(&format!("/api/auth/verify-email?token={change}")).await.expect(200);
    let torn = format!("{}x", cookie.replace('=', "=%00"));
    anonymous.with_cookie(&torn).get("/api/me").await.expect(401);
    let log = log_of(server, home.path());
    assert!(log.contains("\"TRACE\"") && log.lines().count() > 100, "everything is logged");

    let stored = Markers(secrets);
    stored.are_not_in("the log", &log);
    stored.are_not_in("the database", &dump_of(&url).await);
    let personal = [("an address", email), ("another", moved), ("a name", "Marker Ada")];
    Markers(personal.map(|(what, text)| (what, text.to_owned())).into())
        .are_not_in("the log", &log);
}

/// Puts this value wherever a client controls the text: headers, path, method, body. Returns the number of
/// responses.
async fn write_everywhere(server: &ServerProcess, forged: &str) -> usize {
    for name in ["User-Agent", "X-Forwarded-For", "X-Request-Id", "Traceparent", "Referer"] {
        let value = forged.replace(['\r', '\n', '\u{1b}'], "\t");
        let request = server.anonymous.request(Method::GET, "/api/me").header(name, value);
        Reply::of(request).await.expect(401);
    }
    let encoded: String = url::form_urlencoded::byte_serialize(forged.as_bytes()).collect();
    server.anonymous.get(&format!("/{encoded}%1b[31m")).await.expect(404);
    let email = format!("{forged}@example.com");
    let body = json!({ "name": forged, "email": email, "password": forged });
    server.anonymous.post("/api/auth/sign-up/email", body).await.expect(400);
    // Unescaped quotes, which no HTTP library sends but a server may receive.
    let bare: String = forged.chars().filter(char::is_ascii_graphic).collect();
    let head = format!("GET /{bare} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let address = server.anonymous.base.trim_start_matches("http://");
    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    8
}

#[tokio::test]
async fn log_line_has_the_request_id_of_a_proxy_and_the_trace_id() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let home = TempDir::new().unwrap();
    let (server, _) = talkative(Backend::Sqlite, home.path(), "info").await;
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    for parent in [parent.as_str(), "00-junk-00f067aa0ba902b7-01"] {
        let request = server.anonymous.request(Method::GET, "/api/me");
        let request = request.header("X-Request-Id", "from-nginx").header("traceparent", parent);
        Reply::of(request).await.expect(401);
    }
    let token = Server::unknown_token();
    let request = server.anonymous.request(Method::GET, "/api/me").header("X-Request-Id", &token);
    Reply::of(request).await.expect(401);
    let log = log_of(server, home.path());
    assert!(!log.contains(&token), "{log}");
    let log = parsed(&log);
    let spans: Vec<&Value> =
        lines_of(&log, "/api/me").into_iter().map(|line| &line["span"]).collect();
    assert_eq!((&spans[0]["id"], &spans[0]["trace_id"]), (&json!("from-nginx"), &json!(TRACE)));
    assert_eq!(spans[1]["id"], "from-nginx");
    assert!(spans[1].get("trace_id").is_none_or(Value::is_null), "{}", spans[1]);
}

#[tokio::test]
async fn log_injection_cannot_forge_a_json_line() {
    let home = TempDir::new().unwrap();
    let (server, _) = talkative(Backend::Sqlite, home.path(), "info").await;
    let answers = write_everywhere(&server, "x\"}\r\n{\"message\":\"forged\"}").await;
    let log = log_of(server, home.path());
    let lines = parsed(&log);
    assert!(lines.iter().all(|line| line["message"] != "forged"), "{log}");
    assert_eq!(lines.iter().filter(|line| line["message"] == "answered").count(), answers);
    assert!(!log.contains('\u{1b}'), "{log}");
}

#[tokio::test]
async fn log_injection_cannot_forge_a_human_readable_line() {
    let home = TempDir::new().unwrap();
    let (server, _) = talkative_in(Backend::Sqlite, home.path(), "info", "human").await;
    let line = "2026-01-01T00:00:00Z  INFO request{id=1 method=GET path=\"/\"}: answered";
    let forged = format!("x\"user=\"forged\"\r\n\u{1b}[2K{line}");
    let answers = write_everywhere(&server, &forged).await;
    let log = log_of(server, home.path());
    let said = log.lines().filter(|line| line.contains("answered")).count();
    assert_eq!(said, answers, "{log}");
    let day = portcullis::time::Clock::System.now().to_string();
    for line in log.lines() {
        assert!(line.starts_with(&day[..4]), "each line begins with its time: {line}");
        assert!(!line.starts_with("2026-01-01"), "{line}");
        // A quote that the client sent is escaped with a backslash.
        assert!(!line.contains(r#""user="forged"#) && !line.contains(" user="), "{line}");
    }
    assert!(!log.contains('\u{1b}'), "{log}");
}
