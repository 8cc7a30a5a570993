//! Authenticates the signed-in user again, at a provider.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde::Deserialize;
use utoipa::ToSchema;
use validator::Validate;

use super::{
    failure::Failure,
    start::{self, Destinations, ProviderRedirect},
};
use crate::{
    api::{auth::passwords::renewal, json::ProtocolJson, limited, tag},
    error::{Code, Error},
    gate::{BeforeEnrolment, ByCookie, Session, cookie::SessionCookie},
    providers::{Identity, Provider},
    secrets::SessionSecret,
    state::State,
    store::{
        accounts,
        provider_flows::{FlowPurpose, ProviderFlow},
        sessions::{Method, SessionRow},
        sign_in,
    },
};

/// The provider, and where to go afterwards.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"provider": "company", "callbackURL": "/settings"}))]
pub struct VerifySocial {
    /// The id of a configured provider with which an account of yours is linked.
    provider: String,
    /// Where to go afterwards: a path here or a URL on a trusted origin.
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
    /// Where to go, with `?error=…`, if it fails.
    #[serde(rename = "errorCallbackURL")]
    error_callback_url: Option<String>,
    /// Whether the client does not want to go to the provider by itself.
    #[serde(default)]
    #[schema(default = false)]
    disable_redirect: bool,
}

/// Sign in again at an identity provider
///
/// For what requires a fresh session. As for a sign-in, the browser goes to the provider, which asks the user to sign in
/// there again, and comes back. The session is then fresh for a day and gets a new cookie, if it still exists, the account
/// is linked to you, and the ID token says that you have signed in there since this request (`auth_time`). The second
/// factor is not asked for, and counts as proved neither: as for `verify-password`. GitHub and Google offer no such request.
#[utoipa::path(
    post, path = "/api/auth/verify-social", tag = tag::AUTH, request_body = VerifySocial,
    responses((status = 200, description = "Where to go on", body = ProviderRedirect, headers(("Location" = String, description = "The URL of the provider")))),
)]
pub async fn verify_social(
    _: limited::SignIn,
    session: Session,
    _: BeforeEnrolment,
    ByCookie(own): ByCookie,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<VerifySocial>,
) -> Result<HttpResponse, Error> {
    let provider = state.providers.get(&body.provider).ok_or(Code::ProviderNotFound)?;
    if !provider.authenticates_again() {
        return Err(Code::ReauthenticationNotSupported.into());
    }
    let to = Destinations {
        callback: body.callback_url,
        new_user: None,
        error: body.error_callback_url,
    }
    .checked(&state)?;
    let linked = accounts::list(&state.store, session.user.id.clone()).await?;
    if !linked.iter().any(|account| account.provider_id == provider.id) {
        return Err(Code::AccountNotFound.into());
    }
    let purpose = FlowPurpose::Reauthentication { session_id: own.id.clone() };
    let how = (None, body.disable_redirect);
    start::begin(&state, &request, provider, to, purpose, how).await
}

/// Makes the session in which the flow began fresh, if its user is who has just authenticated at the provider.
pub(super) async fn authenticate_again(
    state: &State,
    cookie: &SessionCookie,
    own: Option<&SessionRow>,
    provider: &Provider,
    identity: Identity,
    flow: &ProviderFlow,
) -> Result<Result<(), Failure>, Error> {
    let now = state.clock.now();
    let Some(own) = own else { return Ok(Err(Failure::SessionMismatch)) };
    if let Err(why) = identity.authenticated_since(flow.begun_at(), now) {
        return Ok(Err(why.into()));
    }
    let mut methods = own.methods.and(Method::Provider);
    if provider.proved_second_factor(&identity) {
        methods = methods.and(Method::ProviderSecondFactor);
    }
    let secret = SessionSecret::generate();
    let renewal = renewal(cookie, own, &secret, methods)?;
    let account = (provider.id.clone(), identity.subject);
    let user_id = own.user_id.clone();
    let done =
        sign_in::reauthenticate_with_provider(&state.store, user_id, account, renewal, now).await?;
    let Some(done) = done else { return Ok(Err(Failure::AccountMismatch)) };
    if let Some(grant) = done.renewed {
        cookie.set(&grant, &secret)?;
    }
    Ok(Ok(()))
}
