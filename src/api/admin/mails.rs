//! Emails with a link that an admin sends to a user, for example one who has missed the first email.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use serde::{Deserialize, Deserializer};
use serde_json::json;
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use crate::{
    api::{client::client as recorded, json::ValidJson, limited, tag},
    error::{Code, Error},
    gate::{Fresh, SiteAdmin, client},
    jobs::{Job, MailKind},
    limits::{Limit, RateLimitKey, network},
    scope::by_name,
    state::State,
    store::{
        activity::{Action, Event},
        user_administration,
        users::{self, User},
    },
};

/// What a mail to a user is about.
#[derive(Debug, Clone, Copy, EnumString, IntoStaticStr, VariantArray, ToSchema)]
#[schema(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum UserMail {
    /// The invitation, to a user who has not chosen a password. Its link works for three days.
    Invitation,
    /// A link to confirm the email, which works for an hour.
    VerifyEmail,
    /// A link to choose a new password, which works for an hour.
    ResetPassword,
}

impl<'de> Deserialize<'de> for UserMail {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        by_name(deserializer)
    }
}

impl From<UserMail> for MailKind {
    fn from(mail: UserMail) -> Self {
        match mail {
            UserMail::Invitation => Self::Invitation,
            UserMail::VerifyEmail => Self::VerifyEmail,
            UserMail::ResetPassword => Self::ResetPassword,
        }
    }
}

impl UserMail {
    /// Checks whether an email is useful to a user, who has a password or not; none if passwords are not used.
    ///
    /// # Errors
    /// The reason why it is not, as text for admins.
    pub fn suits(self, user: &User, has_password: Option<bool>) -> Result<(), &'static str> {
        match self {
            _ if user.is_deactivated() => {
                Err("The user is deactivated, so no link works for them.")
            }
            Self::ResetPassword if has_password.is_none() => {
                Err("Passwords are not used here. Send the invitation instead.")
            }
            Self::Invitation if has_password == Some(true) => {
                Err("The user has chosen a password already. Send a password reset instead.")
            }
            Self::ResetPassword | Self::VerifyEmail if has_password == Some(false) => {
                Err("The user has not chosen a password yet. Send the invitation instead.")
            }
            Self::VerifyEmail if user.email_verified => Err("The email is confirmed already."),
            _ => Ok(()),
        }
    }
}

/// A mail to send to a user.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"about": "invitation"}))]
pub struct SendUserMail {
    #[schema(inline)]
    about: UserMail,
}

/// Send a user an invitation, a verification or a password reset
///
/// Its link replaces an earlier one, and only the user sees it. An email that is of no use to this user is rejected
/// as a conflict: `detail` says why.
#[utoipa::path(
    post, path = "/api/admin/users/{id}/mails", tag = tag::ADMIN, params(("id" = Uuid, Path, description = "The user's id")), request_body = SendUserMail,
    responses((status = 204, description = "The email is queued")),
)]
pub async fn send_user_mail(
    _: limited::Mail,
    admin: SiteAdmin,
    _: Fresh,
    request: HttpRequest,
    state: Data<State>,
    id: Path<Uuid>,
    ValidJson(SendUserMail { about }): ValidJson<SendUserMail>,
) -> Result<HttpResponse, Error> {
    let user = users::find(&state.store, id.to_string()).await?.ok_or(Code::NotFound)?;
    // The same limits apply as for a user's own requests, but an admin receives an error. Emails that others
    // request do not count against an admin's limit.
    let mailbox = RateLimitKey::MailboxFrom(user.email, network(client::address(&request)));
    state.limits.check_shared(&state.store, &state.clock, Limit::Mailbox, mailbox).await??;
    let now = state.clock.now();
    let detail = json!({ "about": <&str>::from(about) });
    let event = Event::new(Some(&admin.user.id), Action::MailSent, &user.id, &detail, now)
        .from_client(recorded(&request));
    let passwords = state.config.accounts.accepts_passwords();
    let mail = move |user: &User, has_password| {
        about.suits(user, passwords.then_some(has_password))?;
        Ok(Job::mail_to(user, about.into(), now))
    };
    user_administration::mail_as_admin(&state.store, user.id, event, mail).await??;
    state.job_added.notify_one();
    Ok(HttpResponse::NoContent().finish())
}
