//! Delivers an email: creates its link, if it has one, and sends it.

use url::Url;

use super::{
    Mail, MailKind,
    kinds::{Kind, Life, THREE_DAYS},
};
use crate::{
    jobs::Failure,
    mail::templates,
    secrets::LinkSecret,
    state::State,
    store::{
        jobs::JobRow,
        sign_up_links::{self, SignUpLink},
        suspension_links::{self, SuspensionLink},
        users,
        verifications::{self, NewVerification, Purpose},
    },
    time::Span,
};

/// Sends an email, unless it is no longer of use.
pub(in crate::jobs) async fn deliver(
    state: &State,
    row: &JobRow,
    mail: Mail,
) -> Result<(), Failure> {
    let site = &state.site;
    let about = useful_kind(state, &mail).await?;
    let content = match about.kind() {
        Kind::Notice(write) => {
            let link = suspension_link(state, row, &mail).await?;
            let (notice, client) = (write(&site.name), mail.client.clone());
            let link = link.zip(Some(THREE_DAYS.1));
            let passwords = state.config.accounts.accepts_passwords();
            templates::notice(notice, client, link, passwords, &site.public_url)
        }
        // It would lead to a page that can set no password.
        Kind::Link(Purpose::SetPassword, ..) if !state.config.accounts.accepts_passwords() => {
            if mail.about != MailKind::Invitation {
                return Ok(());
            }
            templates::invitation_without_password(&site.name, &site.public_url)
        }
        Kind::Link(purpose, (life, lasts), write) => {
            let link = make_link(state, row, &mail, purpose, life).await?;
            if link.is_none() && about == MailKind::MagicLink {
                return mail_sign_up_link(state, row, &mail, (life, lasts)).await;
            }
            let Some(secret) = link else {
                // A change to an email that is taken supersedes a previous change as well, as if it were
                // mailed.
                if purpose == Purpose::ChangeEmail {
                    verifications::supersede(&state.store, row.id.clone()).await?;
                }
                return Ok(());
            };
            write(&site.name, url(state, purpose, &secret, &mail), lasts)
        }
    };
    state.mailer.send(&mail.email, &content, &row.id, row.attempts).await?;
    Ok(verifications::supersede(&state.store, row.id.clone()).await?)
}

/// Returns what an email must be about to be useful: a link that signs in is not while access is suspended. Where
/// passwords are not used, a link that restores it takes its place, since users cannot request a password reset.
async fn useful_kind(state: &State, mail: &Mail) -> Result<MailKind, Failure> {
    if mail.about != MailKind::MagicLink || state.config.accounts.accepts_passwords() {
        return Ok(mail.about);
    }
    let user = users::find_by_email(&state.store, mail.email.clone()).await?;
    let is_suspended = user.is_some_and(|user| user.suspended_at.is_some());
    Ok(if is_suspended { MailKind::RestoreAccess } else { mail.about })
}

/// Creates the link of an email; `None` if there is no recipient, or no use for it.
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

/// Creates the link that suspends access to the account that a notice is about; none without the page for it.
async fn suspension_link(state: &State, row: &JobRow, mail: &Mail) -> Result<Option<Url>, Failure> {
    let (Some(user_id), true) = (&row.user_id, state.config.site.has_pages()) else {
        return Ok(None);
    };
    let secret = LinkSecret::generate();
    let link = SuspensionLink {
        secret_hash: secret.hash(),
        user_id: user_id.clone(),
        email: mail.email.clone(),
        expires_at: state.clock.now() + THREE_DAYS.0,
    };
    let issued = suspension_links::issue(&state.store, link).await?;
    Ok(issued.then(|| page(state, SUSPENSION_PAGE, &[], &secret)))
}

/// Returns the URL of a page, with the secret of a link in its fragment.
fn page(state: &State, path: &str, query: &[(&str, &str)], secret: &LinkSecret) -> Url {
    let mut url = state.site.link(path, query);
    url.set_fragment(Some(&format!("token={}", secret.reveal())));
    url
}

/// Mails a link that creates an account, if no account has the email and one may be created.
async fn mail_sign_up_link(
    state: &State,
    row: &JobRow,
    mail: &Mail,
    (life, lasts): Life,
) -> Result<(), Failure> {
    let email = &mail.email;
    let has_account = users::find_by_email(&state.store, email.clone()).await?.is_some();
    if has_account || state.config.accounts.check_sign_up(email).is_err() {
        return Ok(());
    }
    let secret = LinkSecret::generate();
    let local_part = || email.split('@').next().unwrap_or_default().to_owned();
    let link = SignUpLink {
        secret_hash: secret.hash(),
        email: email.clone(),
        name: mail.name.clone().unwrap_or_else(local_part),
        job_id: row.id.clone(),
        expires_at: state.clock.now() + life,
    };
    sign_up_links::issue(&state.store, link).await?;
    let url = url(state, Purpose::SignIn, &secret, mail);
    let content = templates::sign_up_link(&state.site.name, url, lasts);
    state.mailer.send(email, &content, &row.id, row.attempts).await?;
    Ok(sign_up_links::supersede(&state.store, email.clone(), row.id.clone()).await?)
}

/// Returns the URL of the link. It leads to a built-in page, which acts when a button is pressed: a mail
/// scanner follows links, and must not confirm anything. The secret is in the fragment, which browsers do not
/// send.
///
/// A password may be chosen on another page, whose form acts. If the pages are disabled, other links lead to
/// the protocol's GET requests.
fn url(state: &State, purpose: Purpose, secret: &LinkSecret, mail: &Mail) -> Url {
    let site = &state.site;
    let callbacks = [
        ("callbackURL", mail.callback.as_deref()),
        ("newUserCallbackURL", mail.new_user_callback.as_deref()),
        ("errorCallbackURL", mail.error_callback.as_deref()),
    ];
    let callbacks: Vec<_> =
        callbacks.into_iter().filter_map(|(name, page)| Some((name, page?))).collect();
    let callback = mail.callback.as_deref();
    if state.config.site.has_pages() && !Purpose::RESTORING.contains(&purpose) {
        return page(state, own_page(purpose), &callbacks, secret);
    }
    let revealed = secret.reveal();
    let onward = callback.unwrap_or(match purpose {
        Purpose::DeleteAccount => "/login?why=deleted",
        _ => "/verify-email",
    });
    let query = [("token", revealed), ("callbackURL", onward)];
    match (purpose, callback) {
        (Purpose::SetPassword, Some(callback)) => {
            let path = format!("/api/auth/reset-password/{revealed}");
            site.link(&path, &[("callbackURL", callback)])
        }
        (Purpose::SetPassword, None) | (Purpose::RestoreAccess, _) => {
            page(state, own_page(purpose), &[], secret)
        }
        (Purpose::VerifyEmail | Purpose::ChangeEmail, _) => {
            site.link("/api/auth/verify-email", &query)
        }
        (Purpose::DeleteAccount, _) => site.link("/api/auth/delete-user/callback", &query),
        (Purpose::SignIn, _) => {
            let query: Vec<_> = [("token", revealed)].into_iter().chain(callbacks).collect();
            site.link("/api/auth/magic-link/verify", &query)
        }
    }
}

/// The built-in page that suspends access.
const SUSPENSION_PAGE: &str = "/suspend-access";

/// Returns the built-in page for a link.
const fn own_page(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::SetPassword => "/reset-password",
        Purpose::VerifyEmail | Purpose::ChangeEmail => "/verify-email",
        Purpose::DeleteAccount => "/delete-account",
        Purpose::SignIn => "/magic-link",
        Purpose::RestoreAccess => "/restore-access",
    }
}
