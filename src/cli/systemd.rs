//! Notifies systemd of the state of a server with `Type=notify`: that it is ready, that it is stopping, and, if
//! the unit has `WatchdogSec`, that it still responds. Without `NOTIFY_SOCKET` none of it happens.

use std::{
    convert::Infallible,
    future::pending,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use sd_notify::NotifyState;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    time::{sleep, timeout},
};

use crate::app::Bound;

const REQUEST: &[u8] = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 ";
/// How often a server that has just been started is probed.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);
/// How long the server may take to respond to a probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// Reports readiness after the first successful probe, and from then on pings the watchdog after each. It sends
/// a request as a client does, through the socket and a worker, to an endpoint that does not depend on the
/// database: a restart would not repair that.
pub(super) async fn report(server: &Bound) -> Infallible {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return pending().await;
    }
    while !answers(server, PROBE_TIMEOUT).await {
        sleep(RETRY_INTERVAL).await;
    }
    notify(NotifyState::Ready);
    let Some(period) = period() else { return pending().await };
    loop {
        sleep(period).await;
        if answers(server, period).await {
            notify(NotifyState::Watchdog);
        }
    }
}

/// Reports that the server is stopping. It accepts no more requests then, and the time for running ones is
/// bounded, so the watchdog is pinged without a probe.
pub(super) async fn report_stop() -> Infallible {
    notify(NotifyState::Stopping);
    let Some(period) = period() else { return pending().await };
    loop {
        notify(NotifyState::Watchdog);
        sleep(period).await;
    }
}

/// Returns a third of the watchdog's timeout.
fn period() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 3)
}

fn notify(state: NotifyState<'_>) {
    if let Err(fault) = sd_notify::notify(&[state]) {
        tracing::warn!(%fault, "systemd could not be notified");
    }
}

async fn answers(server: &Bound, within: Duration) -> bool {
    timeout(within, probe(server)).await.is_ok_and(|answered| answered.unwrap_or(false))
}

async fn probe(server: &Bound) -> io::Result<bool> {
    match server {
        Bound::Tcp(addresses) => {
            let Some(address) = addresses.first() else { return Ok(false) };
            is_ok(TcpStream::connect(reachable_address(*address)).await?).await
        }
        Bound::Unix(path) => is_ok(UnixStream::connect(path).await?).await,
    }
}

async fn is_ok(mut server: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<bool> {
    server.write_all(REQUEST).await?;
    let mut head = [0; OK.len()];
    server.read_exact(&mut head).await?;
    Ok(head == OK)
}

/// Returns an IP address by which this machine can reach its own socket.
fn reachable_address(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Returns whether a server with this response, or with none, passes the probe.
    async fn counts(answer: Option<&'static str>) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (mut client, _) = listener.accept().await.unwrap();
            match answer {
                Some(answer) => client.write_all(answer.as_bytes()).await.unwrap(),
                None => pending().await,
            }
        });
        let within = Duration::from_millis(if answer.is_some() { 20_000 } else { 100 });
        let counted = answers(&Bound::Tcp(vec![address]), within).await;
        serving.abort();
        counted
    }

    #[tokio::test]
    async fn watchdog_check_accepts_only_a_timely_ok_response() {
        assert!(counts(Some("HTTP/1.1 200 OK\r\n\r\n")).await);
        assert!(!counts(Some("HTTP/1.1 503 Service Unavailable\r\n\r\n")).await);
        assert!(!counts(Some("HTTP")).await);
        assert!(!counts(None).await);
    }

    #[test]
    fn server_on_all_interfaces_is_checked_at_a_loopback_address() {
        for (bound, asked) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(reachable_address(bound.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
