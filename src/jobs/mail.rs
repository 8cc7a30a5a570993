//! Writing to people.
//!
//! A letter that holds a link is asked for without it: the link's secret is made when the letter is
//! about to leave, and only its hash is stored. So no secret waits in the queue, a link that a mail
//! server held up lives as long as any other, and whether there is somebody to write to is decided
//! here: asking for a mail is the same work for any address, and takes as long.

use serde::{Deserialize, Serialize};
use url::Url;

use super::{Failure, Job};
use crate::{
    config::Switch,
    mail::{Letter, letters},
    secrets::LinkSecret,
    state::State,
    store::{
        jobs::JobRow,
        users,
        verifications::{self, NewVerification, Purpose},
    },
    time::{Span, days, seconds},
};

/// A letter to write to an address.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mail {
    about: About,
    email: String,
    /// Where its link leads on to.
    #[serde(skip_serializing_if = "Option::is_none")]
    callback: Option<String>,
    /// The session that asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
}

/// What a letter is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// Is this address yours?
    VerifyEmail,
    /// Somebody signed up with your address, and you are here already.
    AlreadyHere,
    /// Choose a new password.
    ResetPassword,
    /// An account has been made for you.
    Invitation,
    /// Is this address to be yours?
    ChangeEmail,
    /// Do you want to leave?
    DeleteAccount,
    /// Your password was changed.
    PasswordChanged,
    /// Your address was changed; to the old one.
    EmailChanged,
}

impl Mail {
    /// A letter about this, to this address.
    #[must_use]
    pub fn new(about: About, email: &str) -> Self {
        Self { about, email: email.to_owned(), callback: None, session_id: None }
    }

    /// Where it goes to, if it is about this.
    pub(super) fn email_about(self, about: About) -> Option<String> {
        (self.about == about).then_some(self.email)
    }

    /// The same, with a link that leads on to there.
    #[must_use]
    pub fn leading_to(self, callback: Option<String>) -> Self {
        Self { callback, ..self }
    }

    /// The same, asked for in this session.
    #[must_use]
    pub fn asked_for_in(self, session_id: &str) -> Self {
        Self { session_id: Some(session_id.to_owned()), ..self }
    }
}

impl From<Mail> for Job {
    fn from(mail: Mail) -> Self {
        Self::Mail(mail)
    }
}

/// How long a link lives, in time and in words.
type Life = (Span, &'static str);
const HOUR: Life = (seconds(60 * 60), "an hour");
const THREE_DAYS: Life = (days(3), "three days");

/// A letter with a link, or one without.
enum Kind {
    Link(Purpose, Life, fn(&str, Url, &str) -> Letter),
    Notice(fn(&str, &Url) -> Letter),
}

impl About {
    const fn kind(self) -> Kind {
        use Purpose::{ChangeEmail, DeleteAccount, SetPassword, VerifyEmail};
        match self {
            Self::VerifyEmail => Kind::Link(VerifyEmail, HOUR, letters::verify_email),
            Self::AlreadyHere => Kind::Link(SetPassword, HOUR, letters::already_here),
            Self::ResetPassword => Kind::Link(SetPassword, HOUR, letters::reset_password),
            Self::Invitation => Kind::Link(SetPassword, THREE_DAYS, letters::invitation),
            Self::ChangeEmail => Kind::Link(ChangeEmail, HOUR, letters::change_email),
            Self::DeleteAccount => Kind::Link(DeleteAccount, HOUR, letters::delete_account),
            Self::PasswordChanged => Kind::Notice(letters::password_changed),
            Self::EmailChanged => Kind::Notice(letters::email_changed),
        }
    }
}

/// Writes a letter, unless there is no use for it any more.
pub(super) async fn deliver(state: &State, row: &JobRow, mail: Mail) -> Result<(), Failure> {
    let site = &state.site;
    let letter = match mail.about.kind() {
        Kind::Notice(write) => write(&site.name, &site.public_url),
        Kind::Link(purpose, (life, lasts), write) => {
            let Some(secret) = make_link(state, row, &mail, purpose, life).await? else {
                // A change to a taken email ends the one before it as well, as if it were mailed.
                if purpose == Purpose::ChangeEmail {
                    verifications::supersede(&state.store, row.id.clone()).await?;
                }
                return Ok(());
            };
            write(&site.name, url(state, purpose, &secret, mail.callback.as_deref()), lasts)
        }
    };
    state.mailer.send(&mail.email, &letter, &row.id, row.attempts).await?;
    Ok(verifications::supersede(&state.store, row.id.clone()).await?)
}

/// Makes the link of a letter; none if there is nobody to send it to, or no use for it.
async fn make_link(
    state: &State,
    row: &JobRow,
    mail: &Mail,
    purpose: Purpose,
    life: Span,
) -> Result<Option<LinkSecret>, Failure> {
    let user_id = match &row.user_id {
        Some(user_id) => user_id.clone(),
        None => match users::find_by_email(&state.store, mail.email.clone()).await? {
            Some(user) => user.id,
            None => return Ok(None),
        },
    };
    let secret = LinkSecret::generate();
    let now = state.clock.now();
    let link = NewVerification::new(purpose, &user_id, &mail.email, secret.hash(), life, now)
        .asked_for(mail.session_id.clone(), &row.id);
    let issued = verifications::issue(&state.store, link).await?;
    Ok(issued.then_some(secret))
}

/// The link itself. It leads to a page of ours, which acts when a button is pressed: a mail scanner follows
/// links, and must not confirm anything. The secret is in the fragment, which no browser sends.
///
/// A password may be chosen on another page, whose form acts. With our pages turned off, other links lead to
/// the protocol's GET requests.
fn url(state: &State, purpose: Purpose, secret: &LinkSecret, callback: Option<&str>) -> Url {
    let site = &state.site;
    let secret = secret.reveal();
    let page = |path, query: &[(&str, &str)]| {
        let mut url = site.link(path, query);
        url.set_fragment(Some(&format!("token={secret}")));
        url
    };
    if state.config.pages == Switch::On && purpose != Purpose::SetPassword {
        let query = callback.map(|callback| ("callbackURL", callback));
        return page(own_page(purpose), query.as_slice());
    }
    let onward = callback.unwrap_or(match purpose {
        Purpose::DeleteAccount => "/login?why=deleted",
        _ => "/verify-email",
    });
    let query = [("token", secret), ("callbackURL", onward)];
    match (purpose, callback) {
        (Purpose::SetPassword, Some(callback)) => {
            let path = format!("/api/auth/reset-password/{secret}");
            site.link(&path, &[("callbackURL", callback)])
        }
        (Purpose::SetPassword, None) => page(own_page(purpose), &[]),
        (Purpose::VerifyEmail | Purpose::ChangeEmail, _) => {
            site.link("/api/auth/verify-email", &query)
        }
        (Purpose::DeleteAccount, _) => site.link("/api/auth/delete-user/callback", &query),
    }
}

/// Our page for a link.
const fn own_page(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::SetPassword => "/reset-password",
        Purpose::VerifyEmail | Purpose::ChangeEmail => "/verify-email",
        Purpose::DeleteAccount => "/delete-account",
    }
}
