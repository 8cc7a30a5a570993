//! Emails of a product's jobs, in the layout of this library's own.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{Failure, JobContext};
use crate::{
    gate::next::own_path,
    mail::{Action, MailContent},
    site::Site,
    store::users,
};

/// An email that a job sends: a subject, paragraphs and at most one link.
///
/// All of it is text. It is escaped in the email's HTML, and a line break in it, such as one in a name that a user chose,
/// becomes a space, so that it adds no header to the email.
///
/// ```
/// use portcullis::jobs::{Email, Failure, JobContext, JobKind};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct MonthIsReady {
///     user_id: String,
///     month: String,
/// }
///
/// impl JobKind for MonthIsReady {
///     const NAME: &'static str = "month-is-ready";
///
///     async fn run(self, job: JobContext<'_>) -> Result<(), Failure> {
///         let email = Email::new(format!("Your ledger of {}", self.month))
///             .paragraph(format!("All bookings of {} are complete.", self.month))
///             .link("Open the ledger", format!("/ledger?month={}", self.month));
///         job.email_user(&self.user_id, email).await
///     }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Email {
    subject: String,
    lines: Vec<String>,
    link: Option<Link>,
    closing: Vec<String>,
}

#[derive(Debug, Clone)]
struct Link {
    label: String,
    path: String,
}

impl Email {
    /// Creates an email with this subject and no text.
    #[must_use]
    pub fn new(subject: impl AsRef<str>) -> Self {
        Self {
            subject: in_one_line(subject.as_ref()),
            lines: Vec::new(),
            link: None,
            closing: Vec::new(),
        }
    }

    /// Adds a paragraph: before the link, or after it if the email already has one.
    #[must_use]
    pub fn paragraph(mut self, text: impl AsRef<str>) -> Self {
        let text = in_one_line(text.as_ref());
        let place = if self.link.is_some() { &mut self.closing } else { &mut self.lines };
        place.push(text);
        self
    }

    /// Adds the paragraphs of a text, which empty lines separate, such as the output of a template. A template for text
    /// must not escape: in askama its name ends in `.txt`.
    #[must_use]
    pub fn paragraphs(self, text: &str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        lines
            .split(|line| line.trim().is_empty())
            .filter(|lines| !lines.is_empty())
            .fold(self, |email, lines| email.paragraph(lines.join(" ")))
    }

    /// Sets the link: what following it does, and a path of this site, such as `/ledger?month=5`. The email contains it
    /// with the public URL.
    #[must_use]
    pub fn link(self, label: impl AsRef<str>, path: impl Into<String>) -> Self {
        let link = Link { label: in_one_line(label.as_ref()), path: path.into() };
        Self { link: Some(link), ..self }
    }

    fn content(self, site: &Site) -> Result<MailContent, Failure> {
        let permanent = |reason: &str| Failure::Permanent(reason.to_owned());
        if self.subject.is_empty() {
            return Err(permanent("the email has no subject"));
        }
        let absolute = |Link { label, path }: Link| -> Result<Action, Failure> {
            let url = own_path(&path, site).and_then(|path| site.public_url.join(path).ok());
            let url = url.ok_or_else(|| permanent("the link of the email is no path of this site"));
            Ok(Action { label: label.into(), url: url? })
        };
        let action = self.link.map(absolute).transpose()?;
        let Self { subject, lines, closing, .. } = self;
        Ok(MailContent { subject, lines, action, closing })
    }
}

impl JobContext<'_> {
    /// Sends an email to a user, at the email that their account has now.
    ///
    /// Nothing is sent to a user who has not confirmed that email, because it may be that of someone else, nor to one who
    /// is deactivated or suspended or has deleted their account: the job is complete.
    ///
    /// # Errors
    /// Why it was not sent, and whether it will be later. If another attempt succeeds, the email may have been sent before.
    pub async fn email_user(&self, user_id: &str, email: Email) -> Result<(), Failure> {
        let user = users::find(&self.state.store, user_id.to_owned()).await?;
        match user.filter(|user| user.is_active() && user.email_verified) {
            Some(user) => self.email_to(&user.email, email).await,
            None => Ok(()),
        }
    }

    /// Sends an email to someone who may have no account, such as the operator. For a user, use [`Self::email_user`].
    ///
    /// Send nothing that a user wrote to an email that a user entered: anyone could send mail in the name of this site.
    ///
    /// # Errors
    /// As [`Self::email_user`], and a [`Failure::Permanent`] if the recipient is invalid.
    pub async fn email_to(&self, to: &str, email: Email) -> Result<(), Failure> {
        let id = format!("{}-{}", self.id, distinction(to, &email.subject));
        let content = email.content(&self.state.site)?;
        Ok(self.state.mailer.send(to, &content, &id, self.attempt).await?)
    }
}

/// Returns what distinguishes the emails of one job. It is the same in each attempt.
fn distinction(to: &str, subject: &str) -> String {
    let digest = Sha256::digest(format!("{to}\n{subject}"));
    BASE64_URL_SAFE_NO_PAD.encode(&digest[..9])
}

/// Returns a text with single spaces in place of all white space, and without control characters.
fn in_one_line(text: &str) -> String {
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| word.chars().filter(|letter| !letter.is_control()).collect())
        .collect();
    words.join(" ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_in_an_email_become_spaces() {
        let email = Email::new("Hello\r\nBcc: everyone@example.com\0")
            .paragraph("one\r\n.\r\ntwo\u{2028}three")
            .link("Open\nit", "/ledger");
        assert_eq!(email.subject, "Hello Bcc: everyone@example.com");
        assert_eq!(email.lines, ["one . two three"]);
        assert_eq!(email.link.unwrap().label, "Open it");
    }

    #[test]
    fn paragraphs_after_the_link_and_of_a_text_are_in_their_places() {
        let email = Email::new("x")
            .paragraphs("\nOne\nline.\n\n \nTwo.\n")
            .link("Go", "/")
            .paragraph("Bye");
        assert_eq!(email.lines, ["One line.", "Two."]);
        assert_eq!(email.closing, ["Bye"]);
    }
}
