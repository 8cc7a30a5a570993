//! Options of sockets and the limit on open files.

use std::{any::Any, sync::Once};

use actix_web::{
    dev::Extensions,
    rt::net::{TcpStream, UnixStream},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::gate::client::UnixPeer;

/// How long a client may leave a response unread, in milliseconds.
#[cfg(target_os = "linux")]
const SEND_TIMEOUT_MS: u32 = 30_000;

/// Raises the limit on open files to the maximum. By default a service gets 1024, and that many clients with
/// idle connections would block all other clients, and the database.
pub(super) fn allow_many() {
    let limit = getrlimit(Resource::Nofile);
    if setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).is_err() {
        tracing::warn!(?limit, "the limit on open files could not be raised");
    }
}

/// Records that a connection is over a Unix socket.
pub(super) fn accepted(connection: &dyn Any, data: &mut Extensions) {
    if connection.is::<UnixStream>() {
        data.insert(UnixPeer);
    }
    bound_writing(connection);
}

/// Closes the connection of a client that does not read its response: actix would wait forever.
fn bound_writing(connection: &dyn Any) {
    #[cfg(target_os = "linux")]
    if let Some(socket) = connection.downcast_ref::<TcpStream>()
        && let Err(fault) = rustix::net::sockopt::set_tcp_user_timeout(socket, SEND_TIMEOUT_MS)
    {
        // If the system does not support it, then for no connection.
        static LOGGED: Once = Once::new();
        LOGGED.call_once(|| tracing::warn!(%fault, "connections have no limit on writing"));
    }
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use actix_web::{
        dev::Extensions,
        rt::net::{TcpListener, TcpStream},
    };

    #[actix_web::test]
    async fn accepted_socket_has_a_user_timeout_of_30_seconds() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (ours, _) = listener.accept().await.unwrap();
        super::accepted(&ours, &mut Extensions::new());
        assert_eq!(rustix::net::sockopt::tcp_user_timeout(&ours).unwrap(), 30_000);
    }
}
