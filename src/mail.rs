//! Mail, on its way out: to a server, or, where none is set, into a folder.
//!
//! What is sent when, [`crate::jobs`] decides; here is how it looks and how it leaves.

mod letter;
pub(crate) mod letters;
mod outbox;
mod smtp;

use lettre::{Address, message::Mailbox};

use crate::{
    config::{Config, ConfigError},
    site::Site,
};

pub use letter::{Action, Letter};

use outbox::Outbox;
use smtp::Smtp;

/// Why a mail did not leave.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It will not leave later either: the address is none, or is refused for good.
    #[error("{0}")]
    Permanent(String),
    /// It may leave later.
    #[error("{0}")]
    Transient(String),
}

/// Sends letters.
pub struct Mailer {
    from: Mailbox,
    way: Way,
}

enum Way {
    Smtp(Box<Smtp>),
    Outbox(Outbox),
}

impl Mailer {
    /// The way that the settings describe.
    ///
    /// # Errors
    /// When the mail server's URL or certificate, or the outbox, cannot be used.
    pub fn new(config: &Config, site: &Site) -> Result<Self, ConfigError> {
        let way = match config.smtp()? {
            Some(url) => Way::Smtp(Box::new(Smtp::new(url.expose(), config)?)),
            None => Way::Outbox(Outbox::new(config)?),
        };
        let from = config.mail_from.clone().unwrap_or_else(|| no_reply(site));
        Ok(Self { from, way })
    }

    /// Sends a letter that this job asks for, for the first time or again.
    ///
    /// Each try has a Message-ID of its own: the second of two holds another link, and must not be
    /// dropped as a double. In the outbox they are one file.
    ///
    /// # Errors
    /// Whether it is worth trying again, and what the server said.
    pub async fn send(
        &self,
        to: &str,
        letter: &Letter,
        job_id: &str,
        attempt: i32,
    ) -> Result<(), Error> {
        let message = letter.message(&self.from, to, &format!("{job_id}.{attempt}"))?;
        match &self.way {
            Way::Smtp(smtp) => smtp.send(message).await,
            Way::Outbox(outbox) => outbox.keep(job_id, message.formatted()).await,
        }
    }

    /// For a banner: where mail goes.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.way {
            Way::Smtp(smtp) => smtp.describe(),
            Way::Outbox(outbox) => outbox.describe(),
        }
    }

    /// Whether what it sends crosses a network in clear.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        matches!(&self.way, Way::Smtp(smtp) if smtp.is_exposed())
    }
}

fn no_reply(site: &Site) -> Mailbox {
    let host = site.public_url.domain().unwrap_or("localhost");
    let address = Address::new("no-reply", host);
    // What is no domain in a mail's eyes can be one in a URL's.
    let address = address.unwrap_or_else(|_| Address::new_dangerous("no-reply", "localhost"));
    Mailbox::new(Some(site.name.clone()), address)
}
