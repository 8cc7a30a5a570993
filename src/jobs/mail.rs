//! Sends emails.
//!
//! An email with a link is queued without it: the link's secret is generated just before the email is sent, and
//! only its hash is stored. So the queue contains no secret, a link that a mail server delayed is valid for as
//! long as any other, and whether the recipient has an account is decided here: a request for an email does the
//! same work for any email, and takes as long (no user enumeration).

mod delivery;
mod kinds;

use serde::{Deserialize, Serialize};

use super::Job;
use crate::store::known_clients::KnownClient;

pub(super) use delivery::deliver;
pub use kinds::MailKind;

/// An email to send.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mail {
    about: MailKind,
    email: String,
    /// The page to which its link leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    callback: Option<String>,
    /// The session that requested it.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
    /// The name of the user whom its link creates.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The page to which its link leads a new user.
    #[serde(rename = "newUserCallback", skip_serializing_if = "Option::is_none")]
    new_user_callback: Option<String>,
    /// The page to which its link leads if it is rejected.
    #[serde(rename = "errorCallback", skip_serializing_if = "Option::is_none")]
    error_callback: Option<String>,
    /// The client that it is about, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
}

impl Mail {
    /// Creates an email about this, to this recipient.
    #[must_use]
    pub fn new(about: MailKind, email: &str) -> Self {
        Self {
            about,
            email: email.to_owned(),
            callback: None,
            session_id: None,
            name: None,
            new_user_callback: None,
            error_callback: None,
            client: None,
        }
    }

    /// Returns the recipient, if the email is about this.
    pub(super) fn email_about(self, about: MailKind) -> Option<String> {
        (self.about == about).then_some(self.email)
    }

    /// Sets the page to which its link leads.
    #[must_use]
    pub fn with_callback(self, callback: Option<String>) -> Self {
        Self { callback, ..self }
    }

    /// Sets the name of the user whom its link creates, and the page to which it leads them.
    #[must_use]
    pub fn with_new_user(self, name: Option<String>, callback: Option<String>) -> Self {
        Self { name, new_user_callback: callback, ..self }
    }

    /// Sets the page to which its link leads if it is rejected.
    #[must_use]
    pub fn with_error_callback(self, callback: Option<String>) -> Self {
        Self { error_callback: callback, ..self }
    }

    /// Sets the client that it is about. The name of an unknown program is left out: the client chose that text.
    #[must_use]
    pub fn about_client(self, client: &KnownClient) -> Self {
        let program = client.browser.as_deref().unwrap_or("an unknown program");
        Self { client: Some(format!("{program}, from {}", client.network)), ..self }
    }

    /// Sets the session that requested it.
    #[must_use]
    pub fn requested_by_session(self, session_id: &str) -> Self {
        Self { session_id: Some(session_id.to_owned()), ..self }
    }
}

impl From<Mail> for Job {
    fn from(mail: Mail) -> Self {
        Self::Mail(mail)
    }
}
