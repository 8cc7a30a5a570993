//! Signs up with email and password.

use actix_web::{
    HttpRequest,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use validator::Validate;

use super::{browser, callback::checked, mailbox::takes_mail, profile::not_allowed};
use crate::{
    api::{client::client, json::ProtocolJson, limited, tag, user::User},
    config::EmailVerification,
    error::{Code, Error},
    fields::{self, normal_email},
    gate::{NotByToken, cookie::SessionCookie},
    jobs::{Job, Mail, MailKind},
    secrets::{Password, PasswordContext, SessionSecret},
    state::State,
    store::{
        accounts::NewAccount,
        registration,
        sign_in::SignedIn,
        users::{self, Role},
    },
};

/// The account to create.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(
    example = json!({"name": "Ada", "email": "ada@example.com", "password": "correct horse battery staple"})
)]
pub struct SignUp {
    /// Your name.
    #[validate(custom(function = "fields::name"))]
    name: String,
    /// Upper and lower case are the same.
    #[validate(custom(function = "fields::email"))]
    #[schema(format = Email)]
    email: String,
    /// 8 to 128 characters of any kind. Common passwords, and those made of your name, your email or the name of
    /// this site, are rejected.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    password: Password,
    /// The URL of a picture of you.
    #[validate(custom(function = "fields::image"))]
    image: Option<String>,
    /// Where the link in the email redirects to: a path here or a URL on a trusted origin.
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
    /// Whether the session is kept when the browser is closed.
    #[serde(default = "yes")]
    #[schema(default = true)]
    remember_me: bool,
    #[schema(ignore)]
    role: Option<Value>,
}

pub(super) fn yes() -> bool {
    true
}

/// A new account.
#[derive(Serialize, ToSchema)]
pub struct SignedUp {
    /// The session's id; its secret is in the cookie alone. Null if the email must be confirmed before the first
    /// session.
    #[schema(required, format = Uuid, example = "019ab2c4-7d1f-7b02-8e4d-6a9c1f3b7e20")]
    token: Option<String>,
    /// The new user.
    user: User,
}

/// Sign up with email and password
///
/// Creates an account, starts its first session and sets the session cookie, and sends a link to confirm the email.
/// Where the email must be confirmed first, no session is started, and the response is the same for an email that
/// already has an account.
#[utoipa::path(
    post, path = "/api/auth/sign-up/email", tag = tag::AUTH, request_body = SignUp,
    responses((status = 200, description = "The account", body = SignedUp)),
)]
pub async fn sign_up_email(
    _: limited::SignUp,
    _: NotByToken,
    cookie: SessionCookie,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<SignUp>,
) -> Result<Json<SignedUp>, Error> {
    state.config.accounts.check_passwords()?;
    let email = normal_email(&body.email);
    state.config.accounts.check_sign_up(&email)?;
    let password =
        body.password.choose(&PasswordContext::new(&state.site.name, &body.email, &body.name))?;
    not_allowed(body.role.as_ref())?;
    let callback = checked(body.callback_url, &state.site, Code::InvalidCallbackUrl)?;
    // If no email may be sent, the account is created all the same: another link can be requested later.
    let mails = takes_mail(&state, &request, &email).await?;
    let hash = state.hashing.hash(password).await?;
    let now = state.clock.now();
    let user =
        users::User { image: body.image, ..users::User::new(body.name, email, Role::User, now) };
    let account = NewAccount::password(&user.id, &hash, now);
    let welcome = Mail::new(MailKind::VerifyEmail, &user.email).with_callback(callback);
    let welcome = Job::from(welcome).row(Some(&user.id), now);
    let client = client(&request);
    let signed_up = if state.config.accounts.email_verification == EmailVerification::Required {
        let sign_up_attempt =
            Job::from(Mail::new(MailKind::SignUpAttempt, &user.email)).row(None, now);
        let mails = mails.then_some((welcome, sign_up_attempt));
        registration::register(&state.store, user.clone(), account, mails, client).await?;
        SignedUp { token: None, user: user.into() }
    } else {
        let secret = SessionSecret::generate();
        let browser = browser(&state.site, &request, &cookie, &secret, body.remember_me);
        let welcome = mails.then_some(welcome);
        let signed_in = registration::sign_up(&state.store, user, account, browser, welcome, now)
            .await
            .map_err(|error| Error::or_taken(error, "email", Code::UserAlreadyExists))?;
        let SignedIn::Begun(begun) = signed_in else { return Err(Code::Internal.into()) };
        let (user, grant) = *begun;
        cookie.set(&grant, &secret)?;
        SignedUp { token: Some(grant.session().id.clone()), user: user.into() }
    };
    state.job_added.notify_one();
    Ok(Json(signed_up))
}
