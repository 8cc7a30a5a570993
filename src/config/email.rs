//! How emails are sent.

use std::path::PathBuf;

use clap::Args;
use lettre::message::Mailbox;

use super::{ConfigError, Secret, parse, read_secret};

/// The settings under the heading "Email" of `--help`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Email")]
#[group(skip)]
pub struct EmailSettings {
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
    #[arg(
        long,
        env = "PORTCULLIS_SMTP_TIMEOUT",
        default_value_t = 60,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=120),
        global = true
    )]
    pub smtp_timeout: u64,

    /// The sender of emails, such as `Example <hello@example.com>`; by default, no-reply at the host of the
    /// public URL
    #[arg(
        long,
        env = "PORTCULLIS_MAIL_FROM",
        value_name = "ADDRESS",
        value_parser = parse::mailbox,
        global = true
    )]
    pub mail_from: Option<Mailbox>,
}

impl EmailSettings {
    /// Returns whether there is a mail server, and not only a folder for the developer.
    #[must_use]
    pub fn has_server(&self) -> bool {
        self.smtp_url.is_some() || self.smtp_url_file.is_some()
    }

    /// Returns the mail server's URL, if there is one.
    ///
    /// # Errors
    /// When the file that contains it cannot be read.
    pub fn smtp(&self) -> Result<Option<Secret>, ConfigError> {
        read_secret("PORTCULLIS_SMTP_URL_FILE", self.smtp_url.as_ref(), self.smtp_url_file.as_ref())
    }
}
