//! The log of a server when it is not read, cannot be written, or is flooded; and the standard output of
//! commands.

use std::{
    env,
    fs::{self, File},
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread,
    time::Duration,
};

use portcullis::{
    cli::log,
    config::LogFormat,
    output::{self, LogLine},
};
use reqwest::Method;
use tempfile::TempDir;

use crate::support::*;

const INFO: (&str, &str) = ("PORTCULLIS_LOG", "info");

/// Stops a server with SIGTERM, within a timeout.
async fn stop(mut server: ServerProcess) -> ExitStatus {
    server.signal("TERM");
    within_timeout(end_of(&mut server.child)).await
}

async fn end_of(child: &mut Child) -> ExitStatus {
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn unread_log_blocks_no_request_health_check_or_signal() {
    let home = TempDir::new().unwrap();
    // Its standard error is a pipe that this test never reads: the pipe is full after 64 KiB.
    let server = ServerProcess::start(home.path(), &[INFO]);
    for _ in 0..2000 {
        within_timeout(server.anonymous.get("/api/auth/ok")).await.expect(200);
    }
    within_timeout(server.anonymous.get("/health/live")).await.expect(200);
    within_timeout(server.anonymous.get("/health/ready")).await.expect(200);
    assert!(stop(server).await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overflowing_log_lines_are_dropped_counted_and_reported() {
    let home = TempDir::new().unwrap();
    let settings = [("PORTCULLIS_LOG", "trace"), ("PORTCULLIS_METRICS_LISTEN", "127.0.0.1:0")];
    let mut server = ServerProcess::start(home.path(), &settings);
    let dropped = |metrics: &str| -> u64 {
        let name = "portcullis_log_dropped_lines_total ";
        metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap()
    };
    assert_eq!(dropped(&server.metrics().await), 0);
    within_timeout(async {
        while dropped(&server.metrics().await) == 0 {
            for _ in 0..50 {
                server.anonymous.get("/api/me").await.expect(401);
            }
        }
    })
    .await;
    let mut pipe = server.child.stderr.take().unwrap();
    let reader = thread::spawn(move || {
        let mut log = String::new();
        pipe.read_to_string(&mut log).unwrap();
        log
    });
    within_timeout(async {
        // The panic message is queued behind the lines that wait to be written.
        for _ in 0..20 {
            server.anonymous.get("/api/me").await.expect(401);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert!(stop(server).await.success());
    let log = reader.join().unwrap();
    let report =
        log.lines().find(|line| line.contains("log lines were dropped")).expect("a panic message");
    assert!(report.contains("lines=") && report.contains("bytes="), "{report}");
}

/// The part of the next test that runs in a process of its own.
#[test]
#[ignore = "it needs a standard error that is not read"]
fn child_process_panics_with_an_unread_log() {
    output::start().unwrap();
    log::begin("info", LogFormat::Human, false, || LogLine).unwrap();
    log::log_panics();
    for number in 0..2000 {
        let panics = thread::spawn(move || panic!("number {number} {}", "x".repeat(1000)));
        assert!(panics.join().is_err());
    }
    output::error_line("the end");
    output::flush();
}

#[tokio::test]
async fn panic_with_an_unread_log_does_not_block() {
    let test = "operations::log_output::child_process_panics_with_an_unread_log";
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--ignored", test])
        .env_remove("RUST_BACKTRACE")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    assert!(within_timeout(end_of(&mut child)).await.success());
    let mut log = vec![0; 4096];
    let length = child.stderr.take().unwrap().read(&mut log).unwrap();
    let log = String::from_utf8_lossy(&log[..length]);
    assert!(log.contains("a thread panicked") && log.contains("number 0 xxx"), "{log}");
    let longest = log.lines().map(str::len).max().unwrap();
    assert!(longest < 500, "a panic message is truncated: {log}");
}

/// Returns a pipe whose reading end is closed.
fn closed_pipe() -> Stdio {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn full_disk() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

#[rstest]
#[case::closed_pipe(closed_pipe)]
#[case::full_disk(full_disk)]
#[tokio::test]
async fn server_with_unwritable_output_serves_and_shuts_down(#[case] output: fn() -> Stdio) {
    let home = TempDir::new().unwrap();
    // The banner cannot be read, so the test chooses where the server listens.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listen = address.to_string();
    let mut command = portcullis(home.path(), &[INFO, ("PORTCULLIS_LISTEN", &listen)]);
    let child = command.stdout(output()).stderr(output()).spawn().unwrap();
    let anonymous = anonymous(&format!("http://{address}"));
    let server = ServerProcess { child, banner: String::new(), anonymous };
    within_timeout(async {
        while TcpStream::connect(address).is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    for _ in 0..20 {
        server.anonymous.get("/api/me").await.expect(401);
    }
    server.signal("HUP");
    server.anonymous.get("/health/ready").await.expect(200);
    assert!(stop(server).await.success());
}

/// Every command that prints and exits, with its arguments and standard input, in an order in which all of them
/// succeed.
const COMMANDS: [(&str, &[&str], &str); 27] = [
    ("new", &["shop"], ""),
    ("openapi", &[], ""),
    ("secret", &[], ""),
    ("migrate", &[], ""),
    ("user create", &["--email", "b@example.com", "--name", "B"], PASSWORD),
    ("user list", &[], ""),
    ("user role", &["b@example.com", "user"], ""),
    ("user unlock", &["b@example.com"], ""),
    ("user password", &["b@example.com"], PASSWORD),
    ("user reset-two-factor", &["b@example.com"], ""),
    ("user deactivate", &["b@example.com"], ""),
    ("user reactivate", &["b@example.com"], ""),
    ("session list", &["--email", "b@example.com"], ""),
    ("session revoke", &["--all"], ""),
    ("token create", &["--email", "b@example.com", "--name", "t"], ""),
    ("token list", &[], ""),
    ("token revoke", &["--all"], ""),
    ("errors", &[], ""),
    ("routes", &[], ""),
    ("cache status", &[], ""),
    ("cache enable", &[], ""),
    ("cache disable", &[], ""),
    ("retention status", &[], ""),
    ("retention confirm", &[], ""),
    ("backup", &["copy"], ""),
    ("--help", &[], ""),
    ("--version", &[], ""),
];

/// Returns the commands that exit by themselves, as the command line defines them.
fn defined(command: &clap::Command, path: &str) -> Vec<String> {
    if !command.has_subcommands() {
        return vec![path.to_owned()];
    }
    let within =
        |inner: &clap::Command| defined(inner, format!("{path} {}", inner.get_name()).trim_start());
    command.get_subcommands().filter(|inner| inner.get_name() != "serve").flat_map(within).collect()
}

/// Runs each command with this standard output, and returns its result.
fn commands(home: &Path, output: fn() -> Stdio) -> Vec<(String, Output)> {
    let defined = defined(&product().command(), "");
    let listed = |name: &String| COMMANDS.iter().any(|(listed, ..)| listed == name);
    assert!(defined.iter().all(listed), "COMMANDS lacks one of {defined:?}");
    let help = defined.iter().map(|name| (name.as_str(), &["--help"][..], ""));
    let end = |(name, arguments, input): (&str, &[&str], &str)| {
        let mut command = portcullis(home, &[]);
        command.args(name.split(' ')).args(arguments).stdin(Stdio::piped()).stdout(output());
        let mut child = command.spawn().unwrap();
        // A command that reads no input may have exited by now.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        (format!("{name} {}", arguments.join(" ")), child.wait_with_output().unwrap())
    };
    COMMANDS.into_iter().chain(help).map(end).collect()
}

#[test]
fn command_with_a_closed_output_pipe_ends_silently() {
    let home = TempDir::new().unwrap();
    for (command, output) in commands(home.path(), closed_pipe) {
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{command}");
        assert_eq!(output.status.code(), Some(141), "{command}");
    }
}

#[test]
fn command_with_unwritable_output_fails_with_one_line() {
    let home = TempDir::new().unwrap();
    for (command, output) in commands(home.path(), full_disk) {
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(errors.lines().count(), 1, "{command}: {errors}");
        assert!(errors.contains("standard output: No space left on device"), "{command}: {errors}");
        assert_eq!(output.status.code(), Some(1), "{command}");
    }
}

/// Sends these bytes on a connection of their own, and reads until it is closed.
fn exchange(server: &ServerProcess, bytes: &[u8]) -> String {
    let mut socket =
        TcpStream::connect(server.anonymous.base.trim_start_matches("http://")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let _ = socket.write_all(bytes);
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

async fn log_of(server: ServerProcess, home: &Path) -> String {
    assert!(stop(server).await.success());
    fs::read_to_string(home.join("log")).unwrap()
}

/// Returns the sum of the counts that the log lines with this message carry.
fn times(log: &str, sentence: &str) -> usize {
    let lines = log.lines().filter(|line| line.contains(sentence));
    let times = lines
        .filter_map(|line| line.split("times=").nth(1)?.split(' ').next()?.parse::<usize>().ok());
    times.sum()
}

#[tokio::test]
async fn repeated_malformed_requests_are_logged_rarely_and_counted() {
    const MANY: usize = 60;
    let home = TempDir::new().unwrap();
    let server = ServerProcess::start_logging(home.path(), &[INFO]);
    for number in 0..MANY {
        let malformed = ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"][number % 3];
        assert!(exchange(&server, malformed.as_bytes()).starts_with("HTTP/1.1 400"));
    }
    let log = log_of(server, home.path()).await;
    let logged = log.matches("stream error").count();
    assert!((1..10).contains(&logged), "{log}");
    assert!(!log.contains("panicked"), "{log}");
    assert_eq!(logged + times(&log, "a library's line was left out"), MANY, "{log}");
}

#[tokio::test]
async fn rate_limited_flood_of_long_requests_leaves_a_bounded_log() {
    let home = TempDir::new().unwrap();
    let settings = [INFO, ("PORTCULLIS_LIMIT_REQUESTS", "5/1m")];
    let server = ServerProcess::start_logging(home.path(), &settings);
    let long = "a".repeat(60_000);
    let flood = format!("{long} /{long} HTTP/1.1\r\nHost: x\r\n\r\n").repeat(100);
    let last = format!("GET /{long} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let answers = exchange(&server, format!("{flood}{last}").as_bytes());
    let (passed, refused) = (answers.matches(" 404 ").count(), answers.matches(" 429 ").count());
    assert_eq!((passed, refused), (5, 96), "every request has a response");
    let log = log_of(server, home.path()).await;
    assert!(log.len() < 16 * 1024, "{} bytes", log.len());
    assert_eq!(log.matches("answered").count(), 5, "{log}");
    assert_eq!(times(&log, "requests over the rate limit of their IP address were rejected"), 96);
}

#[tokio::test]
async fn health_check_is_logged_at_debug_and_other_requests_at_info() {
    for (level, probes) in [("info", 0), ("debug", 3)] {
        let home = TempDir::new().unwrap();
        let server = ServerProcess::start_logging(home.path(), &[("PORTCULLIS_LOG", level)]);
        server.anonymous.get("/health/live").await.expect(200);
        server.anonymous.get("/health/ready").await.expect(200);
        Reply::of(server.anonymous.request(Method::HEAD, "/health/live")).await.expect(200);
        server.anonymous.post("/health/live", json!({})).await.expect(405);
        server.anonymous.get("/api/auth/ok").await.expect(200);
        let log = log_of(server, home.path()).await;
        assert_eq!(log.matches("answered").count(), 2 + probes, "{log}");
    }
}

/// Tries every spelling of a link's path that may reach a server; most of them are not found.
#[tokio::test]
async fn mailed_link_secret_is_not_logged_for_any_path_spelling() {
    let home = TempDir::new().unwrap();
    let settings = [("PORTCULLIS_LOG", "trace"), ("PORTCULLIS_LOG_FORMAT", "json")];
    let server = ServerProcess::start_logging(home.path(), &settings);
    let secret = portcullis::secrets::LinkSecret::generate().reveal().to_owned();
    let encoded = secret.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"));
    let folders = [
        "/api/auth/reset-password/",
        "/api/auth/reset%2Dpassword/",
        "/api/auth/reset%252Dpassword/",
        "/api/auth/Reset-Password/",
        "/API/AUTH/RESET-PASSWORD/",
        "/api/auth%2Freset-password%2F",
        "//api/auth/reset-password//",
        "/prefix/api/auth/reset-password/",
        "/api/auth/verify-email/",
        "/reset-password;",
        "/%61pi/auth/reset-password/x/",
    ];
    for folder in folders {
        for secret in [
            &secret,
            &encoded,
            &format!("{secret}/"),
            &format!("{secret}%0A"),
            &format!("x={secret}."),
        ] {
            let head =
                format!("GET {folder}{secret} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            let answer = exchange(&server, head.as_bytes());
            assert!(answer.starts_with("HTTP/1.1 "), "{folder}: {answer}");
        }
    }
    let log = log_of(server, home.path()).await;
    assert!(log.matches("\"answered\"").count() == folders.len() * 5, "all requests are logged");
    assert!(log.contains(r#""route":"/api/auth/reset-password/{token}""#), "one spelling is found");
    for secret in [&secret, &encoded] {
        for part in [&secret[..16], &secret[secret.len() - 16..]] {
            assert!(!log.contains(part), "a link's secret is in the log");
        }
    }
}
