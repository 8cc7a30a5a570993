//! Sends emails: to a mail server, or, if none is configured, to a folder.
//!
//! [`crate::jobs`] decides what is sent when; this module formats and delivers it.

mod content;
mod outbox;
mod smtp;
pub(crate) mod templates;

use lettre::{Address, message::Mailbox};

use crate::{
    config::{Config, ConfigError},
    site::Site,
};

pub use content::{Action, MailContent};

use outbox::Outbox;
use smtp::Smtp;

/// Why an email was not sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It will not be sent later either: the recipient is invalid, or is rejected permanently.
    #[error("{0}")]
    Permanent(String),
    /// It may be sent later.
    #[error("{0}")]
    Transient(String),
}

/// Sends emails.
pub struct Mailer {
    from: Mailbox,
    transport: Transport,
}

enum Transport {
    Smtp(Box<Smtp>),
    Outbox(Outbox),
}

impl Mailer {
    /// Creates the mailer that is configured.
    ///
    /// # Errors
    /// When the mail server's URL or certificate, or the outbox, cannot be used.
    pub fn new(config: &Config, site: &Site) -> Result<Self, ConfigError> {
        let transport = match config.email.smtp()? {
            Some(url) => Transport::Smtp(Box::new(Smtp::new(url.expose(), config)?)),
            None => Transport::Outbox(Outbox::new(config)?),
        };
        let from = config.email.mail_from.clone().unwrap_or_else(|| no_reply(site));
        Ok(Self { from, transport })
    }

    /// Sends the email of this job, for the first time or again.
    ///
    /// Each attempt has a Message-ID of its own: the second of two contains another link, and must not be
    /// dropped as a duplicate. In the outbox both are the same file.
    ///
    /// # Errors
    /// Whether a retry is worthwhile, and the server's reply.
    pub async fn send(
        &self,
        to: &str,
        content: &MailContent,
        job_id: &str,
        attempt: i32,
    ) -> Result<(), Error> {
        let message = content.message(&self.from, to, &format!("{job_id}.{attempt}"))?;
        match &self.transport {
            Transport::Smtp(smtp) => smtp.send(message).await,
            Transport::Outbox(outbox) => outbox.keep(job_id, message.formatted()).await,
        }
    }

    /// Returns where emails go, for the banner.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.transport {
            Transport::Smtp(smtp) => smtp.describe(),
            Transport::Outbox(outbox) => outbox.describe(),
        }
    }

    /// Returns whether emails cross a network unencrypted.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        matches!(&self.transport, Transport::Smtp(smtp) if smtp.is_exposed())
    }
}

fn no_reply(site: &Site) -> Mailbox {
    let host = site.public_url.domain().unwrap_or("localhost");
    let address = Address::new("no-reply", host);
    // A host that is valid in a URL may be invalid in an email.
    let address = address.unwrap_or_else(|_| Address::new_dangerous("no-reply", "localhost"));
    Mailbox::new(Some(site.name.clone()), address)
}
