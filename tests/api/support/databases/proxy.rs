//! A wire to PostgreSQL that can be made to fail in the ways that wires do.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What the wire does. What it did to a connection, it does to that connection for ever.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ProxyMode {
    /// It carries.
    Pass,
    /// It carries each piece this much later.
    Slow(Duration),
    /// Nobody listens, and who was connected is cut off.
    Refuse,
    /// Whoever is connected or connects is reset.
    Reset,
    /// It accepts, swallows, and never says anything.
    BlackHole,
    /// PostgreSQL has closed what was open, and nobody has told the client; new connections are carried.
    HalfOpen,
}

/// The wire's end, for as long as the test's runtime runs.
pub struct Proxy {
    wire: watch::Sender<ProxyMode>,
}

impl Proxy {
    /// A wire to this database, and its URL over the wire.
    pub async fn to(url: &str) -> (Self, String) {
        let mut url = url::Url::parse(url).unwrap();
        let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (wire, told) = watch::channel(ProxyMode::Pass);
        tokio::spawn(listen(listener, address, target, told));
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(address.port())).unwrap();
        (Self { wire }, url.into())
    }

    pub fn set(&self, wire: ProxyMode) {
        self.wire.send_replace(wire);
    }
}

async fn listen(
    mut listener: TcpListener,
    address: SocketAddr,
    target: String,
    mut wire: watch::Receiver<ProxyMode>,
) {
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                tokio::spawn(serve(accepted.unwrap().0, target.clone(), wire.clone()));
            }
            changed = wire.changed() => if changed.is_err() { return },
        }
        if *wire.borrow() == ProxyMode::Refuse {
            drop(listener);
            if wire.wait_for(|wire| *wire != ProxyMode::Refuse).await.is_err() {
                return;
            }
            listener = TcpListener::bind(address).await.expect("its own port is still free");
        }
    }
}

async fn serve(client: TcpStream, target: String, wire: watch::Receiver<ProxyMode>) {
    let now = *wire.borrow();
    match now {
        ProxyMode::Refuse | ProxyMode::Reset => reset(client),
        ProxyMode::BlackHole => swallow(client).await,
        ProxyMode::Pass | ProxyMode::Slow(_) | ProxyMode::HalfOpen => {
            if let Ok(server) = TcpStream::connect(target).await {
                carry(client, server, wire).await;
            }
        }
    }
}

/// Carries both ways until either side closes or the wire fails.
async fn carry(mut client: TcpStream, mut server: TcpStream, mut wire: watch::Receiver<ProxyMode>) {
    let (mut asked, mut answered) = (vec![0; 65536], vec![0; 65536]);
    loop {
        tokio::select! {
            // What comes while the wire fails is lost with it.
            biased;
            changed = wire.changed() => {
                let now = *wire.borrow();
                match now {
                    _ if changed.is_err() => return,
                    ProxyMode::Pass | ProxyMode::Slow(_) => {}
                    ProxyMode::Refuse | ProxyMode::Reset => return reset(client),
                    ProxyMode::BlackHole => {
                        // Neither end learns that the other has gone: that is lost too.
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
            read = client.read(&mut asked) => {
                if !pass_on(read, &asked, &mut server, &wire).await { return }
            }
            read = server.read(&mut answered) => {
                if !pass_on(read, &answered, &mut client, &wire).await { return }
            }
        }
    }
}

async fn pass_on(
    read: std::io::Result<usize>,
    bytes: &[u8],
    to: &mut TcpStream,
    wire: &watch::Receiver<ProxyMode>,
) -> bool {
    let now = *wire.borrow();
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
