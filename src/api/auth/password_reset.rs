//! Sets a forgotten or first password, with a mailed link.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Json, Path},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::{
    DONE, StatusResponse,
    callback::{checked, redirect, reset_page},
    mailbox::takes_mail,
};
use crate::{
    api::{client::client, json::ProtocolJson, limited, query::ProtocolQuery, tag},
    error::{Code, Error},
    fields::{self, normal_email},
    gate::NotByToken,
    jobs::{Job, Mail, MailKind},
    secrets::{LinkSecret, Password, PasswordContext},
    state::State,
    store::{
        passwords,
        users::User,
        verifications::{self, Purpose},
    },
};

/// The account whose password is forgotten.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"email": "ada@example.com"}))]
pub struct RequestPasswordReset {
    /// The account's email. Upper and lower case are the same.
    #[validate(custom(function = "fields::present_email"))]
    #[schema(format = Email)]
    email: String,
    /// The page on which the password is chosen: a URL on a trusted origin, which receives `?token=…` or
    /// `?error=INVALID_TOKEN`. Without it, or with `/reset-password`, the page of this server; another path here
    /// only if the pages are disabled.
    redirect_to: Option<String>,
}

/// An email is sent if an account has this email.
#[derive(Serialize, ToSchema)]
pub struct PasswordResetRequested {
    /// Always true.
    #[schema(example = true)]
    status: bool,
    /// The same for any email.
    #[schema(example = "If this email exists in our system, check your email for the reset link")]
    message: &'static str,
}

const REQUESTED: PasswordResetRequested = PasswordResetRequested {
    status: true,
    message: "If this email exists in our system, check your email for the reset link",
};

/// Request a password reset
///
/// Sends a link to choose a new password. The response is the same for every email, also when none is sent because
/// too many were requested. The link works once, for an hour, and a newer one replaces it.
#[utoipa::path(
    post, path = "/api/auth/request-password-reset", tag = tag::AUTH, request_body = RequestPasswordReset,
    responses((status = 200, description = "An email is sent if an account has this email", body = PasswordResetRequested)),
)]
pub async fn request_password_reset(
    _: limited::Mail,
    _: NotByToken,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<RequestPasswordReset>,
) -> Result<Json<PasswordResetRequested>, Error> {
    state.config.accounts.check_passwords()?;
    let page = reset_page(body.redirect_to, &state)?;
    let email = normal_email(&body.email);
    if takes_mail(&state, &request, &email).await? {
        let mail = Mail::new(MailKind::ResetPassword, &email).with_callback(page);
        // The job looks up whether there is an account, so that nothing in this response depends on it (no user
        // enumeration).
        Job::from(mail).add(&state, None).await?;
    }
    Ok(Json(REQUESTED))
}

/// Where a link leads on to.
#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// The page on which the password is chosen.
    #[serde(rename = "callbackURL")]
    #[param(example = "/")]
    callback_url: String,
}

/// Open the page for choosing a password
///
/// Redirects from the link in the email to the page, with `?token=…` or `?error=INVALID_TOKEN`. The link stays valid.
#[utoipa::path(
    get, path = "/api/auth/reset-password/{token}", tag = tag::AUTH,
    params(("token" = String, Path, description = "The secret of the link"), Page),
    responses((status = 302, description = "Redirects to the page", headers(("Location" = String, description = "The page")))),
)]
pub async fn follow_reset_link(
    _: NotByToken,
    state: Data<State>,
    token: Path<String>,
    ProtocolQuery(page): ProtocolQuery<Page>,
) -> Result<HttpResponse, Error> {
    let page = page.callback_url;
    checked(Some(page.clone()), &state.site, Code::InvalidCallbackUrl)?;
    let secret = LinkSecret::presented(token.into_inner());
    let now = state.clock.now();
    let live =
        verifications::is_live(&state.store, secret.hash(), Purpose::SetPassword, now).await?;
    let parameter =
        if live { ("token", secret.reveal()) } else { ("error", Code::InvalidLink.name()) };
    Ok(redirect(&page, &state.site, Some(parameter)))
}

/// A new password, and the secret of a link.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(
    example = json!({"newPassword": "correct horse battery staple", "token": "the part of the link after token="})
)]
pub struct ResetPassword {
    /// 8 to 128 characters of any kind. Common passwords, and those made of your name, your email or the name of
    /// this site, are rejected.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    new_password: Password,
    /// What the link carries.
    // An absent token means that there is no link; in the protocol this is not a validation error.
    #[serde(default)]
    #[schema(required)]
    token: String,
}

/// Reset the password
///
/// Sets a new password with the secret of a link, which works once. It ends all sessions of the user and starts
/// none: sign in next.
#[utoipa::path(
    post, path = "/api/auth/reset-password", tag = tag::AUTH, request_body = ResetPassword,
    responses((status = 200, description = "The password is set", body = StatusResponse)),
)]
pub async fn reset_password(
    _: limited::SignIn,
    _: NotByToken,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<ResetPassword>,
) -> Result<Json<StatusResponse>, Error> {
    state.config.accounts.check_passwords()?;
    if body.token.is_empty() {
        return Err(Code::InvalidLink.into());
    }
    let link = LinkSecret::presented(body.token).hash();
    let holder = verifications::holder(&state.store, link, Purpose::SetPassword).await?;
    let (email, name) = holder.map(|user| (user.email, user.name)).unwrap_or_default();
    let password =
        body.new_password.choose(&PasswordContext::new(&state.site.name, &email, &name))?;
    let hash = state.hashing.hash(password).await?;
    let now = state.clock.now();
    let notice = move |user: &User| Job::mail_to(user, MailKind::PasswordChanged, now);
    match passwords::reset(&state.store, link, hash, notice, client(&request), now).await? {
        Ok(()) => {
            state.job_added.notify_one();
            Ok(Json(DONE))
        }
        Err(rejected) => Err(rejected.code(Code::InvalidLink).into()),
    }
}
