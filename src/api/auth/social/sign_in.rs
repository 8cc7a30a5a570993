//! Signs in with a provider: by redirect, or with an ID token that the client got from it.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::{
    failure::Failure,
    outcome::{self, NewSession, Reached},
    start::{self, Destinations, ProviderRedirect},
};
use crate::{
    api::{
        auth::second_factor::{self, SecondFactorDue},
        json::ProtocolJson,
        limited, tag,
        user::User,
    },
    error::{Code, Error},
    gate::{NotByToken, cookie::SessionCookie},
    providers::{Identity, Provider},
    secrets::IdTokenText,
    state::State,
    store::{provider_flows::FlowPurpose, used_id_tokens},
};

/// The longest text that is passed on to a provider.
const LONGEST_HINT: u64 = 254;

/// The provider, and where to go afterwards.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"provider": "github", "callbackURL": "/dashboard"}))]
pub struct SignInSocial {
    /// The id of a configured provider.
    provider: String,
    /// Where to go after the sign-in: a path here or a URL on a trusted origin.
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
    /// Where a new user goes instead.
    #[serde(rename = "newUserCallbackURL")]
    new_user_callback_url: Option<String>,
    /// Where to go, with `?error=…`, if the sign-in fails.
    #[serde(rename = "errorCallbackURL")]
    error_callback_url: Option<String>,
    /// Whether the client does not want to go to the provider by itself.
    #[serde(default)]
    #[schema(default = false)]
    disable_redirect: bool,
    /// The user whom the provider is to expect.
    #[validate(length(max = LONGEST_HINT))]
    login_hint: Option<String>,
    /// An ID token that the client got from the provider itself: signs in without a redirect.
    id_token: Option<PresentedIdToken>,
}

/// An ID token of a provider.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresentedIdToken {
    /// The token: not older than an hour, and not used before.
    token: String,
    /// The nonce that the client sent to the provider, which the token must contain.
    nonce: Option<String>,
}

/// The user is signed in.
#[derive(Serialize, ToSchema)]
pub struct SignedInByIdToken {
    /// Always false.
    #[schema(example = false)]
    redirect: bool,
    /// The session's id; its secret is in the cookie alone.
    #[schema(format = Uuid, example = "019ab2c4-7d1f-7b02-8e4d-6a9c1f3b7e20")]
    token: String,
    /// The user who is signed in now.
    user: User,
}

/// The outcome of a sign-in with a provider.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum SocialResponse {
    /// The user goes on at the provider.
    Redirect(ProviderRedirect),
    /// There is a session: of an ID token.
    SignedIn(SignedInByIdToken),
    /// The user must prove the second factor: of an ID token.
    SecondFactorDue(SecondFactorDue),
}

/// Sign in with an identity provider
///
/// Returns the URL of the provider, from which the browser comes back to `/api/auth/callback/{provider}`, and sets a cookie
/// that binds the sign-in to this browser for ten minutes. With `idToken` it signs in at once. The provider's tokens are
/// not stored; `scopes`, `additionalParams`, `additionalData` and `requestSignUp` of the protocol are ignored.
#[utoipa::path(
    post, path = "/api/auth/sign-in/social", tag = tag::AUTH, request_body = SignInSocial,
    responses((status = 200, description = "Where to go on, or the session of an ID token", body = SocialResponse, headers(("Location" = String, description = "The URL of the provider")))),
)]
pub async fn sign_in_social(
    _: limited::SignIn,
    _: NotByToken,
    cookie: SessionCookie,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<SignInSocial>,
) -> Result<HttpResponse, Error> {
    let provider = state.providers.get(&body.provider).ok_or(Code::ProviderNotFound)?;
    let to = Destinations {
        callback: body.callback_url,
        new_user: body.new_user_callback_url,
        error: body.error_callback_url,
    }
    .checked(&state)?;
    let Some(token) = body.id_token else {
        let how = (body.login_hint, body.disable_redirect);
        return start::begin(&state, &request, provider, to, FlowPurpose::SignIn, how).await;
    };
    let identity = identity_of(&state, provider, token).await?;
    match outcome::sign_in(&state, &request, &cookie, provider, identity).await? {
        Ok(Reached::Session(session)) => {
            let NewSession { user, grant, device, .. } = *session;
            let mut response = HttpResponse::Ok();
            if let Some(device) = device {
                response.cookie(device);
            }
            Ok(response.json(SignedInByIdToken {
                redirect: false,
                token: grant.session().id.clone(),
                user: user.into(),
            }))
        }
        Ok(Reached::Challenge(challenge, secret)) => {
            second_factor::due(&state, &challenge, &secret)
        }
        Err(failure) => Err(error_of(failure)),
    }
}

/// Returns whose ID token it is. Each is accepted once.
pub(super) async fn identity_of(
    state: &State,
    provider: &Provider,
    PresentedIdToken { token, nonce }: PresentedIdToken,
) -> Result<Identity, Error> {
    let (token, now) = (IdTokenText::presented(token), state.clock.now());
    let proved =
        state.providers.identity_by_id_token(provider, token.reveal(), nonce.as_deref(), now).await;
    let (identity, until) = proved.map_err(|error| start::unavailable(&provider.id, &error))?;
    if used_id_tokens::spend(&state.store, token.hash(), until).await? {
        Ok(identity)
    } else {
        Err(Code::InvalidEmailLink.because("This ID token was used before."))
    }
}

fn error_of(failure: Failure) -> Error {
    match failure {
        Failure::AccountNotLinked => Code::AccountNotLinked.because("account not linked"),
        Failure::SignupDisabled => Code::AccountNotLinked.because("signup disabled"),
        Failure::UserDeactivated => Code::UserDeactivated.into(),
        Failure::UserSuspended => Code::UserSuspended.into(),
        Failure::EmailNotVerified => Code::EmailNotVerified.into(),
        _ => Code::UserInfoMissing.into(),
    }
}
