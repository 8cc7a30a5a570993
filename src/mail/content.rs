use std::borrow::Cow;

use askama::Template;
use lettre::{
    Message,
    message::{
        Body, Mailbox, MultiPart,
        header::{ContentTransferEncoding, HeaderName, HeaderValue},
    },
};
use url::Url;

use super::Error;

/// The content of an email: some lines, an optional link, and more lines.
///
/// No line of this library's own emails may contain user input: a name chosen at sign-up would be sent to whatever email
/// was entered with it.
pub struct MailContent {
    /// The subject.
    pub subject: String,
    /// The lines before the link.
    pub lines: Vec<String>,
    /// The link.
    pub action: Option<Action>,
    /// The lines after it.
    pub closing: Vec<String>,
}

/// A link.
pub struct Action {
    /// What following it does.
    pub label: Cow<'static, str>,
    /// The URL.
    pub url: Url,
}

#[derive(Template)]
#[template(path = "mail/content.txt")]
struct Text<'a> {
    content: &'a MailContent,
}

#[derive(Template)]
#[template(path = "mail/content.html")]
struct Html<'a> {
    content: &'a MailContent,
}

impl MailContent {
    /// Returns the email as a message, in text and in HTML.
    ///
    /// # Errors
    /// When the recipient is invalid.
    pub(super) fn message(&self, from: &Mailbox, to: &str, id: &str) -> Result<Message, Error> {
        let to = to.parse().map_err(|error| Error::Permanent(format!("the address: {error}")))?;
        let render = |error: askama::Error| Error::Permanent(error.to_string());
        let text = Text { content: self }.render().map_err(render)?;
        let html = Html { content: self }.render().map_err(render)?;
        Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, to))
            .subject(&self.subject)
            .message_id(Some(format!("<{id}@{}>", from.email.domain())))
            .raw_header(auto_submitted())
            .multipart(MultiPart::alternative_plain_html(unencoded(text), html))
            .map_err(|error| Error::Permanent(error.to_string()))
    }
}

/// The longest line that an email may have (RFC 5322, 2.1.1).
const LONGEST_LINE: usize = 998;

/// Returns text without a transfer encoding, so that a link can be copied out of a file in the outbox: lettre
/// would break its lines at 76 characters.
fn unencoded(text: String) -> Body {
    if text.is_ascii() && text.lines().all(|line| line.len() <= LONGEST_LINE) {
        let text = text.replace('\n', "\r\n").into_bytes();
        Body::dangerous_pre_encoded(text, ContentTransferEncoding::SevenBit)
    } else {
        Body::new(text)
    }
}

/// Tells out-of-office programs not to reply (RFC 3834, 5).
fn auto_submitted() -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned())
}
