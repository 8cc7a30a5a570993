//! Begins a flow: a row, a cookie, and the URL of the provider.

use actix_web::{HttpRequest, HttpResponse, http::header::LOCATION};
use serde::Serialize;
use url::Url;
use utoipa::ToSchema;

use super::failure;
use crate::{
    api::auth::callback::checked,
    error::{Code, Error},
    gate::flow_cookies,
    providers::{AuthorizationRequest, Provider, ProviderError},
    secrets::FlowSecret,
    state::State,
    store::provider_flows::{self, FlowPurpose, LIFETIME, ProviderFlow},
};

/// Where to go when the provider is done, as the client says it.
pub(super) struct Destinations {
    pub(super) callback: Option<String>,
    pub(super) new_user: Option<String>,
    pub(super) error: Option<String>,
}

impl Destinations {
    /// Returns them unchanged if each is on this site or on a trusted origin.
    pub(super) fn checked(self, state: &State) -> Result<Self, Error> {
        let site = &state.site;
        Ok(Self {
            callback: checked(self.callback, site, Code::InvalidCallbackUrl)?,
            new_user: checked(self.new_user, site, Code::InvalidNewUserCallbackUrl)?,
            error: checked(self.error, site, Code::InvalidErrorCallbackUrl)?,
        })
    }
}

/// Where to go on: at the provider.
#[derive(Serialize, ToSchema)]
pub struct ProviderRedirect {
    /// The URL of the provider at which the user signs in.
    #[schema(example = "https://id.example.com/authorize?client_id=…")]
    url: String,
    /// Whether the client is to go there.
    #[schema(example = true)]
    redirect: bool,
}

/// Begins a flow, and responds with the provider's URL.
pub(super) async fn begin(
    state: &State,
    request: &HttpRequest,
    provider: &Provider,
    to: Destinations,
    purpose: FlowPurpose,
    (login_hint, disable_redirect): (Option<String>, bool),
) -> Result<HttpResponse, Error> {
    let secret = FlowSecret::generate();
    let asked = AuthorizationRequest {
        secret: &secret,
        redirect_uri: redirect_uri(state, provider),
        login_hint,
        authenticate_again: matches!(purpose, FlowPurpose::Reauthentication { .. }),
    };
    let url = state.providers.authorization_url(provider, asked).await;
    let url = url.map_err(|error| unavailable(&provider.id, &error))?;
    let (user_id, session_id) = purpose.into_columns();
    let flow = ProviderFlow {
        state_hash: secret.state().hash(),
        provider_id: provider.id.clone(),
        user_id,
        session_id,
        callback_url: to.callback,
        new_user_callback_url: to.new_user,
        error_callback_url: to.error,
        expires_at: state.clock.now() + LIFETIME,
    };
    provider_flows::begin(&state.store, flow).await?;
    let mut response = HttpResponse::Ok();
    for cookie in flow_cookies::begin(&state.site, request, &secret) {
        response.cookie(cookie);
    }
    if !disable_redirect {
        response.insert_header((LOCATION, url.as_str()));
    }
    Ok(response.json(ProviderRedirect { url: url.into(), redirect: !disable_redirect }))
}

/// Returns the URL to which a provider redirects. It is the same for every request.
pub(super) fn redirect_uri(state: &State, provider: &Provider) -> Url {
    state.site.link(&format!("/api/auth/callback/{}", provider.id), &[])
}

/// Returns the error for a client whose provider does not do its part, and logs it.
pub(super) fn unavailable(provider: &str, error: &ProviderError) -> Error {
    failure::log(provider, error);
    match error {
        ProviderError::Unavailable(_) => Code::ProviderUnavailable.into(),
        ProviderError::NoIdTokens => Code::IdTokenNotSupported.into(),
        ProviderError::InvalidCode(_) | ProviderError::InvalidProof(_) => {
            Code::InvalidEmailLink.because("This ID token is not valid here.")
        }
    }
}
