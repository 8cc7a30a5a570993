//! Parses a connection URL: the driver's own options, and those that hosting providers and other clients add.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use tokio_postgres::{Config, config::SslMode};

use super::error_text::describe;
use crate::connection_url::ENCODE_PASSWORD;

/// The driver's options except `sslmode`. The driver exports no such list, and does not say which option it does not
/// know.
const DRIVER: [&str; 18] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "sslnegotiation",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// Options for other clients that need no action here: the sizes of their pools, and the hint that the URL leads to a
/// connection pool, which is checked in any case.
const IGNORED: [&str; 6] = [
    "connection_limit",
    "fallback_application_name",
    "pgbouncer",
    "pool_timeout",
    "supa",
    "workaround",
];

/// The contents of a connection URL.
pub(super) struct ConnectionUrl {
    /// For the driver. Its `sslmode` is `require` or `disable`.
    pub config: Config,
    /// A file of certificate authorities.
    pub authority: Option<PathBuf>,
}

impl ConnectionUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// What is wrong with it. An option is named only if its name cannot be a part of the password.
    pub fn parse(url: &str) -> Result<Self, String> {
        let parts = Parts::of(url);
        if parts.is_ambiguous() {
            return Err(ENCODE_PASSWORD.to_owned());
        }
        read(&parts).map_err(|reason| {
            if parts.query.contains('@') { ENCODE_PASSWORD.to_owned() } else { reason }
        })
    }
}

/// A URL in the parts that the driver sees: up to the first `@`, and from there to the first `?`.
struct Parts<'a> {
    credentials: &'a str,
    base: &'a str,
    place: &'a str,
    query: &'a str,
}

impl<'a> Parts<'a> {
    fn of(url: &'a str) -> Self {
        let (base, query) = match url.find('@') {
            Some(at) => match url[at..].find('?') {
                Some(mark) => (&url[..at + mark], &url[at + mark + 1..]),
                None => (url, ""),
            },
            None => url.split_once('?').unwrap_or((url, "")),
        };
        let rest = base.split_once("://").map_or("", |(_, rest)| rest);
        let (credentials, place) = rest.split_once('@').unwrap_or(("", rest));
        Self { credentials, base, place, query }
    }

    /// Whether a part of the password may be where the driver would look for a host or database, or the other way
    /// round.
    fn is_ambiguous(&self) -> bool {
        let user = self.credentials.split(':').next().unwrap_or_default();
        user.contains(['/', '?', '#']) || self.place.contains(['@', '#'])
    }
}

fn read(parts: &Parts<'_>) -> Result<ConnectionUrl, String> {
    let (mut driver_options, mut tls, mut authority) = (Vec::new(), false, None);
    let options = parts.query.split('&').filter(|option| !option.is_empty());
    let options: Vec<(&str, &str)> =
        options.map(|option| option.split_once('=').unwrap_or((option, ""))).collect();
    let holds_password = options.iter().any(|(name, _)| *name == "password");
    for (name, written) in options {
        let value = percent_decode_str(written).decode_utf8_lossy();
        match (name, &*value) {
            ("sslmode", "require" | "verify-ca" | "verify-full") | ("ssl", "true") => tls = true,
            ("sslmode", "disable" | "allow" | "prefer") | ("ssl", "false") => tls = false,
            ("sslmode", _) => {
                return Err("sslmode must be disable, allow, prefer, require, verify-ca or \
                     verify-full, of which the last three are the same here"
                    .to_owned());
            }
            // The system's authorities are the default. GSSAPI is not supported, and a certificate is always checked.
            ("sslrootcert", "system")
            | ("gssencmode", "disable" | "prefer" | "allow")
            | ("sslaccept", "strict") => {}
            ("sslrootcert", file) if !file.is_empty() => authority = Some(PathBuf::from(file)),
            ("client_encoding", encoding) if is_utf8(encoding) => {}
            (name, _) if IGNORED.contains(&name) => {}
            (name, _) if DRIVER.contains(&name) => driver_options.push(format!("{name}={written}")),
            (name, _) if !holds_password && is_a_name(name) => {
                return Err(format!(
                    "the option {name} is not supported with this value, or at all"
                ));
            }
            _ => return Err(format!("an option is not supported; {ENCODE_PASSWORD}")),
        }
    }
    let mut config: Config = format!("{}?{}", parts.base, driver_options.join("&"))
        .parse()
        .map_err(|error: tokio_postgres::Error| describe(&error))?;
    config.ssl_mode(if tls { SslMode::Require } else { SslMode::Disable });
    Ok(ConnectionUrl { config, authority })
}

fn is_utf8(encoding: &str) -> bool {
    matches!(encoding.to_ascii_lowercase().as_str(), "utf8" | "utf-8" | "unicode")
}

fn is_a_name(text: &str) -> bool {
    (2..=40).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tokio_postgres::config::Host;

    use super::*;

    fn parse(options: &str) -> Result<ConnectionUrl, String> {
        ConnectionUrl::parse(&format!("postgres://u:secret@db.example.com/app?{options}"))
    }

    #[test]
    fn tls_is_used_only_for_an_sslmode_that_requires_it() {
        for (options, mode) in [
            ("sslmode=require", SslMode::Require),
            ("sslmode=verify-ca", SslMode::Require),
            ("sslmode=verify-full", SslMode::Require),
            ("ssl=true", SslMode::Require),
            ("sslmode=require&channel_binding=require", SslMode::Require),
            ("sslmode=prefer", SslMode::Disable),
            ("sslmode=allow", SslMode::Disable),
            ("sslmode=disable", SslMode::Disable),
            ("ssl=false", SslMode::Disable),
            ("", SslMode::Disable),
        ] {
            assert_eq!(parse(options).unwrap().config.get_ssl_mode(), mode, "{options}");
        }
        assert!(parse("sslmode=always").err().unwrap().contains("sslmode"));
    }

    #[test]
    fn harmless_url_options_are_accepted_and_unsupported_ones_are_named() {
        for harmless in [
            "pgbouncer=true",
            "connection_limit=1&pool_timeout=0",
            "supa=base-pooler.x",
            "gssencmode=prefer",
            "sslrootcert=system",
            "client_encoding=UTF8",
            "connect_timeout=10&application_name=app",
            "options=-c%20statement_timeout%3D1000",
        ] {
            assert!(parse(harmless).is_ok(), "{harmless}");
        }
        for (option, name) in [
            ("schema=app", "schema"),
            ("sslcert=client.crt", "sslcert"),
            ("gssencmode=require", "gssencmode"),
            ("connect_timeout=soon", "connect_timeout"),
            ("target_session_attrs=any-thing", "target_session_attrs"),
        ] {
            let refusal = parse(option).err().unwrap();
            assert!(refusal.contains(name), "{option}: {refusal}");
        }
        let named = parse("sslrootcert=%2Fetc%2Fca.pem").unwrap().authority;
        assert_eq!(named, Some(PathBuf::from("/etc/ca.pem")));
    }

    #[test]
    fn unencoded_password_is_parsed_whole_or_rejected_without_being_shown() {
        for (url, password) in [
            ("postgres://app:p/s?s#w&rd@host/app", "p/s?s#w&rd"),
            ("postgres://app:s%40cret:word@host/app", "s@cret:word"),
        ] {
            let read = ConnectionUrl::parse(url).unwrap().config;
            assert_eq!(read.get_password(), Some(password.as_bytes()));
            assert_eq!(read.get_hosts(), [Host::Tcp("host".to_owned())]);
        }
        for url in [
            "postgres://app:p@s/s:word#o?r%d&=x@127.0.0.1:5432/app",
            "postgres://app:s@word@host/app",
            "postgres://app:s@word/@host/app",
            "postgres://app:s@s?word=1@host/app",
            "postgres://app:s@s?word@host/app",
            "postgres://app:s@1?user=a&word=b@host/app",
            "postgres://app:s@1#word@host/app",
            "postgres://host/db?user=word@example.com",
            "postgres://host/db?user=app&password=a&word=b",
            "postgres://host/db?user=app&password=a&word",
            "postgres://app:s@host:word/app",
        ] {
            let refusal = ConnectionUrl::parse(url).err().unwrap();
            assert!(!refusal.contains("word=") && !refusal.contains("s:word"), "{url}: {refusal}");
            let of_the_url = refusal.replace("the password", "");
            assert!(!of_the_url.contains("word"), "{url}: {refusal}");
        }
    }
}
