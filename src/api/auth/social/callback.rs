//! What a provider sends back: by redirect, or by a form that it submits (`form_post`).

use std::{future::Future, pin::Pin};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    dev::Payload,
    http::header::LOCATION,
    web::{Data, Path},
};
use serde::Deserialize;
use url::form_urlencoded;
use utoipa::IntoParams;
use validator::Validate;

use super::{
    failure::{self, Failure},
    outcome::{self, Reached},
    start::redirect_uri,
    verify,
};
use crate::{
    api::{
        auth::callback::{Once, absolute, redirect},
        client::client,
        json::read_bytes,
        query::ProtocolQuery,
        tag,
    },
    error::{Code, Error},
    gate::{
        Access, DeclaresAccess, NotByToken, Session, cookie::SessionCookie, flow_cookies,
        second_factor_cookies,
    },
    jobs::{Job, MailKind},
    providers::{Identity, Provider},
    secrets::{FlowSecret, FlowState},
    state::State,
    store::{
        accounts::NewAccount,
        linking::{self, Linked},
        provider_flows::{self, FlowPurpose, ProviderFlow},
        sessions::SessionRow,
    },
};

/// The built-in page that says why a sign-in at a provider failed.
const ERROR_PAGE: &str = "/sign-in-error";
/// The built-in page that asks for the second factor.
const SECOND_FACTOR_PAGE: &str = "/two-factor";

/// What a provider sends.
#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProviderResponse {
    /// The authorization code.
    code: Option<String>,
    /// The state of the flow.
    state: Option<String>,
    /// The provider's issuer (RFC 9207).
    iss: Option<String>,
    /// Why there is no code.
    error: Option<String>,
}

/// Finish a sign-in with an identity provider
///
/// The provider redirects the browser here. It is then redirected to the `callbackURL` of the sign-in with a session, to
/// the page that asks for the second factor, or to the `errorCallbackURL` with an `error`; to the page `/sign-in-error`,
/// if the sign-in did not begin in this browser. Linking an account and `verify-social` end here as well.
#[utoipa::path(
    get, path = "/api/auth/callback/{provider}", tag = tag::AUTH,
    params(("provider" = String, Path, description = "The provider's id"), ProviderResponse),
    responses(
        (status = 302, description = "Redirects to the page that the sign-in has named, or to one that says why it failed", headers(("Location" = String, description = "The page"))),
    ),
)]
#[expect(clippy::too_many_arguments, reason = "each is a part of the request")]
pub async fn provider_callback(
    _: NotByToken,
    _: Once,
    cookie: SessionCookie,
    session: Option<Session>,
    request: HttpRequest,
    state: Data<State>,
    id: Path<String>,
    ProtocolQuery(response): ProtocolQuery<ProviderResponse>,
) -> Result<HttpResponse, Error> {
    let site = &state.site;
    let Some(provider) = state.providers.get(&id) else {
        return Ok(to_error_page(&state, Failure::OauthProviderNotFound.name()));
    };
    let Some(presented) = response.state.clone().map(FlowState::presented) else {
        return Ok(to_error_page(&state, Failure::StateNotFound.name()));
    };
    // Nothing that the flow names is used before it is certain that it began in this browser.
    let flow = match flow_cookies::secret(site, &request, &presented) {
        None => None,
        Some(secret) => {
            let flow =
                provider_flows::end(&state.store, presented.hash(), state.clock.now()).await?;
            flow.filter(|flow| flow.provider_id == provider.id).map(|flow| (flow, secret))
        }
    };
    let Some((flow, secret)) = flow else {
        return Ok(to_error_page(&state, Failure::StateMismatch.name()));
    };
    let mut answer = match identity(&state, provider, &response, &secret).await {
        Err(error) => failed(&state, &flow, &error),
        Ok(identity) => match flow.purpose() {
            FlowPurpose::SignIn => {
                sign_in(&state, &request, &cookie, provider, identity, &flow).await?
            }
            FlowPurpose::Link { .. } => {
                link(&state, &request, session.as_ref(), provider, &identity, &flow).await?
            }
            FlowPurpose::Reauthentication { .. } => {
                let own = session.as_ref().and_then(|session| session_of(session, &flow));
                match verify::authenticate_again(&state, &cookie, own, provider, identity, &flow)
                    .await?
                {
                    Ok(()) => done(&state, &flow),
                    Err(failure) => failed(&state, &flow, failure.name()),
                }
            }
        },
    };
    answer.add_cookie(&flow_cookies::end(site, &presented)).map_err(|_| Code::Internal)?;
    Ok(answer)
}

/// Returns who the user is, or the name of the error.
async fn identity(
    state: &State,
    provider: &Provider,
    response: &ProviderResponse,
    secret: &FlowSecret,
) -> Result<Identity, String> {
    let failed = |failure: Failure| failure.name().to_owned();
    let broken = |error| {
        failure::log(&provider.id, &error);
        failed(Failure::from(&error))
    };
    if !state.providers.is_issuer(provider, response.iss.as_deref()).await.map_err(broken)? {
        return Err(failed(Failure::IssuerMismatch));
    }
    if let Some(error) = &response.error {
        return Err(own_error(error).to_owned());
    }
    let code = response.code.clone().ok_or_else(|| failed(Failure::NoCode))?;
    let redirect_uri = redirect_uri(state, provider);
    let now = state.clock.now();
    let found = state.providers.identity_by_code(provider, code, secret, redirect_uri, now).await;
    found.map_err(broken)
}

/// Returns the provider's own error if it has the form of one (RFC 6749, 4.1.2.1).
fn own_error(error: &str) -> &str {
    let is_name = error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_name && (1..=64).contains(&error.len()) { error } else { Failure::AccessDenied.name() }
}

async fn sign_in(
    state: &State,
    request: &HttpRequest,
    cookie: &SessionCookie,
    provider: &Provider,
    identity: Identity,
    flow: &ProviderFlow,
) -> Result<HttpResponse, Error> {
    let callback = flow.callback_url.as_deref().unwrap_or("/");
    match outcome::sign_in(state, request, cookie, provider, identity).await? {
        Ok(Reached::Session(session)) => {
            let new_user = flow.new_user_callback_url.as_deref().filter(|_| session.is_new);
            let mut response = redirect(new_user.unwrap_or(callback), &state.site, None);
            if let Some(device) = &session.device {
                response.add_cookie(device).map_err(|_| Code::Internal)?;
            }
            Ok(response)
        }
        Ok(Reached::Challenge(challenge, secret)) => {
            let secret = secret.of_challenge();
            let waiting = second_factor_cookies::for_challenge(&state.site, &challenge, &secret)?;
            let mut response = if state.config.site.has_pages() {
                let page = state.site.link(SECOND_FACTOR_PAGE, &[("callbackURL", callback)]);
                redirect(page.as_str(), &state.site, None)
            } else {
                failed(state, flow, Failure::SecondFactorRequired.name())
            };
            response.add_cookie(&waiting).map_err(|_| Code::Internal)?;
            Ok(response)
        }
        Err(failure) => Ok(failed(state, flow, failure.name())),
    }
}

/// Links the account to the user of the session that began the flow, which must be this one.
async fn link(
    state: &State,
    request: &HttpRequest,
    session: Option<&Session>,
    provider: &Provider,
    identity: &Identity,
    flow: &ProviderFlow,
) -> Result<HttpResponse, Error> {
    let Some(session) = session.filter(|session| session_of(session, flow).is_some()) else {
        return Ok(failed(state, flow, Failure::UnableToLinkAccount.name()));
    };
    match link_identity(state, request, session, provider, identity).await? {
        Linked::Done => Ok(done(state, flow)),
        Linked::OfAnotherUser => {
            Ok(failed(state, flow, Failure::AccountAlreadyLinkedToDifferentUser.name()))
        }
        Linked::UserGone => Ok(failed(state, flow, Failure::UnableToLinkAccount.name())),
    }
}

/// Returns the session's row if the flow began in it.
fn session_of<'a>(session: &'a Session, flow: &ProviderFlow) -> Option<&'a SessionRow> {
    let row = session.session.as_deref();
    row.filter(|row| Some(&row.id) == flow.session_id.as_ref())
}

/// Links an account to the user of a session.
pub(super) async fn link_identity(
    state: &State,
    request: &HttpRequest,
    session: &Session,
    provider: &Provider,
    identity: &Identity,
) -> Result<Linked, Error> {
    let (user, now) = (&session.user, state.clock.now());
    let account = NewAccount::at_provider(&user.id, &provider.id, &identity.subject, now);
    let mail = Job::mail_to(user, MailKind::ProviderLinked, now);
    let linked = linking::link(&state.store, account, mail, client(request), now).await?;
    state.job_added.notify_one();
    Ok(linked)
}

/// Redirects to where a signed-in user is to go afterwards.
fn done(state: &State, flow: &ProviderFlow) -> HttpResponse {
    redirect(flow.callback_url.as_deref().unwrap_or("/"), &state.site, None)
}

/// Redirects to where the flow is to go after a failure.
fn failed(state: &State, flow: &ProviderFlow, error: &str) -> HttpResponse {
    match &flow.error_callback_url {
        Some(place) => redirect(place, &state.site, Some(("error", error))),
        None => to_error_page(state, error),
    }
}

/// Redirects to the built-in page for failures; to the login page of the front end, if the pages are disabled.
fn to_error_page(state: &State, error: &str) -> HttpResponse {
    if state.config.site.has_pages() {
        return redirect(ERROR_PAGE, &state.site, Some(("error", error)));
    }
    let mut page = absolute(&state.config.site.login_url, &state.site);
    page.query_pairs_mut().append_pair("error", error);
    HttpResponse::Found().insert_header((LOCATION, page.as_str())).finish()
}

/// The parameters of a form that a provider submits.
pub struct ProviderForm(Vec<(String, String)>);

/// The parameters that are passed on.
const PARAMETERS: [&str; 4] = ["code", "state", "iss", "error"];

impl DeclaresAccess for ProviderForm {
    const ACCESS: Access = Access::UNGATED;
}

impl FromRequest for ProviderForm {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = read_bytes(request, payload);
        Box::pin(async move {
            let bytes = bytes.await?;
            let pairs = form_urlencoded::parse(&bytes).into_owned();
            Ok(Self(pairs.filter(|(name, _)| PARAMETERS.contains(&name.as_str())).collect()))
        })
    }
}

/// Finish a sign-in by a form
///
/// For providers that submit their response as a form. Redirects to the same path by GET, with its parameters: the
/// browser sends the cookie of the sign-in only there.
#[utoipa::path(
    post, path = "/api/auth/callback/{provider}", tag = tag::AUTH,
    params(("provider" = String, Path, description = "The provider's id")),
    responses(
        (status = 302, description = "Redirects to the same path by GET", headers(("Location" = String, description = "The path"))),
    ),
)]
pub async fn provider_form_callback(
    state: Data<State>,
    id: Path<String>,
    ProviderForm(parameters): ProviderForm,
) -> HttpResponse {
    let query: Vec<(&str, &str)> =
        parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let place = state.site.link(&format!("/api/auth/callback/{id}"), &query);
    HttpResponse::Found().insert_header((LOCATION, place.as_str())).finish()
}
