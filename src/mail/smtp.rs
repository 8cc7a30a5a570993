use std::{error::Error as _, fs, time::Duration};

use lettre::{
    Message,
    transport::smtp::{
        self,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, Certificate, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::{ClientId, Extension, MailParameter},
    },
};
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::Error;
use crate::{
    config::{Config, ConfigError},
    connection_url::ENCODE_PASSWORD,
    private_files,
};

/// How long to wait for the reply to QUIT: the server has already accepted the email.
const QUIT_TIMEOUT: Duration = Duration::from_secs(2);

/// A mail server.
pub(super) struct Smtp {
    host: String,
    port: u16,
    encryption: Encryption,
    credentials: Option<Credentials>,
    timeout: Duration,
    exposed: bool,
}

enum Encryption {
    None,
    StartTls(TlsParameters),
    Tls(TlsParameters),
}

impl Smtp {
    /// Parses the server's URL. Unencrypted mail must be enabled explicitly.
    pub(super) fn new(url: &str, config: &Config) -> Result<Self, ConfigError> {
        let wrong = |reason: &dyn std::fmt::Display| ConfigError::Smtp(reason.to_string());
        // The URL may have no path, query or fragment of that kind, so these separators belong to a password.
        if url.rsplit_once('@').is_some_and(|(before, _)| holds_separator(before)) {
            return Err(wrong(&ENCODE_PASSWORD));
        }
        let url = Url::parse(url).map_err(|error| wrong(&error))?;
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(wrong(&"must end after the host and port, but for ?tls=none"));
        }
        let (host, local) = host(&url).ok_or_else(|| wrong(&"names no host"))?;
        let (port, encryption) = match (url.scheme(), url.query()) {
            ("smtps", None) => (465, Encryption::Tls(tls(&host, config)?)),
            ("smtp", None) => (587, Encryption::StartTls(tls(&host, config)?)),
            ("smtp", Some("tls=none")) => (25, Encryption::None),
            ("smtp" | "smtps", Some(_)) => return Err(wrong(&"the only parameter is ?tls=none")),
            _ => return Err(wrong(&"must begin with smtps:// or smtp://")),
        };
        let credentials = match (url.username(), url.password().unwrap_or_default()) {
            ("", "") => None,
            (_, "") => return Err(wrong(&"names a user without a password: user:password@host")),
            ("", _) => return Err(wrong(&"holds a password without a user: user:password@host")),
            (user, password) => {
                let decode = |text| percent_decode_str(text).decode_utf8().map(String::from);
                let user = decode(user).map_err(|error| wrong(&error))?;
                Some(Credentials::new(user, decode(password).map_err(|error| wrong(&error))?))
            }
        };
        Ok(Self {
            port: url.port().unwrap_or(port),
            exposed: matches!(encryption, Encryption::None) && !local,
            host,
            encryption,
            credentials,
            timeout: Duration::from_secs(config.email.smtp_timeout),
        })
    }

    pub(super) async fn send(&self, message: Message) -> Result<(), Error> {
        let timed_out = |_| Error::Transient("the mail server took too long".to_owned());
        let sent = tokio::time::timeout(self.timeout, self.transmit(&message)).await;
        let mut connection = sent.map_err(timed_out)??;
        let _ = tokio::time::timeout(QUIT_TIMEOUT, connection.quit()).await;
        Ok(())
    }

    /// Sends an email to the server, until it is accepted.
    ///
    /// Uses the connection directly, because lettre's own transport does not say which command was rejected.
    async fn transmit(&self, message: &Message) -> Result<AsyncSmtpConnection, Error> {
        let (hello, envelope) = (ClientId::default(), message.envelope());
        let tls = match &self.encryption {
            Encryption::Tls(tls) => Some(tls.clone()),
            Encryption::StartTls(_) | Encryption::None => None,
        };
        let server = (self.host.as_str(), self.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, None, &hello, tls, None).await?;
        if let Encryption::StartTls(tls) = &self.encryption {
            connection.starttls(tls.clone(), &hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        let mut addresses = envelope.from().into_iter().chain(envelope.to());
        let unicode = addresses.any(|address| !AsRef::<str>::as_ref(address).is_ascii());
        if unicode && !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            let reason = "the mail server takes no address that is not ASCII";
            return Err(Error::Transient(reason.to_owned()));
        }
        let parameters = if unicode { vec![MailParameter::SmtpUtfEight] } else { Vec::new() };
        connection.command(Mail::new(envelope.from().cloned(), parameters)).await?;
        for to in envelope.to() {
            let named = connection.command(Rcpt::new(to.clone(), Vec::new())).await;
            named.map_err(|error| refusal(&error, true))?;
        }
        connection.command(Data).await?;
        connection.message(&message.formatted()).await?;
        Ok(connection)
    }

    pub(super) fn describe(&self) -> String {
        let secure = match self.encryption {
            Encryption::None => "no encryption",
            Encryption::StartTls(_) => "STARTTLS",
            Encryption::Tls(_) => "TLS",
        };
        format!("through {} with {secure}", self.host)
    }

    pub(super) fn is_exposed(&self) -> bool {
        self.exposed
    }
}

/// Returns whether the part between the scheme and the host contains a character that ends the authority.
fn holds_separator(before_host: &str) -> bool {
    let credentials = before_host.split_once("://").map_or("", |(_, rest)| rest);
    credentials.contains(['/', '?', '#', '\\'])
}

/// Returns the host of a URL, and whether it is this machine.
fn host(url: &Url) -> Option<(String, bool)> {
    match url.host()? {
        Host::Ipv4(address) => Some((address.to_string(), address.is_loopback())),
        Host::Ipv6(address) => Some((address.to_string(), address.is_loopback())),
        // For schemes that browsers do not know, the parser treats even an IPv4 address as a name.
        Host::Domain(name) => {
            let address = name.parse::<std::net::Ipv4Addr>();
            let local = name == "localhost" || address.is_ok_and(|address| address.is_loopback());
            Some((name.to_owned(), local))
        }
    }
}

fn tls(host: &str, config: &Config) -> Result<TlsParameters, ConfigError> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(path) = &config.email.smtp_ca_file {
        let file = |source| ConfigError::File {
            name: "PORTCULLIS_SMTP_CA_FILE",
            path: path.clone(),
            source,
        };
        let pem = fs::read(path).map_err(|error| file(private_files::explain(path, error)))?;
        let certificate = Certificate::from_pem(&pem)
            .map_err(|error| file(std::io::Error::other(described(&error))))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|error| ConfigError::Smtp(described(&error)))
}

impl From<smtp::Error> for Error {
    fn from(error: smtp::Error) -> Self {
        refusal(&error, false)
    }
}

/// Classifies a rejection as permanent or transient; `named` if it is the reply to the recipient's email.
///
/// Only a rejection of that recipient is permanent. Any other is about this server, its credentials or the mail
/// server, which an operator will repair: the email must still be sent.
///
/// The enhanced status code decides (RFC 3463: X.1.1 to X.1.3 and X.1.6 are about the recipient's email);
/// without one, the replies about a mailbox (RFC 5321, 4.2.3), if they answer the recipient's email.
fn refusal(error: &smtp::Error, named: bool) -> Error {
    let reason = described(error);
    let Some(code) = error.status().filter(|_| error.is_permanent()) else {
        return Error::Transient(reason);
    };
    let text = error.source().map(ToString::to_string).unwrap_or_default();
    let of_the_address = match text.split_whitespace().next().filter(|word| word.starts_with("5."))
    {
        Some(enhanced) => ["5.1.1", "5.1.2", "5.1.3", "5.1.6"].contains(&enhanced),
        None => named && ["550", "551", "553"].contains(&code.to_string().as_str()),
    };
    if of_the_address { Error::Permanent(reason) } else { Error::Transient(reason) }
}

/// Returns the error as one line that any database can store.
fn described(error: &smtp::Error) -> String {
    let text = error.to_string();
    text.chars().map(|content| if content.is_control() { ' ' } else { content }).take(500).collect()
}
