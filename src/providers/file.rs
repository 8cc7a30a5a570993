//! The file that configures the providers: TOML, one table for each.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use openidconnect::IssuerUrl;
use secrecy::SecretString;
use serde::Deserialize;
use strum::IntoStaticStr;
use toml::de::Error as TomlError;
use url::Url;

use super::preset::{Preset, check_tenant};
use crate::{
    fields,
    http_client::{Reach, is_loopback},
    private_files,
    store::accounts::PASSWORD,
};

/// What the provider shows the user (`prompt`, OpenID Connect Core 1.0, 3.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Prompt {
    /// It authenticates the user again.
    Login,
    /// It asks for the user's consent again.
    Consent,
    /// It asks which account to use.
    SelectAccount,
}

/// The settings of one provider.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    issuer: Option<String>,
    pub(super) preset: Option<Preset>,
    tenant: Option<String>,
    pub(super) client_id: String,
    pub(super) client_secret: Option<SecretString>,
    client_secret_file: Option<PathBuf>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) name: Option<String>,
    #[serde(default = "yes")]
    pub(super) sign_up: bool,
    #[serde(default)]
    pub(super) trusted_email: bool,
    pub(super) prompt: Option<Prompt>,
    /// The values of `amr` and `acr` that stand for the second factor.
    #[serde(default)]
    pub(super) second_factor: Vec<String>,
    #[serde(default)]
    private_network: bool,
    /// `issuer`, or the preset's.
    #[serde(skip)]
    resolved_issuer: Option<String>,
}

const fn yes() -> bool {
    true
}

/// Why the file is not valid. Contains no value of it.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// It is not TOML.
    #[error("{}, line {line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The parser's message.
        message: String,
    },
    /// A value is missing or invalid.
    #[error("{}: {place} {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The table and the key.
        place: String,
        /// What is wrong.
        message: String,
    },
    /// The certificate authorities of the system cannot be used.
    #[error("the system's certificate authorities cannot be used: {0}")]
    Certificates(String),
}

/// Reads the settings of all providers, in the order of their ids.
pub(super) fn read(path: &Path) -> Result<Vec<(String, Settings)>, FileError> {
    parse(&read_text(path)?, path)
}

fn read_text(path: &Path) -> Result<String, FileError> {
    fs::read_to_string(path).map_err(|source| FileError::Unreadable {
        path: path.to_owned(),
        source: private_files::explain(path, source),
    })
}

fn parse(text: &str, path: &Path) -> Result<Vec<(String, Settings)>, FileError> {
    let tables: toml::Table = text.parse().map_err(|error: TomlError| {
        let offset = error.span().map_or(0, |span| span.start);
        FileError::Syntax {
            path: path.to_owned(),
            line: text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1,
            message: error.message().to_owned(),
        }
    })?;
    tables
        .into_iter()
        .map(|(id, table)| {
            let settings = settings(&id, table).map_err(|fault| match fault {
                Fault::Key(key, message) => FileError::Invalid {
                    path: path.to_owned(),
                    place: if key.is_empty() { format!("[{id}]") } else { format!("[{id}] {key}") },
                    message,
                },
                Fault::File(error) => error,
            })?;
            Ok((id, settings))
        })
        .collect()
}

/// What is wrong with a provider: a key and a message, or a file of its own.
enum Fault {
    Key(String, String),
    File(FileError),
}

fn wrong<T>(key: &str, message: &str) -> Result<T, Fault> {
    Err(Fault::Key(key.to_owned(), message.to_owned()))
}

fn settings(id: &str, table: toml::Value) -> Result<Settings, Fault> {
    if fields::short_name(id).is_err() || id == PASSWORD {
        return wrong(
            "",
            "must be named by 1 to 30 characters of a-z, 0-9 and hyphens, and not credential",
        );
    }
    if !table.is_table() {
        return wrong("", "must be a table: put the keys of a provider under its id in brackets");
    }
    let mut settings: Settings = serde_path_to_error::deserialize(table).map_err(|error| {
        let key = error.path().to_string();
        // The parser quotes values, which may be secrets.
        let message = if key.starts_with("client_secret") {
            "must be text".to_owned()
        } else {
            error.into_inner().message().to_owned()
        };
        if key == "." { Fault::Key(String::new(), message) } else { Fault::Key(key, message) }
    })?;
    settings.check()?;
    settings.read_secret()?;
    Ok(settings)
}

impl Settings {
    /// Returns the issuer, and what may be called for it; none for GitHub.
    pub(super) fn issuer(&self) -> Option<(IssuerUrl, Reach)> {
        let issuer = IssuerUrl::new(self.resolved_issuer.clone()?).ok()?;
        let reach = if is_loopback(issuer.url()) {
            Reach::Loopback
        } else if self.private_network {
            Reach::Private
        } else {
            Reach::Public
        };
        Some((issuer, reach))
    }

    fn check(&mut self) -> Result<(), Fault> {
        self.resolved_issuer = match (&self.issuer, self.preset) {
            (Some(_), Some(_)) => return wrong("preset", "must not be there beside issuer"),
            (None, None) => return wrong("issuer", "is missing: set it, or preset"),
            (Some(text), None) => match check_issuer(text) {
                Ok(()) => Some(text.clone()),
                Err(message) => return wrong("issuer", message),
            },
            (None, Some(preset)) => preset.issuer(self.tenant.as_deref().unwrap_or_default()),
        };
        match (self.preset, &self.tenant) {
            (Some(Preset::Microsoft), None) => return wrong("tenant", "is missing"),
            (Some(Preset::Microsoft), Some(tenant)) => {
                if let Err(message) = check_tenant(tenant) {
                    return wrong("tenant", message);
                }
            }
            (_, Some(_)) => return wrong("tenant", "is for preset = \"microsoft\" only"),
            _ => {}
        }
        if self.client_id.trim().is_empty() {
            return wrong("client_id", "is empty");
        }
        let secrets = [self.client_secret.is_some(), self.client_secret_file.is_some()];
        match (secrets, self.preset) {
            ([true, true], _) => {
                return wrong("client_secret_file", "must not be there beside client_secret");
            }
            ([false, false], Some(Preset::GitHub)) => return wrong("client_secret", "is missing"),
            _ => {}
        }
        let is_token =
            |scope: &String| !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic());
        if !self.scopes.iter().flatten().all(is_token) {
            return wrong("scopes", "must be a list of scopes without spaces");
        }
        if self.name.as_deref().is_some_and(|name| fields::name(name).is_err()) {
            return wrong("name", "must be 1 to 100 characters on one line");
        }
        if self.preset == Some(Preset::GitHub) && !self.second_factor.is_empty() {
            return wrong(
                "second_factor",
                "cannot be used: GitHub does not say how it authenticated",
            );
        }
        Ok(())
    }

    fn read_secret(&mut self) -> Result<(), Fault> {
        let Some(path) = &self.client_secret_file else { return Ok(()) };
        let text = read_text(path).map_err(Fault::File)?;
        if text.trim().is_empty() {
            return wrong("client_secret_file", "names an empty file");
        }
        self.client_secret = Some(text.trim().to_owned().into());
        Ok(())
    }
}

fn check_issuer(text: &str) -> Result<(), &'static str> {
    let url = Url::parse(text).map_err(|_| "must be a URL that begins with https://")?;
    let plain = url.scheme() == "http" && is_loopback(&url);
    if !plain && url.scheme() != "https" {
        return Err("must begin with https:// (http:// only for this machine)");
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err("must have no query, fragment or user name");
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fmt::Write;

    use super::*;

    const GOOD: &str = "[id]\nissuer = \"https://id.example.com\"\nclient_id = \"a\"\n";

    fn error(text: &str) -> String {
        let mut shown = String::new();
        let error = parse(text, Path::new("providers.toml")).err().unwrap();
        write!(shown, "{error}").unwrap();
        shown
    }

    #[test]
    fn provider_is_read_with_its_defaults() {
        let read = parse(GOOD, Path::new("x")).ok().unwrap();
        let [(id, settings)] = &read[..] else { unreachable!() };
        assert_eq!(id, "id");
        assert!(settings.sign_up && !settings.trusted_email);
        let (issuer, reach) = settings.issuer().unwrap();
        // Without the slash that a URL parser adds: issuers are compared as text.
        assert_eq!(issuer.as_str(), "https://id.example.com");
        assert_eq!(reach, Reach::Public);
    }

    #[test]
    fn invalid_provider_is_reported_with_file_table_and_key() {
        for (text, part) in [
            ("[id]\nclient_id = \"a\"", "[id] issuer is missing"),
            ("[id]\npreset = \"google\"", "[id] missing field `client_id`"),
            (&format!("{GOOD}color = 1"), "[id] color unknown field `color`"),
            (&format!("{GOOD}preset = \"google\""), "[id] preset must not be there"),
            (&format!("{GOOD}scopes = [\"a b\"]"), "[id] scopes must be"),
            (&format!("{GOOD}client_secret_file = \"/nonexistent/secret\""), "/nonexistent/secret"),
            (&GOOD.replace("https", "http"), "[id] issuer must begin with https://"),
            (&GOOD.replace("[id]", "[Id]"), "[Id] must be named"),
            (&GOOD.replace("[id]", "[credential]"), "[credential] must be named"),
            ("[m]\npreset = \"microsoft\"\nclient_id = \"a\"", "[m] tenant is missing"),
            (
                "[m]\npreset = \"microsoft\"\nclient_id = \"a\"\ntenant = \"common\"",
                "[m] tenant must be one tenant",
            ),
            ("[g]\npreset = \"github\"\nclient_id = \"a\"", "[g] client_secret is missing"),
            ("client_id = \"a\"", "[client_id] must be"),
        ] {
            let shown = error(text);
            assert!(shown.contains("providers.toml") || part.starts_with('/'), "{shown}");
            assert!(shown.contains(part), "{shown}");
        }
    }

    #[test]
    fn error_does_not_show_a_secret() {
        for text in [
            format!("{GOOD}client_secret = hunter2"),
            format!("{GOOD}client_secret = [\"hunter2\"]"),
            format!("{GOOD}client_secret = {{ value = \"hunter2\" }}"),
            format!("{GOOD}client_secret = \"hunter2\"\nclient_secret = \"hunter2\""),
        ] {
            let shown = error(&text);
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        assert!(error(&format!("{GOOD}client_secret = hunter2")).contains("line 4"));
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for (issuer, reach) in [
            ("http://localhost:4000", Some(Reach::Loopback)),
            ("http://127.0.0.1:4000/x", Some(Reach::Loopback)),
            ("http://id.example.com", None),
        ] {
            let text = GOOD.replace("https://id.example.com", issuer);
            let read = parse(&text, Path::new("x")).ok();
            assert_eq!(read.and_then(|read| Some(read[0].1.issuer()?.1)), reach, "{issuer}");
        }
    }
}
