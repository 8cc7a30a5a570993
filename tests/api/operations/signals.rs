//! How a running server handles signals.

use std::{fs, io::Read, io::Write, net::TcpStream, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::*;

/// Sends half of a request, and waits until the server has read it.
async fn half_a_request(server: &ServerProcess) -> (TcpStream, String) {
    let body = json!({ "name": "x", "email": "x@example.com", "password": PASSWORD }).to_string();
    let (first, rest) = body.split_at(10);
    let head = format!(
        "POST /api/auth/sign-up/email HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{first}",
        body.len()
    );
    let mut socket =
        TcpStream::connect(server.anonymous.base.trim_start_matches("http://")).unwrap();
    socket.write_all(head.as_bytes()).unwrap();
    // The only worker has read this much when it answers a later request on another connection.
    server.anonymous.get("/health/live").await.expect(200);
    server.anonymous.get("/health/live").await.expect(200);
    (socket, rest.to_owned())
}

fn is_finished(mut socket: TcpStream, rest: &str) {
    socket.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

const ONE_WORKER: (&str, &str) = ("PORTCULLIS_WORKERS", "1");

/// As `timeout` and the init programs of containers send signals: to the process, and to its group.
#[rstest]
#[case(&[Signal::TERM, Signal::TERM])]
#[case(&[Signal::INT, Signal::TERM, Signal::QUIT])]
#[tokio::test]
async fn signals_within_a_second_count_as_one_and_running_requests_finish(
    #[case] signals: &[Signal],
) {
    let home = TempDir::new().unwrap();
    let server = ServerProcess::start(home.path(), &[ONE_WORKER]);
    let (socket, rest) = half_a_request(&server).await;
    // Not with the program `kill`, which takes a while to start on a busy machine.
    let process = Pid::from_child(&server.child);
    for signal in signals {
        kill_process(process, *signal).unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    is_finished(socket, &rest);
    assert!(server.wait().success());
}

#[tokio::test]
async fn signal_a_second_after_the_first_stops_at_once() {
    let home = TempDir::new().unwrap();
    let server =
        ServerProcess::start(home.path(), &[ONE_WORKER, ("PORTCULLIS_DRAIN_DELAY", "600")]);
    server.signal("TERM");
    server.signal("TERM");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    server.anonymous.get("/api/dashboard").await.expect(200);
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(1));
}

#[tokio::test]
async fn ignored_signals_interrupt_no_request_and_are_logged() {
    let home = TempDir::new().unwrap();
    let settings = [ONE_WORKER, ("PORTCULLIS_LOG", "info")];
    let server = ServerProcess::start_logging(home.path(), &settings);
    let (socket, rest) = half_a_request(&server).await;
    for name in ["HUP", "USR1", "USR2"] {
        server.signal(name);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    is_finished(socket, &rest);
    server.anonymous.get("/health/ready").await.expect(200);
    server.signal("TERM");
    assert!(server.wait().success());
    let log = fs::read_to_string(home.path().join("log")).unwrap();
    for name in ["SIGHUP", "SIGUSR1", "SIGUSR2"] {
        assert!(log.contains(&format!("this signal is ignored signal=\"{name}\"")), "{log}");
    }
}
