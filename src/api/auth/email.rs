//! Confirms a user's email, and changes it.

use actix_web::{
    Either, HttpRequest, HttpResponse,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::{
    DONE, StatusResponse,
    callback::{Following, Once, checked, redirect},
    mailbox::takes_mail,
};
use crate::{
    api::{client::client, json::ProtocolJson, limited, query::ProtocolQuery, tag, user::User},
    error::{Code, Error},
    fields::{self, normal_email},
    gate::{ByCookie, Fresh, NotByToken, Session},
    jobs::{Job, Mail, MailKind},
    secrets::LinkSecret,
    state::State,
    store::{
        activity::{Action, Client, Event},
        email_change::{self, Followed, FollowedBy, Verified},
        jobs::JobRow,
        users::User as UserRow,
    },
};

/// The email to confirm.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"email": "ada@example.com"}))]
pub struct SendVerificationEmail {
    /// The email to confirm: your own, if you are signed in.
    #[validate(custom(function = "fields::present_email"))]
    #[schema(format = Email)]
    email: String,
    /// Where the link redirects to: a path here or a URL on a trusted origin.
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
}

/// Request a verification email
///
/// Sends a link to confirm the email. For anonymous clients the response is the same for every email, also when
/// none is sent because too many were requested. The link works once, for an hour, and a newer one replaces it.
#[utoipa::path(
    post, path = "/api/auth/send-verification-email", tag = tag::AUTH, request_body = SendVerificationEmail,
    responses((status = 200, description = "An email is sent if there is an email to confirm", body = StatusResponse)),
)]
pub async fn send_verification_email(
    _: limited::Mail,
    _: NotByToken,
    session: Option<Session>,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<SendVerificationEmail>,
) -> Result<Json<StatusResponse>, Error> {
    let email = normal_email(&body.email);
    let callback = checked(body.callback_url, &state.site, Code::InvalidCallbackUrl)?;
    if let Some(Session { user, .. }) = &session {
        if user.email != email {
            return Err(Code::EmailMismatch.into());
        }
        if user.email_verified {
            return Err(Code::EmailAlreadyVerified.into());
        }
    }
    if takes_mail(&state, &request, &email).await? {
        let mail = Mail::new(MailKind::VerifyEmail, &email).with_callback(callback);
        Job::from(mail).add(&state, None).await?;
    }
    Ok(Json(DONE))
}

/// An email is confirmed.
#[derive(Serialize, ToSchema)]
pub struct EmailConfirmation {
    /// Always true.
    #[schema(example = true)]
    status: bool,
    /// The user, if the email is a new one.
    #[schema(required)]
    user: Option<User>,
}

/// The secret of the link.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"token": "the part of the link after token="}))]
pub struct ConfirmEmail {
    /// The link's secret.
    token: String,
}

/// Confirm an email
///
/// Confirms the email with the secret of a link, as the page does that links in emails lead to. If the link
/// confirms a new email, the account uses it from then on, and all sessions end but the one that requested the
/// change. The first confirmation, in a browser in which the user is not signed in, removes the second factor, passkeys
/// and linked accounts that were added before, because someone else may have signed up with the email. Idempotent.
#[utoipa::path(
    post, path = "/api/auth/verify-email", tag = tag::AUTH, request_body = ConfirmEmail,
    responses((status = 200, description = "The email is confirmed", body = EmailConfirmation)),
)]
pub async fn confirm_email(
    _: NotByToken,
    session: Option<Session>,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<ConfirmEmail>,
) -> Result<Json<EmailConfirmation>, Error> {
    let followed = followed(FollowedBy::Button, session.as_ref());
    let user = confirm(&state, body.token, followed, client(&request)).await??;
    Ok(Json(EmailConfirmation { status: true, user }))
}

/// Confirm an email by GET
///
/// For clients of the protocol. Emails lead to a page instead, since mail scanners send GET requests. In a browser
/// in which the user is signed in it does the same as POST. Elsewhere the first confirmation also ends the sessions and
/// revokes the tokens that the user had before. With `callbackURL` it
/// redirects there, with `?error=…` if it failed.
#[utoipa::path(
    get, path = "/api/auth/verify-email", tag = tag::AUTH, params(Following),
    responses(
        (status = 200, description = "The email is confirmed", body = EmailConfirmation),
        (status = 302, description = "Redirects to `callbackURL`", headers(("Location" = String, description = "The page"))),
    ),
)]
pub async fn verify_email(
    _: NotByToken,
    _: Once,
    session: Option<Session>,
    request: HttpRequest,
    state: Data<State>,
    ProtocolQuery(following): ProtocolQuery<Following>,
) -> Result<Either<Json<EmailConfirmation>, HttpResponse>, Error> {
    let callback = checked(following.callback_url, &state.site, Code::InvalidCallbackUrl)?;
    let followed = followed(FollowedBy::Get, session.as_ref());
    let confirmed = confirm(&state, following.token, followed, client(&request)).await?;
    match (confirmed, callback) {
        (Ok(user), None) => Ok(Either::Left(Json(EmailConfirmation { status: true, user }))),
        (Err(code), None) => Err(code.into()),
        (Ok(_), Some(page)) => Ok(Either::Right(redirect(&page, &state.site, None))),
        (Err(code), Some(page)) => {
            Ok(Either::Right(redirect(&page, &state.site, Some(("error", code.name())))))
        }
    }
}

fn followed(by: FollowedBy, session: Option<&Session>) -> Followed {
    Followed { by, signed_in: session.map(|session| session.user.id.clone()) }
}

/// Confirms an email. Returns the user if the email is a new one; the inner error is the reason for a
/// rejection.
async fn confirm(
    state: &State,
    token: String,
    followed: Followed,
    client: Client,
) -> Result<Result<Option<User>, Code>, Error> {
    let link = LinkSecret::presented(token).hash();
    let now = state.clock.now();
    let notice = move |user: &UserRow| Job::mail_to(user, MailKind::EmailChanged, now);
    let verified =
        match email_change::verify(&state.store, link, followed, notice, client, now).await {
            Err(error) if error.is_taken("email") => return Ok(Err(Code::UserAlreadyExists)),
            answer => answer?,
        };
    state.job_added.notify_one();
    Ok(match verified {
        Ok(Verified::Present | Verified::Already) => Ok(None),
        Ok(Verified::Changed(user)) => Ok(Some(User::from(*user))),
        Err(rejected) => Err(rejected.into()),
    })
}

/// The new email.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"newEmail": "ada@analytical.example"}))]
pub struct ChangeEmail {
    /// The new email. Upper and lower case are the same.
    #[validate(custom(function = "fields::email"))]
    #[schema(format = Email)]
    new_email: String,
    /// Where the link redirects to: a path here or a URL on a trusted origin.
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
}

/// Request a change of your email
///
/// Sends a link to the new email. The email changes when that link is opened, and the old email is notified. The
/// response is the same if another account has the new email.
#[utoipa::path(
    post, path = "/api/auth/change-email", tag = tag::AUTH, request_body = ChangeEmail,
    responses((status = 200, description = "An email is sent, unless another account has this email", body = StatusResponse)),
)]
pub async fn change_email(
    _: limited::Mail,
    session: Session,
    ByCookie(own): ByCookie,
    _: Fresh,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<ChangeEmail>,
) -> Result<Json<StatusResponse>, Error> {
    let email = normal_email(&body.new_email);
    let callback = checked(body.callback_url, &state.site, Code::InvalidCallbackUrl)?;
    if email == session.user.email {
        return Err(Code::EmailUnchanged.into());
    }
    if takes_mail(&state, &request, &email).await? {
        let mail = Mail::new(MailKind::ChangeEmail, &email)
            .with_callback(callback)
            .requested_by_session(&own.id);
        let (user_id, now) = (&session.user.id, state.clock.now());
        let event = Event::of_user(user_id, Action::EmailChangeRequested, &client(&request), now);
        let job = Job::from(mail).row(Some(user_id), now);
        email_change::request(&state.store, job, event).await?;
        state.job_added.notify_one();
    }
    Ok(Json(DONE))
}

/// Returns the email that a job is to confirm, if the job is for an email change.
pub(crate) fn wanted_by(row: &JobRow) -> Option<String> {
    Job::mailed_about(MailKind::ChangeEmail, row)
}

/// Cancel the change of your email
///
/// The link that was sent to the new email stops working. Without a pending change, nothing happens.
#[utoipa::path(
    delete,
    path = "/api/auth/change-email",
    tag = tag::AUTH,
    responses((status = 204, description = "No change is pending"))
)]
pub async fn cancel_email_change(
    session: Session,
    _: ByCookie,
    state: Data<State>,
) -> Result<HttpResponse, Error> {
    email_change::cancel_change(&state.store, session.user.id.clone(), wanted_by).await?;
    Ok(HttpResponse::NoContent().finish())
}
