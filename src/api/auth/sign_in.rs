//! Signs in with email and password.

use actix_web::{HttpRequest, HttpResponse, http::header::LOCATION, web::Data};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::{
    browser,
    callback::{absolute, checked},
    second_factor::{self, SecondFactorDue},
    sign_up::yes,
    throttle::Attempt,
};
use crate::{
    api::{json::ProtocolJson, limited, tag, user::User},
    error::{Code, Error},
    fields::{self, normal_email},
    gate::{NotByToken, client::recorded_network, cookie::SessionCookie},
    secrets::{Password, SessionSecret, Verdict},
    state::State,
    store::{
        accounts::{self, PasswordAccount},
        activity::Action,
        sign_in::{self, PasswordSignIn, SignInRequest, SignedIn as Outcome},
    },
};

/// The credentials to sign in with.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"email": "ada@example.com", "password": "correct horse battery staple"}))]
pub struct SignIn {
    /// Upper and lower case are the same.
    #[schema(format = Email)]
    email: String,
    /// The account's password.
    #[schema(value_type = String, format = Password)]
    password: Password,
    /// Where to go next: a path here or a URL on a trusted origin.
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
    /// Whether the session is kept when the browser is closed.
    #[serde(default = "yes")]
    #[schema(default = true)]
    remember_me: bool,
}

/// A new session.
#[derive(Serialize, ToSchema)]
pub struct SignedIn {
    /// Whether the client is to go on to `url`.
    #[schema(example = false)]
    redirect: bool,
    /// The session's id; its secret is in the cookie alone.
    #[schema(format = Uuid, example = "019ab2c4-7d1f-7b02-8e4d-6a9c1f3b7e20")]
    token: String,
    /// The `callbackURL`, if one was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// The user who is signed in now.
    user: User,
}

/// The outcome of a sign-in.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum SignInResponse {
    /// There is a session.
    SignedIn(SignedIn),
    /// The user must prove the second factor.
    SecondFactorDue(SecondFactorDue),
}

/// Sign in with email and password
///
/// Starts a session and sets the session cookie. The previous session of the browser ends. A user with two-factor
/// authentication, unless the browser is a trusted device, first has to send a code: `twoFactorRedirect` says so.
#[utoipa::path(
    post, path = "/api/auth/sign-in/email", tag = tag::AUTH, request_body = SignIn,
    responses((status = 200, description = "Signed in, or the second factor is due", body = SignInResponse, headers(("Location" = String, description = "`callbackURL`, if one was sent")))),
)]
pub async fn sign_in_email(
    _: limited::SignIn,
    _: NotByToken,
    cookie: SessionCookie,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<SignIn>,
) -> Result<HttpResponse, Error> {
    state.config.accounts.check_passwords()?;
    if fields::present_email(&body.email).is_err() {
        return Err(Code::InvalidEmail.into());
    }
    if body.password.too_long() {
        return Err(Code::PasswordTooLong.into());
    }
    let callback = checked(body.callback_url.clone(), &state.site, Code::InvalidCallbackUrl)?;
    let throttled = Attempt::begin(&state, &normal_email(&body.email), &request).await?;
    let secret = SessionSecret::generate();
    let browser = browser(&state.site, &request, &cookie, &secret, body.remember_me);
    let mut outcome = Ok(None);
    // Either another sign-in has hashed the same password again, or the password was really changed: a second
    // attempt tells.
    for _ in 0..2 {
        if matches!(outcome, Ok(None)) {
            outcome = attempt(&state, &body, browser.clone(), recorded_network(&request)).await;
        }
    }
    match throttled.resolve(&state, outcome, Option::is_some).await? {
        Some(Outcome::Begun(begun)) => {
            let (user, grant) = *begun;
            cookie.set(&grant, &secret)?;
            let mut response = HttpResponse::Ok();
            if let Some(callback) = &callback {
                let place = absolute(callback, &state.site);
                response.insert_header((LOCATION, place.as_str()));
            }
            if let Some(device) = second_factor::renewed_device(&state, &request, &user, &grant) {
                response.cookie(device);
            }
            Ok(response.json(SignInResponse::SignedIn(SignedIn {
                redirect: callback.is_some(),
                token: grant.session().id.clone(),
                url: callback,
                user: user.into(),
            })))
        }
        Some(Outcome::SecondFactorDue(challenge)) => {
            second_factor::due(&state, &challenge, &secret)
        }
        Some(Outcome::Refused(refusal)) => Err(Code::from(refusal).into()),
        None => Err(Code::InvalidEmailOrPassword.into()),
    }
}

/// Returns nothing if the password was changed in the meantime.
async fn attempt(
    state: &State,
    body: &SignIn,
    request: SignInRequest,
    network: Option<String>,
) -> Result<Option<Outcome>, Error> {
    let found = accounts::by_email(&state.store, normal_email(&body.email)).await?;
    let (user, credential) = found.map_or((None, None), |(user, held)| (Some(user), held));
    let verdict = verify(state, &body.password, credential.as_ref()).await?;
    let rejected = |user_id: Option<&str>| {
        state.rejections.note(Action::SignInFailed, user_id, network, state.clock.now());
        Err(Code::InvalidEmailOrPassword.into())
    };
    let (Some(user), Some(credential)) = (user.as_ref(), credential) else {
        return rejected(user.as_ref().map(|user| user.id.as_str()));
    };
    let rehashed = match verdict {
        Verdict::Wrong => return rejected(Some(&user.id)),
        Verdict::Right => None,
        Verdict::RightButOutdated(password) => Some(state.hashing.hash_again(password).await?),
    };
    let attempt =
        PasswordSignIn { user_id: user.id.clone(), verified: credential, rehashed, request };
    Ok(sign_in::sign_in_with_password(&state.store, attempt, state.clock.now()).await?)
}

/// Verifies the password; without an account to compare with, it takes as long to reject it (no user
/// enumeration by timing).
async fn verify(
    state: &State,
    password: &Password,
    credential: Option<&PasswordAccount>,
) -> Result<Verdict, Error> {
    let stored = credential.map(|credential| credential.hash.clone());
    Ok(state.hashing.verify(password.clone(), stored).await?)
}
