//! The addresses on which a server listens, and its notifications to systemd.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixDatagram, UnixStream},
    },
    path::Path,
    time::Duration,
};

use tempfile::TempDir;

use crate::support::*;

/// Returns the response to a request over a Unix socket, with one more header.
fn ask(socket: &Path, request: &str, header: &str, body: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    let head = format!(
        "{request} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n{header}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn on_socket(home: &Path) -> (std::path::PathBuf, String) {
    let socket = home.join("portcullis.sock");
    let listen = format!("unix:{}", socket.display());
    (socket, listen)
}

#[tokio::test]
async fn unix_socket_has_the_configured_mode_and_is_removed_at_shutdown() {
    for (setting, mode) in [(None, 0o660), (Some("0600"), 0o600), (Some("0666"), 0o666)] {
        let home = TempDir::new().unwrap();
        let (socket, listen) = on_socket(home.path());
        let mut settings = vec![("PORTCULLIS_LISTEN", listen.as_str())];
        settings.extend(setting.map(|mode| ("PORTCULLIS_SOCKET_MODE", mode)));
        let server = ServerProcess::start(home.path(), &settings);
        let found = fs::metadata(&socket).unwrap();
        assert!(found.file_type().is_socket());
        assert_eq!(found.permissions().mode() & 0o777, mode);
        assert!(!server.banner.contains("warning"), "{}", server.banner);
        assert!(ask(&socket, "GET /health/ready", "X-Test: 1", "").starts_with("HTTP/1.1 200"));
        server.signal("TERM");
        assert!(server.wait().success());
        assert!(!socket.exists());
    }
}

#[tokio::test]
async fn stale_unix_socket_is_replaced_but_not_one_in_use() {
    let home = TempDir::new().unwrap();
    let (socket, listen) = on_socket(home.path());
    let other = format!("sqlite:{}", home.path().join("other.db").display());
    let settings = [("PORTCULLIS_LISTEN", listen.as_str())];
    // The server is killed on drop.
    drop(ServerProcess::start(home.path(), &settings));
    assert!(socket.exists());
    let server = ServerProcess::start(home.path(), &settings);
    let second = [settings[0], ("DATABASE_URL", &other)];
    let refusal = fails(run(home.path(), &second, &[], ""));
    assert!(refusal.contains("another process listens there"), "{refusal}");
    assert_eq!(refusal.lines().count(), 1, "{refusal}");
    assert!(ask(&socket, "GET /health/ready", "X-Test: 1", "").starts_with("HTTP/1.1 200"));
    drop(server);
    fs::remove_file(&socket).unwrap();
    fs::write(&socket, "precious").unwrap();
    let refusal = fails(run(home.path(), &settings, &[], ""));
    assert!(refusal.contains("no socket"), "{refusal}");
    assert_eq!(fs::read_to_string(&socket).unwrap(), "precious");
    let missing = format!("unix:{}/none/x.sock", home.path().display());
    let refusal = fails(run(home.path(), &[("PORTCULLIS_LISTEN", &missing)], &[], ""));
    assert!(refusal.contains("none/x.sock"), "{refusal}");
}

#[tokio::test]
async fn unix_socket_client_is_trusted_as_a_proxy_for_rate_limits() {
    let home = TempDir::new().unwrap();
    let (socket, listen) = on_socket(home.path());
    let settings = [("PORTCULLIS_LISTEN", listen.as_str()), ("PORTCULLIS_LIMIT_SIGN_IN", "1/1h")];
    let _server = ServerProcess::start(home.path(), &settings);
    let sign_in = |forwarded: &str| {
        let header = format!("X-Forwarded-For: {forwarded}");
        let body = json!({ "email": "a@example.com", "password": PASSWORD }).to_string();
        ask(&socket, "POST /api/auth/sign-in/email", &header, &body)[9..12].to_owned()
    };
    assert_eq!(sign_in("192.0.2.1"), "401");
    assert_eq!(sign_in("192.0.2.1"), "429");
    // The part that the client wrote itself is further left.
    assert_eq!(sign_in("192.0.2.2, 192.0.2.1"), "429");
    assert_eq!(sign_in("192.0.2.1, 192.0.2.2"), "401");
}

fn answers(address: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let request = "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

fn port_of(server: &ServerProcess) -> u16 {
    let (_, rest) = server.banner.split_once("listening on ").unwrap();
    let address = rest.split([' ', ')']).next().unwrap();
    address.rsplit(':').next().unwrap().parse().unwrap()
}

#[rstest]
#[case::localhost("localhost:0")]
#[case::everywhere(":0")]
#[tokio::test]
async fn host_name_or_bare_port_listens_on_ipv4_and_ipv6(#[case] listen: &str) {
    let home = TempDir::new().unwrap();
    let settings = [("PORTCULLIS_LISTEN", listen), ("PORTCULLIS_METRICS_LISTEN", listen)];
    let server = ServerProcess::start(home.path(), &settings);
    let port = port_of(&server);
    assert!(answers(&format!("127.0.0.1:{port}")), "{}", server.banner);
    assert_eq!(answers(&format!("[::1]:{port}")), has_ipv6(), "{}", server.banner);
    assert!(server.banner.contains("/metrics"), "{}", server.banner);
}

#[tokio::test]
async fn port_variable_is_used_unless_listen_is_set() {
    let home = TempDir::new().unwrap();
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let port = free().to_string();
    let start = |settings: &[(&str, &str)], leave_out: bool| {
        let mut command = portcullis(home.path(), settings);
        if leave_out {
            command.env_remove("PORTCULLIS_LISTEN");
        }
        ServerProcess::of(command.spawn().unwrap())
    };
    let server = start(&[("PORT", &port)], true);
    assert!(answers(&format!("127.0.0.1:{port}")), "{}", server.banner);
    drop(server);
    let server = start(&[("PORT", &port), ("PORTCULLIS_LISTEN", "127.0.0.1:0")], false);
    assert!(!answers(&format!("127.0.0.1:{port}")), "{}", server.banner);
    drop(server);
    let refusal = fails(run(home.path(), &[("PORT", "http")], &[], ""));
    assert!(refusal.starts_with("portcullis: PORT: "), "{refusal}");
}

#[tokio::test]
async fn systemd_is_notified_of_readiness_watchdog_and_stopping() {
    let home = TempDir::new().unwrap();
    let socket = home.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let notification = || {
        let mut message = [0; 256];
        let length = systemd.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).trim().to_owned()
    };
    let notify = socket.display().to_string();
    let settings = [("NOTIFY_SOCKET", notify.as_str()), ("WATCHDOG_USEC", "300000")];
    let server = ServerProcess::start(home.path(), &settings);
    assert_eq!(notification(), "READY=1");
    server.anonymous.get("/health/ready").await.expect(200);
    for _ in 0..3 {
        assert_eq!(notification(), "WATCHDOG=1");
    }
    server.signal("TERM");
    while notification() != "STOPPING=1" {}
    assert!(server.wait().success());
}

#[test]
fn unusable_listen_setting_fails_and_is_named_with_the_reason() {
    let home = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (setting, listen, says) in [
        ("PORTCULLIS_LISTEN", address.as_str(), "Another process listens there"),
        ("PORTCULLIS_METRICS_LISTEN", address.as_str(), "Another process listens there"),
        ("PORTCULLIS_LISTEN", "192.0.2.1:8080", "no such address"),
        ("PORTCULLIS_LISTEN", "nowhere.invalid:8080", "nowhere.invalid"),
    ] {
        let refusal = fails(run(home.path(), &[(setting, listen)], &[], ""));
        assert!(refusal.contains(says) && refusal.contains(setting), "{refusal}");
        assert_eq!(refusal.lines().count(), 1, "{refusal}");
    }
}
