//! Parses settings from their text.

use std::{fmt, num::NonZeroU32, path::PathBuf, str::FromStr, time::Duration};

use actix_web::http::Uri;
use ipnet::IpNet;
use jiff::SignedDuration;
use lettre::message::Mailbox;
use secrecy::{ExposeSecret, SecretString};
use url::{ParseError, Url};

use super::List;
use crate::{fields, site};

/// A setting that must not be revealed by accident: `Debug` does not show it.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Returns the text, for the one place that uses it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl FromStr for Secret {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "" => Err("is empty"),
            text => Ok(Self(text.into())),
        }
    }
}

/// A rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// No limit.
    Off,
    /// A burst of this many, replenished over this period.
    Of(NonZeroU32, Duration),
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SHAPE: &str = "must be a number and a time, such as 60/10m, or off";
        if text == "off" {
            return Ok(Self::Off);
        }
        let (most, each) = text.split_once('/').ok_or(SHAPE)?;
        let each: SignedDuration = each.parse().map_err(|_| SHAPE)?;
        let each = Duration::try_from(each).map_err(|_| SHAPE)?;
        if each < Duration::from_secs(1) || each > Duration::from_hours(24) {
            return Err("must be for a time from a second to a day");
        }
        let most: NonZeroU32 = most.parse().map_err(|_| SHAPE)?;
        // The counters count in microseconds: a higher rate would be no limit at all.
        if each / most.get() < Duration::from_micros(1) {
            return Err("must be at most a million a second; off is for any number");
        }
        Ok(Self::Of(most, each))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Of(most, each) = self else { return f.write_str("off") };
        match each.as_secs() {
            seconds if seconds % 3600 == 0 => write!(f, "{most}/{}h", seconds / 3600),
            seconds if seconds % 60 == 0 => write!(f, "{most}/{}m", seconds / 60),
            seconds => write!(f, "{most}/{seconds}s"),
        }
    }
}

/// Parses a folder that is created if it is missing. A mistyped name would contain a new, empty database.
pub(super) fn folder(text: &str) -> Result<PathBuf, &'static str> {
    without_blanks(text).map(PathBuf::from)
}

/// Rejects white space around a path: lines of a file that was written on Windows end in a carriage return.
pub(super) fn without_blanks(path: &str) -> Result<&str, &'static str> {
    if path.trim() == path && !path.contains(char::is_control) {
        Ok(path)
    } else {
        Err(
            "must not begin or end with a blank, or hold a line break (of a file with Windows' line ends?)",
        )
    }
}

/// The log levels.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Validates `tracing`'s directives. A single word must be a level: `tracing` would interpret any other as the
/// name of a module that logs everything, and nothing else would be logged.
pub(super) fn log_filter(text: &str) -> Result<String, String> {
    let directives = text.split(',').map(str::trim).filter(|directive| !directive.is_empty());
    let own = ["portcullis", &crate::name::get().slug.replace('-', "_")];
    for word in directives.clone().filter(|directive| !directive.contains(['=', '[', ']'])) {
        let is_level = LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
        if !is_level && !own.iter().any(|own| word.starts_with(own)) {
            return Err(format!(
                "{word} is no level ({}); for all of a module's lines, {word}=trace",
                LEVELS.join(", ")
            ));
        }
    }
    Ok(directives.collect::<Vec<_>>().join(","))
}

/// Parses proxies as networks, or `none`: an empty list is not the same as no list, which causes a warning.
pub(super) fn proxies(text: &str) -> Result<List<IpNet>, String> {
    List::parse(if text.trim() == "none" { "" } else { text }, network)
}

/// Parses a network, or a single IP address as a network.
fn network(text: &str) -> Result<IpNet, String> {
    text.parse()
        .or_else(|_| text.parse().map(|address: std::net::IpAddr| IpNet::from(address)))
        .map_err(|_| "must be addresses or networks (10.0.0.0/8,192.0.2.7), or none".to_owned())
}

pub(super) fn public_url(text: &str) -> Result<Url, String> {
    let url = web_url(text)?;
    if url.path() != "/" {
        return Err("must be without a path: the server needs a host of its own, such as \
            https://api.example.com, and cannot be served under a path of another site"
            .into());
    }
    without_query(&url)?;
    Ok(url)
}

fn without_query(url: &Url) -> Result<(), String> {
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must end after the host and port: https://api.example.com".into());
    }
    Ok(())
}

pub(super) fn origins(text: &str) -> Result<List<String>, String> {
    List::parse(text, origin)
}

/// Parses an origin into the form that browsers write (RFC 6454, 6.2), with which requests are compared.
fn origin(text: &str) -> Result<String, String> {
    if text.eq_ignore_ascii_case("null") {
        return Err("cannot be null, which browsers send for pages of many origins".into());
    }
    refuse_pattern(text)?;
    let url = parse_url(text, "https://app.example.com")?;
    refuse_credentials(&url)?;
    if !matches!(url.path(), "" | "/") {
        return Err("must be origins, without a path: https://app.example.com".into());
    }
    without_query(&url)?;
    let origin = site::origin_of(&url).filter(|origin| origin.parse::<Uri>().is_ok());
    origin.ok_or_else(|| {
        "must begin with https://, http:// or an app's own scheme, such as capacitor://, \
         and name a host"
            .into()
    })
}

/// Parses a URL. Without a scheme, the URL parser's own error is the unhelpful "a relative URL without a base".
fn parse_url(text: &str, example: &str) -> Result<Url, String> {
    Url::parse(text).map_err(|error| match error {
        ParseError::RelativeUrlWithoutBase => {
            format!("must begin with https://, as {example} does")
        }
        other => other.to_string(),
    })
}

fn web_url(text: &str) -> Result<Url, String> {
    let url = parse_url(text, "https://api.example.com")?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("must begin with https:// or http://".into());
    }
    refuse_credentials(&url)?;
    refuse_pattern(url.host_str().unwrap_or_default())?;
    Ok(url)
}

fn refuse_credentials(url: &Url) -> Result<(), String> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must hold no user name or password".into());
    }
    Ok(())
}

/// Rejects wildcards: a URL parser treats them like any other letter.
fn refuse_pattern(text: &str) -> Result<(), String> {
    if text.contains('*') {
        return Err("must name one host, not a pattern".into());
    }
    Ok(())
}

/// Parses the domains of emails.
pub(super) fn domains(text: &str) -> Result<List<String>, &'static str> {
    const SHAPE: &str = "must be domains as in an email after the @, such as example.com";
    let domains = List::parse(text, |domain| match fields::email(&format!("user@{domain}")) {
        Ok(()) => Ok(domain.to_lowercase()),
        Err(_) => Err(SHAPE),
    })?;
    if domains.is_empty() { Err(SHAPE) } else { Ok(domains) }
}

pub(super) fn login_url(text: &str) -> Result<String, String> {
    if text.starts_with('/') && !text.starts_with("//") && !text.contains('\\') {
        return Ok(text.to_owned());
    }
    web_url(text).map(String::from)
}

/// The prefixes of tokens: new tokens get the first, and tokens with any of them are accepted.
#[derive(Debug, Clone)]
pub struct TokenPrefixes {
    new: String,
    all: List<String>,
}

impl TokenPrefixes {
    /// Returns the prefix of new tokens.
    #[must_use]
    pub fn of_new(&self) -> &str {
        &self.new
    }

    /// Returns the prefixes that are accepted.
    #[must_use]
    pub fn all(&self) -> &[String] {
        &self.all
    }
}

pub(super) fn token_prefixes(text: &str) -> Result<TokenPrefixes, String> {
    let all = List::parse(text, token_prefix)?;
    let new = all.first().ok_or("is empty")?.clone();
    Ok(TokenPrefixes { new, all })
}

fn token_prefix(text: &str) -> Result<String, String> {
    let fits = (1..=16).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && text.ends_with('_');
    if fits {
        Ok(text.to_owned())
    } else {
        Err("must be up to 16 letters, digits and underscores, and end in an underscore".into())
    }
}

pub(super) fn mailbox(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|error| format!("{error}"))
}

pub(super) fn site_name(text: &str) -> Result<String, String> {
    crate::fields::name(text).map_err(|fault| fault.message.unwrap_or_default().into_owned())?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Rate, folder, log_filter};

    #[test]
    fn folder_with_outer_blanks_or_control_characters_is_rejected() {
        for path in ["data", "/var/lib/my data", "ünï"] {
            assert!(folder(path).is_ok(), "{path}");
        }
        for path in ["data\r", "data\n", " data", "data ", "da\tta", "\u{a0}data"] {
            assert!(folder(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn log_filter_with_an_unknown_level_is_rejected() {
        for (text, filter) in [
            ("info", "info"),
            ("WARN", "WARN"),
            (" info, portcullis=debug,\r\n", "info,portcullis=debug"),
            ("portcullis", "portcullis"),
            (
                "warn,portcullis::gate=trace,[request]=debug",
                "warn,portcullis::gate=trace,[request]=debug",
            ),
        ] {
            assert_eq!(log_filter(text).as_deref(), Ok(filter));
        }
        for text in ["verbose", "wran", "info,actix_web", "1O"] {
            assert!(log_filter(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rate_limit_setting_outside_its_bounds_is_rejected() {
        for rate in ["1/1s", "1/24h", "1000000/1s", "4294967295/24h", "6000/1m"] {
            assert!(matches!(rate.parse(), Ok(Rate::Of(..))), "{rate}");
        }
        for rate in ["0/1m", "1/0s", "1/1ms", "1/25h", "1000001/1s", "4294967295/1m", "-1/1m", "1"]
        {
            assert!(rate.parse::<Rate>().is_err(), "{rate}");
        }
    }
}
