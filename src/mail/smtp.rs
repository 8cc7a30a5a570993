use std::{error::Error as _, fs, time::Duration};

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    transport::smtp::{
        self,
        client::{Certificate, Tls, TlsParameters},
    },
};
use url::{Host, Url};

use super::Error;
use crate::config::{Config, ConfigError};

/// A mail server.
pub(super) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    patience: Duration,
    host: String,
    secure: &'static str,
    exposed: bool,
}

impl Smtp {
    /// Reads the server's URL. lettre takes `smtp://` for mail in clear; here that must be asked for.
    pub(super) fn new(url: &str, config: &Config) -> Result<Self, ConfigError> {
        let wrong = |reason: &dyn std::fmt::Display| ConfigError::Smtp(reason.to_string());
        let mut url = Url::parse(url).map_err(|error| wrong(&error))?;
        let host = url.host_str().ok_or_else(|| wrong(&"names no host"))?.to_owned();
        let local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let (secure, tls) = match (url.scheme(), url.query()) {
            ("smtps", None) => ("TLS", Some(Tls::Wrapper(tls(&host, config)?))),
            ("smtp", None) => ("STARTTLS", Some(Tls::Required(tls(&host, config)?))),
            ("smtp", Some("tls=none")) => ("no encryption", None),
            ("smtp" | "smtps", Some(_)) => return Err(wrong(&"the only parameter is ?tls=none")),
            _ => return Err(wrong(&"must begin with smtps:// or smtp://")),
        };
        // What we say of encryption is said by `tls`; without a port, lettre's default for it is right.
        url.set_query(matches!(tls, Some(Tls::Required(_))).then_some("tls=required"));
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.as_str())
            .map_err(|error| wrong(&described(&error)))?;
        let exposed = tls.is_none() && !local;
        if let Some(tls) = tls {
            builder = builder.tls(tls);
        }
        let patience = Duration::from_secs(config.smtp_timeout);
        // A connection a mail: lettre's pool would take back one that was cut off in mid-conversation.
        let transport = builder.timeout(Some(patience)).build();
        Ok(Self { transport, patience, host, secure, exposed })
    }

    pub(super) async fn send(&self, message: Message) -> Result<(), Error> {
        // lettre's own time-out is for the connection alone.
        let sent = tokio::time::timeout(self.patience, self.transport.send(message)).await;
        let sent =
            sent.map_err(|_| Error::Transient("the mail server took too long".to_owned()))?;
        sent.map(drop).map_err(|error| {
            let reason = described(&error);
            if is_the_address(&error) { Error::Permanent(reason) } else { Error::Transient(reason) }
        })
    }

    pub(super) fn describe(&self) -> String {
        format!("through {} with {}", self.host, self.secure)
    }

    pub(super) fn is_exposed(&self) -> bool {
        self.exposed
    }
}

fn tls(host: &str, config: &Config) -> Result<TlsParameters, ConfigError> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(path) = &config.smtp_ca_file {
        let file = |source| ConfigError::File {
            name: "PORTCULLIS_SMTP_CA_FILE",
            path: path.clone(),
            source,
        };
        let pem = fs::read(path).map_err(file)?;
        let certificate = Certificate::from_pem(&pem)
            .map_err(|error| file(std::io::Error::other(described(&error))))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|error| ConfigError::Smtp(described(&error)))
}

/// Whether a refusal is for good and for this address alone. Any other speaks of us, our credentials
/// or the server, and somebody will mend that: the mail is still to be sent.
///
/// The enhanced code says it (RFC 3463: X.1.1 to X.1.3 and X.1.6 are the recipient's address); without
/// one, the replies that mean a mailbox (RFC 5321, 4.2.3).
fn is_the_address(error: &smtp::Error) -> bool {
    let Some(code) = error.status().filter(|_| error.is_permanent()) else { return false };
    let text = error.source().map(ToString::to_string).unwrap_or_default();
    match text.split_whitespace().next().filter(|word| word.starts_with("5.")) {
        Some(enhanced) => ["5.1.1", "5.1.2", "5.1.3", "5.1.6"].contains(&enhanced),
        None => ["550", "551", "553"].contains(&code.to_string().as_str()),
    }
}

/// What went wrong, in one line that any database can keep.
fn described(error: &smtp::Error) -> String {
    let text = error.to_string();
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(500).collect()
}
