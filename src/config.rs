//! Every setting, declared once: flag, environment variable, default and help. `--help` is its documentation.

mod accounts;
mod data;
mod email;
mod limits;
mod list;
mod listen;
mod log;
mod parse;
#[cfg(feature = "passkeys")]
mod passkeys;
mod server;
mod site;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use crate::{
    cli::ProductMatches,
    private_files,
    secrets::{SigningKeyError, SigningKeys},
    store::{Location, Options, Tables, sign_in::SignInPolicy},
};

#[doc(hidden)]
pub use accounts::{AccountSettings, EmailVerification, SignUp, TwoFactor};
#[doc(hidden)]
pub use data::DataSettings;
#[doc(hidden)]
pub use email::EmailSettings;
#[doc(hidden)]
pub use limits::LimitSettings;
#[doc(hidden)]
pub use list::List;
#[doc(hidden)]
pub use listen::{Listen, SocketMode};
#[doc(hidden)]
pub use log::{LogFormat, LogSettings};
pub use parse::Secret;
#[doc(hidden)]
pub use parse::{Rate, TokenPrefixes};
#[cfg(feature = "passkeys")]
#[doc(hidden)]
pub use passkeys::PasskeySettings;
#[doc(hidden)]
pub use server::ServerSettings;
#[doc(hidden)]
pub use site::{SameSite, SiteSettings, Switch};

/// The settings of a server and of the commands beside it. A field has the name of its flag.
#[derive(Args, Clone, Debug)]
#[allow(missing_docs, reason = "each group documents itself")]
pub struct Config {
    #[command(flatten)]
    #[doc(hidden)]
    pub data: DataSettings,
    #[command(flatten)]
    #[doc(hidden)]
    pub server: ServerSettings,
    #[command(flatten)]
    #[doc(hidden)]
    pub site: SiteSettings,
    #[command(flatten)]
    #[doc(hidden)]
    pub email: EmailSettings,
    #[command(flatten)]
    #[doc(hidden)]
    pub accounts: AccountSettings,
    #[cfg(feature = "passkeys")]
    #[command(flatten)]
    #[doc(hidden)]
    pub passkeys: PasskeySettings,
    #[command(flatten)]
    #[doc(hidden)]
    pub limits: LimitSettings,
    #[command(flatten)]
    #[doc(hidden)]
    pub log: LogSettings,
    #[command(flatten)]
    #[doc(hidden)]
    pub product: ProductMatches,
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
         `portcullis secret` generates one"
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
    /// Passkeys are impossible with these settings.
    #[cfg(feature = "passkeys")]
    #[error("PORTCULLIS_PASSKEY_DOMAIN, PORTCULLIS_PASSKEY_ORIGINS: {0}")]
    Passkeys(#[from] crate::secrets::passkeys::RelyingPartyError),
    /// The file of identity providers is invalid.
    #[cfg(feature = "providers")]
    #[error("PORTCULLIS_PROVIDERS_FILE: {0}")]
    Providers(#[from] crate::providers::FileError),
    /// No user could sign in.
    #[error(
        "PORTCULLIS_PASSWORDS=off needs PORTCULLIS_SMTP_URL, for links that sign in, or \
         PORTCULLIS_PROVIDERS_FILE with an identity provider: without them no user can sign in"
    )]
    NoSignInMethod,
    /// The mail server's URL is invalid.
    #[error("PORTCULLIS_SMTP_URL: {0}")]
    Smtp(String),
}

impl Config {
    /// Returns the keys that sign and verify cookies: from the settings, or for SQLite from a file beside the
    /// database.
    ///
    /// # Errors
    /// When they are missing or malformed, or their file cannot be read or created.
    pub fn signing_keys(&self, location: &Location) -> Result<SigningKeys, ConfigError> {
        let accounts = &self.accounts;
        let secret = read_secret(
            "PORTCULLIS_SECRET_FILE",
            accounts.secret.as_ref(),
            accounts.secret_file.as_ref(),
        )?;
        match (secret, location) {
            (Some(secret), _) => Ok(SigningKeys::parse(secret.expose())?),
            (None, Location::Postgres(_)) => Err(ConfigError::SecretMissing),
            (None, Location::Sqlite(_)) => {
                let folder = &self.data.data_dir;
                let fail = |source| ConfigError::File {
                    name: "PORTCULLIS_DATA_DIR",
                    path: folder.clone(),
                    source,
                };
                private_files::create_folder(folder).map_err(fail)?;
                Ok(SigningKeys::kept_in(&folder.join("secret"))?)
            }
        }
    }

    /// Returns the options with which the store is opened.
    #[must_use]
    pub fn store_options(&self, migrate: bool, tables: Vec<Tables>) -> Options {
        Options {
            tables,
            timeout: Duration::from_secs(self.data.database_timeout),
            connect_timeout: Duration::from_secs(self.data.database_timeout),
            pool_size: self.data.database_pool_size,
            workers: self.server.workers(),
            migrate,
            cache_size: self.data.cache_size(),
            sign_in_policy: SignInPolicy {
                max_sessions: self.accounts.max_sessions,
                verified_only: self.accounts.email_verification == EmailVerification::Required,
            },
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// Returns a secret that is set directly or in a file. `name` is the setting of the file, such as `LEDGER_KEY_FILE`.
///
/// # Errors
/// When the file cannot be read, or is empty.
pub fn read_secret(
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
