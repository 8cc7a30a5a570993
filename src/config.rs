//! Every setting, declared once: flag, environment variable, default and help. `--help` is its documentation.

mod list;
mod listen;
mod parse;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};
use ipnet::IpNet;
use lettre::message::Mailbox;
use url::Url;

use crate::{
    private_files,
    secrets::{HashCost, SigningKeyError, SigningKeys},
    store::{Location, Options},
    time::{Span, days},
};

pub use list::List;
pub use listen::{Listen, SocketMode};
pub use parse::{Rate, Secret, TokenPrefixes};

/// The settings of a server and of the commands beside it.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Settings")]
#[allow(rustdoc::bare_urls, reason = "this is the text of --help")]
pub struct Config {
    /// The folder for the embedded database and the signing secret; created if missing
    #[arg(
        long,
        env = "PORTCULLIS_DATA_DIR",
        default_value = "data",
        value_name = "DIR",
        value_parser = parse::folder,
        global = true
    )]
    pub data_dir: PathBuf,

    /// postgres://… for PostgreSQL (?sslmode=require for verified TLS, ?host=/run/postgresql for a
    /// socket), or sqlite:FILE; without it, portcullis.db in the data folder
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL", global = true)]
    pub database_url: Option<Secret>,

    /// A file that holds the database URL
    #[arg(
        long,
        env = "DATABASE_URL_FILE",
        value_name = "FILE",
        conflicts_with = "database_url",
        global = true
    )]
    pub database_url_file: Option<PathBuf>,

    /// Certificate authorities (PEM) to trust for PostgreSQL, instead of the system's
    #[arg(long, env = "PORTCULLIS_DATABASE_CA_FILE", value_name = "FILE", global = true)]
    pub database_ca_file: Option<PathBuf>,

    /// The size of the connection pool to PostgreSQL, besides one connection per worker. A quarter of it,
    /// and at least one connection, is reserved for lists and searches
    #[arg(long, env = "PORTCULLIS_DATABASE_POOL_SIZE", default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000), global = true)]
    pub database_pool_size: u32,

    /// How many sessions and how many tokens an instance caches while caching is enabled (`portcullis
    /// cache`), and of how many cookies it caches the verified signature in any case; 0 disables both
    #[arg(
        long,
        env = "PORTCULLIS_CACHE_SIZE",
        default_value_t = 100_000,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(0..=10_000_000),
        global = true
    )]
    pub cache_size: u32,

    /// The timeout of the database, in seconds: a request that waits longer is answered 503
    #[arg(long, env = "PORTCULLIS_DATABASE_TIMEOUT", default_value_t = 5, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=300), global = true)]
    pub database_timeout: u64,

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

    /// The keep-alive timeout, in seconds. It must be longer than that of a proxy or load balancer in
    /// front, which could otherwise send a request on a connection that is being closed
    #[arg(long, env = "PORTCULLIS_KEEP_ALIVE", default_value_t = 75, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600), global = true)]
    pub keep_alive: u64,

    /// The number of threads that serve requests; by default, one per core
    #[arg(long, env = "PORTCULLIS_WORKERS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512), global = true)]
    pub workers: Option<u16>,

    /// The public URL of this server, such as https://api.example.com, without a path. It determines the
    /// cookie's attributes, the origin that may send it, and every link; request headers never do. By
    /// default, http on localhost and 127.0.0.1
    #[arg(long, env = "PORTCULLIS_PUBLIC_URL", value_name = "URL", value_parser = parse::public_url, global = true)]
    pub public_url: Option<Url>,

    /// Other origins, separated by commas, whose pages may act for a signed-in user (CORS with credentials)
    /// and to which links in emails may redirect: https://app.example.com, or an app's own scheme, such as
    /// capacitor://localhost
    #[arg(long, env = "PORTCULLIS_TRUSTED_ORIGINS", value_name = "ORIGINS", value_parser = parse::origins, global = true)]
    pub trusted_origins: Option<List<String>>,

    /// The SameSite attribute of the cookie: `lax` for pages of the same site (all of example.com, if the
    /// server is api.example.com), `none` for pages of other sites as well, over https only. Such a page
    /// must also be a trusted origin
    #[arg(
        long,
        env = "PORTCULLIS_COOKIE_SAME_SITE",
        default_value = "lax",
        value_name = "PAGES",
        global = true
    )]
    pub cookie_same_site: SameSite,

    /// The name of this site in emails and on pages
    #[arg(long, env = "PORTCULLIS_NAME", default_value = "Portcullis", value_name = "NAME", value_parser = parse::site_name, global = true)]
    pub name: String,

    /// The mail server: smtps://user:password@host, or smtp:// for STARTTLS (?tls=none to send without
    /// encryption). Without it, each email is written to a file in the folder `outbox` of the data folder
    #[arg(
        long,
        env = "PORTCULLIS_SMTP_URL",
        hide_env_values = true,
        value_name = "URL",
        global = true
    )]
    pub smtp_url: Option<Secret>,

    /// A file that holds the mail server's URL
    #[arg(
        long,
        env = "PORTCULLIS_SMTP_URL_FILE",
        value_name = "FILE",
        conflicts_with = "smtp_url",
        global = true
    )]
    pub smtp_url_file: Option<PathBuf>,

    /// A certificate authority (PEM) to trust for the mail server, besides the system's
    #[arg(long, env = "PORTCULLIS_SMTP_CA_FILE", value_name = "FILE", global = true)]
    pub smtp_ca_file: Option<PathBuf>,

    /// The timeout for sending an email, in seconds. After it, the email is retried later
    #[arg(long, env = "PORTCULLIS_SMTP_TIMEOUT", default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=120), global = true)]
    pub smtp_timeout: u64,

    /// The sender of emails, such as `Example <hello@example.com>`; by default, no-reply at the host of the
    /// public URL
    #[arg(long, env = "PORTCULLIS_MAIL_FROM", value_name = "ADDRESS", value_parser = parse::mailbox, global = true)]
    pub mail_from: Option<Mailbox>,

    /// The page to which a browser is redirected to sign in: a path, or a URL of a front end
    #[arg(long, env = "PORTCULLIS_LOGIN_URL", default_value = "/login", value_name = "URL", value_parser = parse::login_url, global = true)]
    pub login_url: String,

    /// The secret that signs cookies: 64 random bytes in base64, the same for all instances.
    /// `portcullis secret` generates one. With SQLite it is generated in the data folder if not set;
    /// PostgreSQL requires it. Of several, separated by commas, the first signs and all verify, for
    /// rotation
    #[arg(
        long,
        env = "PORTCULLIS_SECRET",
        hide_env_values = true,
        value_name = "SECRET",
        global = true
    )]
    pub secret: Option<Secret>,

    /// A file that holds the signing secret, or several, one a line
    #[arg(
        long,
        env = "PORTCULLIS_SECRET_FILE",
        value_name = "FILE",
        conflicts_with = "secret",
        global = true
    )]
    pub secret_file: Option<PathBuf>,

    /// Whether visitors may sign up
    #[arg(
        long,
        env = "PORTCULLIS_SIGN_UP",
        default_value = "open",
        value_name = "WHO",
        global = true
    )]
    pub sign_up: SignUp,

    /// Whether users must confirm their email before they can sign in
    #[arg(
        long,
        env = "PORTCULLIS_EMAIL_VERIFICATION",
        default_value = "optional",
        value_name = "WHEN",
        global = true
    )]
    pub email_verification: EmailVerification,

    /// The prefix of API tokens. Of several, separated by commas, new tokens have the first and all are
    /// accepted, for rotation
    #[arg(long, env = "PORTCULLIS_TOKEN_PREFIX", default_value = "sk_live_", value_name = "PREFIX", value_parser = parse::token_prefixes, global = true)]
    pub token_prefix: TokenPrefixes,

    /// The maximum lifetime of new tokens, in days; by default, a token need not expire
    #[arg(long, env = "PORTCULLIS_MAX_TOKEN_DAYS", value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650), global = true)]
    pub max_token_days: Option<u32>,

    /// The maximum number of sessions per user; another one ends the oldest
    #[arg(long, env = "PORTCULLIS_MAX_SESSIONS", default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000), global = true)]
    pub max_sessions: u32,

    /// The retention period of audit events, in days
    #[arg(long, env = "PORTCULLIS_AUDIT_DAYS", default_value_t = 365, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36500), global = true)]
    pub audit_days: u32,

    /// How many passwords are hashed concurrently (19 MiB each); by default, one per core
    #[arg(long, env = "PORTCULLIS_HASH_CONCURRENCY", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), global = true)]
    pub hash_concurrency: Option<u16>,

    /// The cost of a password hash. Not a setting: no operator should go below the minimum that OWASP
    /// recommends.
    #[arg(skip)]
    pub hash_cost: HashCost,

    /// After SIGTERM, how long to keep serving while /health/ready answers 503, so that a load balancer
    /// stops sending requests, in seconds
    #[arg(long, env = "PORTCULLIS_DRAIN_DELAY", default_value_t = 0, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(0..=600), global = true)]
    pub drain_delay: u64,

    /// After that, how long requests in progress may take to finish, in seconds
    #[arg(long, env = "PORTCULLIS_SHUTDOWN_TIMEOUT", default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(0..=600), global = true)]
    pub shutdown_timeout: u64,

    /// Whether Swagger UI and the OpenAPI document are served
    #[arg(
        long,
        env = "PORTCULLIS_DOCS",
        default_value = "on",
        value_name = "STATE",
        global = true
    )]
    pub docs: Switch,

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

    /// The rate limit of all requests, per IP address and per account: 6000/1m allows a burst of 6000, and
    /// then as many per minute. `off` disables it, here and below
    #[arg(
        long,
        env = "PORTCULLIS_LIMIT_REQUESTS",
        default_value = "6000/1m",
        value_name = "RATE",
        global = true
    )]
    pub limit_requests: Rate,

    /// The rate limit of sign-ins and password checks, per IP address
    #[arg(
        long,
        env = "PORTCULLIS_LIMIT_SIGN_IN",
        default_value = "60/10m",
        value_name = "RATE",
        global = true
    )]
    pub limit_sign_in: Rate,

    /// The rate limit of sign-ups, per IP address
    #[arg(
        long,
        env = "PORTCULLIS_LIMIT_SIGN_UP",
        default_value = "60/1h",
        value_name = "RATE",
        global = true
    )]
    pub limit_sign_up: Rate,

    /// The rate limit of requested emails, per IP address
    #[arg(
        long,
        env = "PORTCULLIS_LIMIT_MAIL",
        default_value = "60/1h",
        value_name = "RATE",
        global = true
    )]
    pub limit_mail: Rate,

    /// The rate limit of emails to one mailbox, per requesting IP address. A request over it gets the usual
    /// response, but no email is sent
    #[arg(
        long,
        env = "PORTCULLIS_LIMIT_MAILBOX",
        default_value = "10/1h",
        value_name = "RATE",
        global = true
    )]
    pub limit_mailbox: Rate,

    /// The rate limit of emails to one mailbox in total, not counting IP addresses from which its account
    /// has signed in before
    #[arg(
        long,
        env = "PORTCULLIS_LIMIT_MAILBOX_TOTAL",
        default_value = "50/1h",
        value_name = "RATE",
        global = true
    )]
    pub limit_mailbox_total: Rate,

    /// The rate limit of created tokens, per IP address and per account
    #[arg(
        long,
        env = "PORTCULLIS_LIMIT_TOKENS",
        default_value = "100/1h",
        value_name = "RATE",
        global = true
    )]
    pub limit_tokens: Rate,

    /// The login throttle: how many sign-ins of an account may fail in a row before it accepts no attempt
    /// for a minute, then twice as long each time, up to a day. 0 disables it
    #[arg(
        long,
        env = "PORTCULLIS_WRONG_PASSWORDS",
        default_value_t = 10,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(0..=100),
        global = true
    )]
    pub wrong_passwords: u16,

    /// Whether the HTML pages are served: sign-in, settings, administration
    #[arg(
        long,
        env = "PORTCULLIS_PAGES",
        default_value = "on",
        value_name = "STATE",
        global = true
    )]
    pub pages: Switch,

    /// A separate IP address and port for Prometheus metrics at /metrics, in the form of PORTCULLIS_LISTEN,
    /// which the public must not reach. By default, no metrics are served
    #[arg(long, env = "PORTCULLIS_METRICS_LISTEN", value_name = "ADDRESS", global = true)]
    pub metrics_listen: Option<Listen>,

    /// What to log, as `tracing` filters: info, or portcullis=debug
    #[arg(
        long,
        env = "PORTCULLIS_LOG",
        default_value = "info",
        value_name = "FILTER",
        value_parser = parse::log_filter,
        global = true
    )]
    pub log: String,

    /// The format of the log
    #[arg(
        long,
        env = "PORTCULLIS_LOG_FORMAT",
        default_value = "human",
        value_name = "FORMAT",
        global = true
    )]
    pub log_format: LogFormat,
}

/// Who may create an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SignUp {
    /// Everyone.
    Open,
    /// Only admins make accounts for people.
    Closed,
}

/// When a user must confirm the email.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EmailVerification {
    /// Any time, or never.
    Optional,
    /// Before the first session.
    Required,
}

/// The pages from which the browser sends the cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SameSite {
    /// Those of the same site, and when following a link.
    Lax,
    /// Any; it must be Secure then.
    None,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// The format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For eyes.
    Human,
    /// One JSON object a line.
    Json,
}

/// A setting that is missing or invalid.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that a setting names cannot be read.
    #[error("{name} names {}: {source}", path.display())]
    File {
        /// The setting.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The database URL is invalid.
    #[error("{0}")]
    Database(String),
    /// The signing secret is invalid.
    #[error("PORTCULLIS_SECRET: {0}")]
    Secret(#[from] SigningKeyError),
    /// On PostgreSQL the instances must share a secret, so none of them may generate one.
    #[error(
        "PostgreSQL needs PORTCULLIS_SECRET (or PORTCULLIS_SECRET_FILE), the same for every instance; \
         `portcullis secret` makes one"
    )]
    SecretMissing,
    /// The public URL cannot be constructed.
    #[error("PORTCULLIS_PUBLIC_URL: {0}")]
    PublicUrl(#[from] url::ParseError),
    /// Browsers reject a cookie with `SameSite=None` that is not Secure.
    #[error(
        "PORTCULLIS_COOKIE_SAME_SITE=none needs a PORTCULLIS_PUBLIC_URL that begins with https://"
    )]
    InsecureCookie,
    /// The mail server's URL is invalid.
    #[error("PORTCULLIS_SMTP_URL: {0}")]
    Smtp(String),
}

impl Config {
    /// Returns where the data is stored.
    ///
    /// # Errors
    /// When the URL, or the file that contains it, is invalid.
    pub fn location(&self) -> Result<Location, ConfigError> {
        let url = given(
            "DATABASE_URL_FILE",
            self.database_url.as_ref(),
            self.database_url_file.as_ref(),
        )?;
        match url {
            Some(url) => Location::parse(url.expose(), self.database_ca_file.clone())
                .map_err(ConfigError::Database),
            None => Ok(Location::Sqlite(self.data_dir.join("portcullis.db"))),
        }
    }

    /// Returns the keys that sign and verify cookies: from the settings, or for SQLite from a file beside the
    /// database.
    ///
    /// # Errors
    /// When they are missing or malformed, or their file cannot be read or created.
    pub fn signing_keys(&self, location: &Location) -> Result<SigningKeys, ConfigError> {
        let secret =
            given("PORTCULLIS_SECRET_FILE", self.secret.as_ref(), self.secret_file.as_ref())?;
        match (secret, location) {
            (Some(secret), _) => Ok(SigningKeys::parse(secret.expose())?),
            (None, Location::Postgres(_)) => Err(ConfigError::SecretMissing),
            (None, Location::Sqlite(_)) => {
                private_files::create_folder(&self.data_dir).map_err(|source| {
                    ConfigError::File {
                        name: "PORTCULLIS_DATA_DIR",
                        path: self.data_dir.clone(),
                        source,
                    }
                })?;
                Ok(SigningKeys::kept_in(&self.data_dir.join("secret"))?)
            }
        }
    }

    /// Returns the mail server's URL, if there is one.
    ///
    /// # Errors
    /// When the file that contains it cannot be read.
    pub fn smtp(&self) -> Result<Option<Secret>, ConfigError> {
        given("PORTCULLIS_SMTP_URL_FILE", self.smtp_url.as_ref(), self.smtp_url_file.as_ref())
    }

    /// Returns the trusted origins besides the server's own, as browsers write them.
    #[must_use]
    pub fn trusted_origins(&self) -> &[String] {
        self.trusted_origins.as_deref().unwrap_or_default()
    }

    /// Returns the proxies whose X-Forwarded-For is trusted.
    #[must_use]
    pub fn trusted_proxies(&self) -> &[IpNet] {
        self.trusted_proxies.as_deref().unwrap_or_default()
    }

    /// Returns the options with which the store is opened.
    #[must_use]
    pub fn store_options(&self, migrate: bool) -> Options {
        Options {
            timeout: Duration::from_secs(self.database_timeout),
            connecting: Duration::from_secs(self.database_timeout),
            pool_size: self.database_pool_size,
            workers: self.workers(),
            migrate,
            cache_size: self.cache_size(),
            max_sessions: self.max_sessions,
        }
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

    /// Returns how many cookies and tokens are cached in memory.
    #[must_use]
    pub fn cache_size(&self) -> usize {
        usize::try_from(self.cache_size).unwrap_or(usize::MAX)
    }

    /// Returns how many passwords are hashed at the same time.
    #[must_use]
    pub fn hash_concurrency(&self) -> usize {
        self.hash_concurrency.map_or_else(cores, usize::from)
    }

    /// Returns the retention period of audit events.
    #[must_use]
    pub fn keep_audit_events(&self) -> Span {
        days(self.audit_days)
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// Returns a secret that is set directly or in a file.
fn given(
    name: &'static str,
    value: Option<&Secret>,
    file: Option<&PathBuf>,
) -> Result<Option<Secret>, ConfigError> {
    let Some(path) = file else { return Ok(value.cloned()) };
    let fail = |source| ConfigError::File {
        name,
        path: Path::to_owned(path),
        source: private_files::explain(path, source),
    };
    let text = fs::read_to_string(path).map_err(fail)?;
    text.parse().map(Some).map_err(|reason: &str| fail(std::io::Error::other(reason)))
}
