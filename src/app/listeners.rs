//! The sockets on which the server listens.

use std::{
    fmt, fs,
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs},
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt},
    process::geteuid,
};

use crate::{
    config::{Listen, SocketMode},
    private_files,
};

/// The length of the queue of connections that wait to be accepted.
const BACKLOG: i32 = 1024;
/// How often another port is tried, when one that is free on one IP address is taken on another.
const TRIES: usize = 20;

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// On these IP addresses, all with the same port.
    Tcp(Vec<SocketAddr>),
    /// On a Unix socket.
    Unix(PathBuf),
}

impl Bound {
    /// Returns the port, if there is one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(addresses) => addresses.first().map(SocketAddr::port),
            Self::Unix(_) => None,
        }
    }

    /// Returns whether only this machine can reach it.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(addresses) => addresses.iter().all(|address| address.ip().is_loopback()),
            Self::Unix(_) => true,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addresses) => {
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                f.write_str(&addresses.join(" and "))
            }
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Sockets that are already listening.
pub(super) struct Listeners {
    pub bound: Bound,
    pub tcp: Vec<TcpListener>,
    pub unix: Option<UnixListener>,
    /// To be held for as long as the server runs.
    pub file: Option<SocketFile>,
}

impl Listeners {
    /// Listens where this setting says.
    ///
    /// # Errors
    /// The system's error, and a remedy, in one sentence.
    pub fn bind(place: &Listen, mode: SocketMode, setting: &str) -> Result<Self, String> {
        let outcome = match place {
            Listen::Unix(path) => bind_unix(path, mode),
            Listen::Address(address) => bind_all(&[*address]).and_then(Self::tcp),
            Listen::Everywhere(port) => bind_everywhere(*port).and_then(Self::tcp),
            Listen::Name(name, port) => {
                addresses_of(name, *port).and_then(|all| bind_all(&all)).and_then(Self::tcp)
            }
        };
        outcome.map_err(|error| {
            format!("{setting} is {place}: {error}{}", remedy(place, &error, setting))
        })
    }

    fn tcp(tcp: Vec<TcpListener>) -> io::Result<Self> {
        let bound = tcp.iter().map(TcpListener::local_addr).collect::<io::Result<_>>()?;
        Ok(Self { bound: Bound::Tcp(bound), tcp, unix: None, file: None })
    }
}

/// Returns what an operator can do about it.
fn remedy(place: &Listen, error: &io::Error, setting: &str) -> String {
    let privileged = match place {
        Listen::Address(address) => address.port() < 1024,
        Listen::Name(_, port) | Listen::Everywhere(port) => *port < 1024,
        Listen::Unix(_) => return String::new(),
    };
    match error.kind() {
        ErrorKind::AddrInUse => {
            format!(". Another process listens there: stop it, or choose another port in {setting}")
        }
        ErrorKind::PermissionDenied if privileged => format!(
            ". This process runs as uid {}, and ports below 1024 need a privilege: choose a higher port in \
             {setting} and have a proxy forward to it, or allow it (CAP_NET_BIND_SERVICE)",
            geteuid().as_raw()
        ),
        ErrorKind::AddrNotAvailable => {
            format!(
                ". This machine has no such address: choose one of its own in {setting}, or :PORT for all"
            )
        }
        _ => String::new(),
    }
}

/// Returns all IP addresses of a name. For localhost these are the two that it has by definition, whatever the
/// hosts file says: clients may try either first.
fn addresses_of(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if name.eq_ignore_ascii_case("localhost") {
        let local: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        return Ok(local.map(|address| SocketAddr::new(address, port)).into());
    }
    let mut addresses: Vec<SocketAddr> = (name, port).to_socket_addrs()?.collect();
    addresses.sort_unstable();
    addresses.dedup();
    Ok(addresses)
}

/// Binds IPv6, which accepts IPv4 as well unless the system separates them.
fn bind_everywhere(port: u16) -> io::Result<Vec<TcpListener>> {
    let (v4, v6) = (Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into());
    let address = |ip: IpAddr, port| SocketAddr::new(ip, port);
    match TcpListener::bind(address(v6, port)) {
        Ok(both) if !sockopt::ipv6_v6only(&both)? => Ok(vec![both]),
        Ok(first) => {
            let second = TcpListener::bind(address(v4, first.local_addr()?.port()))?;
            Ok(vec![first, second])
        }
        Err(error) if is_missing(&error) => Ok(vec![TcpListener::bind(address(v4, port))?]),
        Err(error) => Err(error),
    }
}

/// Binds all of these IP addresses that the machine has, on one port.
fn bind_all(addresses: &[SocketAddr]) -> io::Result<Vec<TcpListener>> {
    for _ in 1..TRIES {
        match try_all(addresses) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && addresses.len() > 1 => {
                // Only a port that the system chose can differ the next time.
                if addresses[0].port() != 0 {
                    return Err(error);
                }
            }
            outcome => return outcome,
        }
    }
    try_all(addresses)
}

fn try_all(addresses: &[SocketAddr]) -> io::Result<Vec<TcpListener>> {
    let (mut listeners, mut missing) = (Vec::<TcpListener>::new(), None);
    for address in addresses {
        let port = match listeners.first() {
            Some(first) => first.local_addr()?.port(),
            None => address.port(),
        };
        match TcpListener::bind(SocketAddr::new(address.ip(), port)) {
            Ok(listener) => listeners.push(listener),
            Err(error) if is_missing(&error) => missing = Some(error),
            Err(error) => return Err(error),
        }
    }
    match missing {
        Some(error) if listeners.is_empty() => Err(error),
        _ => Ok(listeners),
    }
}

/// Returns whether the machine does not have this IP address, or no IP addresses of this family.
fn is_missing(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| [Errno::ADDRNOTAVAIL, Errno::AFNOSUPPORT].contains(&errno))
}

/// A socket's file, which is removed when the server has stopped, unless another file has replaced it.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Sets the file's mode before any client can connect: connecting requires a listening socket.
fn bind_unix(path: &Path, mode: SocketMode) -> io::Result<Listeners> {
    remove_left_over(path)?;
    let name = SocketAddrUnix::new(path)?;
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let folder = private_files::folder_of(path);
    rustix::net::bind(&socket, &name)
        .map_err(|error| private_files::explain(&folder, error.into()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode.0))?;
    let file = SocketFile { path: path.to_owned(), inode: fs::symlink_metadata(path)?.ino() };
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(Listeners {
        bound: Bound::Unix(path.to_owned()),
        tcp: Vec::new(),
        unix: Some(socket.into()),
        file: Some(file),
    })
}

/// Removes the socket of a server that was killed. A socket that is still in use is left in place, and so is
/// any other file.
fn remove_left_over(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::other("a file is there that is no socket, and stays"));
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(private_files::explain(path, error)),
    }
    let name = SocketAddrUnix::new(path)?;
    let client = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        // Non-blocking: if the server no longer accepts connections, the wait would never end.
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    match rustix::net::connect(&client, &name) {
        Err(Errno::CONNREFUSED) => fs::remove_file(path)
            .map_err(|error| private_files::explain(&private_files::folder_of(path), error)),
        Err(Errno::NOENT) => Ok(()),
        Err(Errno::ACCESS) => Err(private_files::explain(path, Errno::ACCESS.into())),
        _ => {
            Err(io::Error::other("another process listens there: stop it, or choose another path"))
        }
    }
}
