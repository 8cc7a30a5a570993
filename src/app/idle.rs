//! Closes connections on which no request begins (protection against slow clients).
//!
//! actix-http bounds how long the first head of a connection takes, and how long a connection is idle. Once a
//! part of another head has arrived, neither timer runs, and half a head would hold a connection forever.

use std::{
    any::Any,
    cell::{Cell, OnceCell},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    rc::{Rc, Weak},
    time::{Duration, Instant},
};

use actix_web::{
    dev::{Extensions, ServiceRequest},
    rt::{
        self,
        net::{TcpStream, UnixStream},
    },
};
use rustix::net::{Shutdown, shutdown};
use tokio::{task::AbortHandle, time::sleep_until};

/// A connection. actix stores it for as long as the connection is open.
struct Connection {
    /// A second file descriptor, because actix lends its own only when the connection opens.
    socket: OwnedFd,
    /// When the connection's latest request began, or else when it was opened.
    latest: Cell<Instant>,
    watcher: OnceCell<AbortHandle>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(watcher) = self.watcher.get() {
            watcher.abort();
        }
    }
}

/// Watches a new connection: if no request begins on it for this long, nothing more is read. A response in
/// progress is still sent.
pub(super) fn watch(connection: &dyn Any, extensions: &mut Extensions, longest: Duration) {
    let Some(socket) = socket(connection) else { return };
    // If no file descriptor is left, the connection goes unwatched: other bounds apply.
    let Ok(socket) = socket.try_clone_to_owned() else { return };
    let latest = Cell::new(Instant::now());
    let connection = Rc::new(Connection { socket, latest, watcher: OnceCell::new() });
    let watcher = rt::spawn(end(Rc::downgrade(&connection), longest));
    let _ = connection.watcher.set(watcher.abort_handle());
    extensions.insert(connection);
}

fn socket(connection: &dyn Any) -> Option<BorrowedFd<'_>> {
    let tcp = connection.downcast_ref::<TcpStream>().map(AsFd::as_fd);
    tcp.or_else(|| connection.downcast_ref::<UnixStream>().map(AsFd::as_fd))
}

async fn end(connection: Weak<Connection>, longest: Duration) {
    while let Some(watched) = connection.upgrade() {
        let end = watched.latest.get() + longest;
        if end <= Instant::now() {
            // It fails if the client has already disconnected.
            let _ = shutdown(&watched.socket, Shutdown::Read);
            return;
        }
        drop(watched);
        sleep_until(end.into()).await;
    }
}

/// Records that a request begins.
pub(super) fn note(request: &ServiceRequest, now: Instant) {
    if let Some(connection) = request.conn_data::<Rc<Connection>>() {
        connection.latest.set(now);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use actix_web::rt::net::TcpListener;
    use tokio::{io::AsyncReadExt as _, time::timeout};

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (client, listener.accept().await.unwrap().0)
    }

    #[actix_web::test]
    async fn connection_without_a_request_is_closed_after_the_timeout() {
        let (_client, mut ours) = pair().await;
        let mut extensions = Extensions::new();
        watch(&ours, &mut extensions, Duration::from_millis(10));
        let read = timeout(Duration::from_secs(30), ours.read_u8()).await.unwrap();
        assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    }

    #[actix_web::test]
    async fn closed_connection_is_no_longer_watched() {
        let (_client, ours) = pair().await;
        let mut extensions = Extensions::new();
        watch(&ours, &mut extensions, Duration::from_hours(1));
        let watcher = extensions.get::<Rc<Connection>>().unwrap().watcher.get().unwrap().clone();
        drop(extensions);
        while !watcher.is_finished() {
            tokio::task::yield_now().await;
        }
    }
}
