//! How the server listens, serves and stops.

use clap::Args;
use ipnet::IpNet;

use super::{List, Listen, SocketMode, cores, parse};

/// The settings under the heading "Server" of `--help`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Server")]
#[group(skip)]
pub struct ServerSettings {
    /// Where to listen: an address and port, localhost:8080 (IPv4 and IPv6), :8080 (all addresses of this
    /// machine), or a Unix socket, unix:/run/portcullis.sock. Without it, all addresses at PORT, or
    /// 127.0.0.1:8080
    #[arg(long, env = "PORTCULLIS_LISTEN", value_name = "ADDRESS", global = true)]
    pub listen: Option<Listen>,

    /// The port to listen on, on all IP addresses, as hosting platforms set it. PORTCULLIS_LISTEN takes
    /// precedence
    #[arg(long, env = "PORT", value_name = "PORT", global = true)]
    pub port: Option<u16>,

    /// The permissions of the Unix socket that the server listens on, in octal. A process that may write to
    /// it may connect, and is a trusted proxy
    #[arg(
        long,
        env = "PORTCULLIS_SOCKET_MODE",
        default_value = "0660",
        value_name = "MODE",
        global = true
    )]
    pub socket_mode: SocketMode,

    /// The proxies in front of this server, as IP addresses or networks (10.0.0.0/8), separated by commas:
    /// only their X-Forwarded-For is trusted. By default, the client's IP address is that of the
    /// connection; `none` says that there is no proxy, and disables the warnings about that
    #[arg(
        long,
        env = "PORTCULLIS_TRUSTED_PROXIES",
        value_name = "NETWORKS",
        value_parser = parse::proxies,
        global = true
    )]
    pub trusted_proxies: Option<List<IpNet>>,

    /// The keep-alive timeout, in seconds. It must be longer than that of a proxy or load balancer in
    /// front, which could otherwise send a request on a connection that is being closed
    #[arg(
        long,
        env = "PORTCULLIS_KEEP_ALIVE",
        default_value_t = 75,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=3600),
        global = true
    )]
    pub keep_alive: u64,

    /// The number of threads that serve requests; by default, one per core
    #[arg(
        long,
        env = "PORTCULLIS_WORKERS",
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=512),
        global = true
    )]
    pub workers: Option<u16>,

    /// After SIGTERM, how long to keep serving while /health/ready answers 503, so that a load balancer
    /// stops sending requests, in seconds
    #[arg(
        long,
        env = "PORTCULLIS_DRAIN_DELAY",
        default_value_t = 0,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(0..=600),
        global = true
    )]
    pub drain_delay: u64,

    /// After that, how long requests in progress may take to finish, in seconds
    #[arg(
        long,
        env = "PORTCULLIS_SHUTDOWN_TIMEOUT",
        default_value_t = 30,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(0..=600),
        global = true
    )]
    pub shutdown_timeout: u64,

    /// A separate IP address and port for Prometheus metrics at /metrics, in the form of PORTCULLIS_LISTEN,
    /// which the public must not reach. By default, no metrics are served
    #[arg(long, env = "PORTCULLIS_METRICS_LISTEN", value_name = "ADDRESS", global = true)]
    pub metrics_listen: Option<Listen>,
}

impl ServerSettings {
    /// Returns the proxies whose X-Forwarded-For is trusted.
    #[must_use]
    pub fn trusted_proxies(&self) -> &[IpNet] {
        self.trusted_proxies.as_deref().unwrap_or_default()
    }

    /// Returns where the server listens.
    #[must_use]
    pub fn listen(&self) -> Listen {
        let at_port = || self.port.map(Listen::Everywhere).unwrap_or_default();
        self.listen.clone().unwrap_or_else(at_port)
    }

    /// Returns how many threads serve requests.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers.map_or_else(cores, usize::from)
    }
}
