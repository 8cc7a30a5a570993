//! Signing up.

use actix_web::{
    HttpRequest,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::device;
use crate::{
    api::{json::ProtocolJson, tag, user::User},
    config::SignUp as Policy,
    error::{Code, Error, Problem},
    fields::{self, normal_email},
    gate::{NotByToken, cookie::SessionCookie, next::trusted_callback},
    secrets::{Password, SessionSecret},
    state::State,
    store::{
        self,
        accounts::NewAccount,
        sessions::{self, NewSession},
        users::{self, Role},
    },
};

/// Who wants an account.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"name": "Ada", "email": "ada@example.com", "password": "correct horse battery staple"}))]
pub struct SignUp {
    /// What to call you.
    #[validate(custom(function = "fields::name"))]
    name: String,
    /// Upper and lower case are one.
    #[validate(custom(function = "fields::email"))]
    email: String,
    /// 8 to 128 characters, any characters, none of the common ones.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    password: Password,
    /// Where a picture of you is.
    #[validate(custom(function = "fields::image"))]
    image: Option<String>,
    /// A path here or a URL on a trusted origin.
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
    /// Whether the session outlives the browser.
    #[serde(default = "yes")]
    #[schema(default = true)]
    remember_me: bool,
}

pub(super) fn yes() -> bool {
    true
}

/// A new account and its first session.
#[derive(Serialize, ToSchema)]
pub struct SignedUp {
    /// The session's id; its secret is in the cookie alone.
    token: String,
    user: User,
}

/// Sign up with an address and a password
///
/// Makes an account, begins its first session and sets the session cookie.
#[utoipa::path(
    post, path = "/api/auth/sign-up/email", tag = tag::AUTH, request_body = SignUp,
    responses(
        (status = 200, description = "The account, signed in", body = SignedUp),
        (status = 422, description = "The address belongs to somebody", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub async fn sign_up_email(
    _: NotByToken,
    cookie: SessionCookie,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<SignUp>,
) -> Result<Json<SignedUp>, Error> {
    if state.config.sign_up == Policy::Closed {
        return Err(Code::SignUpClosed.into());
    }
    body.password.acceptable()?;
    if body.callback_url.as_ref().is_some_and(|url| !trusted_callback(url, &state.site)) {
        return Err(Code::InvalidCallbackUrl.into());
    }
    let hash = state.hashing.hash(body.password).await?;
    let now = state.clock.now();
    let user = users::User {
        image: body.image,
        ..users::User::new(body.name, normal_email(&body.email), Role::User, now)
    };
    let secret = SessionSecret::generate();
    let account = NewAccount::password(&user.id, &hash, now);
    let session =
        NewSession::begin(&user.id, secret.hash(), body.remember_me, device(&request), now);
    let (user, session) =
        sessions::sign_up(&state.store, user, account, session, cookie.presented()).await.map_err(
            |error| match error {
                store::Error::Taken => Code::UserAlreadyExists.into(),
                fault => Error::from(fault),
            },
        )?;
    cookie.set(&secret, body.remember_me)?;
    Ok(Json(SignedUp { token: session.id, user: user.into() }))
}
