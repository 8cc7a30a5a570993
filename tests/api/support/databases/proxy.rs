//! A proxy in front of PostgreSQL that fails on demand, in the ways in which networks fail.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What the proxy does. A connection that has failed stays failed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ProxyMode {
    /// Forwards.
    Pass,
    /// Forwards each piece with this delay.
    Slow(Duration),
    /// Refuses new connections, and closes those that are open.
    Refuse,
    /// Resets every connection, old and new.
    Reset,
    /// Accepts connections and data, and never responds.
    BlackHole,
    /// PostgreSQL has closed the open connections, but the client has not been notified; new connections are
    /// forwarded.
    HalfOpen,
}

/// A handle to the proxy, which runs for as long as the test's runtime.
pub struct Proxy {
    mode: watch::Sender<ProxyMode>,
}

impl Proxy {
    /// Starts a proxy in front of this database, and returns the URL through it.
    pub async fn to(url: &str) -> (Self, String) {
        let mut url = url::Url::parse(url).unwrap();
        let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mode, receiver) = watch::channel(ProxyMode::Pass);
        tokio::spawn(listen(listener, address, target, receiver));
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(address.port())).unwrap();
        (Self { mode }, url.into())
    }

    pub fn set(&self, mode: ProxyMode) {
        self.mode.send_replace(mode);
    }
}

async fn listen(
    mut listener: TcpListener,
    address: SocketAddr,
    target: String,
    mut mode: watch::Receiver<ProxyMode>,
) {
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                tokio::spawn(serve(accepted.unwrap().0, target.clone(), mode.clone()));
            }
            changed = mode.changed() => if changed.is_err() { return },
        }
        if *mode.borrow() == ProxyMode::Refuse {
            drop(listener);
            if mode.wait_for(|mode| *mode != ProxyMode::Refuse).await.is_err() {
                return;
            }
            listener = TcpListener::bind(address).await.expect("the proxy's port is still free");
        }
    }
}

async fn serve(client: TcpStream, target: String, mode: watch::Receiver<ProxyMode>) {
    let now = *mode.borrow();
    match now {
        ProxyMode::Refuse | ProxyMode::Reset => reset(client),
        ProxyMode::BlackHole => swallow(client).await,
        ProxyMode::Pass | ProxyMode::Slow(_) | ProxyMode::HalfOpen => {
            if let Ok(server) = TcpStream::connect(target).await {
                carry(client, server, mode).await;
            }
        }
    }
}

/// Forwards in both directions until either side closes or the proxy fails.
async fn carry(mut client: TcpStream, mut server: TcpStream, mut mode: watch::Receiver<ProxyMode>) {
    let (mut from_client, mut from_server) = (vec![0; 65536], vec![0; 65536]);
    loop {
        tokio::select! {
            // Data that arrives during a failure is lost with it.
            biased;
            changed = mode.changed() => {
                let now = *mode.borrow();
                match now {
                    _ if changed.is_err() => return,
                    ProxyMode::Pass | ProxyMode::Slow(_) => {}
                    ProxyMode::Refuse | ProxyMode::Reset => return reset(client),
                    ProxyMode::BlackHole => {
                        // Keeps both sockets open, so that neither end learns that the other has gone.
                        let _server = server;
                        swallow(client).await;
                        return std::future::pending().await;
                    }
                    ProxyMode::HalfOpen => {
                        drop(server);
                        return swallow(client).await;
                    }
                }
            }
            read = client.read(&mut from_client) => {
                if !pass_on(read, &from_client, &mut server, &mode).await { return }
            }
            read = server.read(&mut from_server) => {
                if !pass_on(read, &from_server, &mut client, &mode).await { return }
            }
        }
    }
}

async fn pass_on(
    read: std::io::Result<usize>,
    bytes: &[u8],
    to: &mut TcpStream,
    mode: &watch::Receiver<ProxyMode>,
) -> bool {
    let now = *mode.borrow();
    if let ProxyMode::Slow(delay) = now {
        tokio::time::sleep(delay).await;
    }
    match read {
        Ok(count @ 1..) => to.write_all(&bytes[..count]).await.is_ok(),
        _ => false,
    }
}

fn reset(socket: TcpStream) {
    let _ = socket.set_zero_linger();
    drop(socket);
}

async fn swallow(mut socket: TcpStream) {
    let mut bytes = vec![0; 65536];
    while socket.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
}
