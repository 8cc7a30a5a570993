//! The gate: authentication and authorization middleware. It resolves every request, exactly once, to a
//! [`Session`] (the principal) or to an anonymous caller.
//!
//! | presented | outcome |
//! | --- | --- |
//! | nothing | anonymous |
//! | a valid cookie | `Session { user, session: Some(row) }` |
//! | a valid token | `Session { user, session: None }` |
//! | a tampered cookie | anonymous, and the cookie is ignored |
//! | an unknown, expired or signed-out cookie | anonymous |
//! | a malformed, unknown, expired or revoked token; a malformed or repeated `Authorization` header | anonymous |
//! | `Authorization` of another scheme, such as a proxy's Basic | as if there were no such header |
//! | a cookie or token of a deactivated or suspended user | anonymous, and the cookie is left in place |
//! | a cookie and a token | the token decides, even when it is invalid |
//! | a cookie, an unsafe method, a foreign origin | 403 |
//! | a user without a second factor, where `PORTCULLIS_TWO_FACTOR` requires one | 403, except for setting it up |
//! | a token without the scope that the method or the route needs | 403 |
//! | anything, while the database is unavailable | 503 |
//!
//! The gate never removes an invalid cookie: the response could arrive late, and remove a newer one.
//!
//! No other module reads the cookie or the Authorization header, and none can construct a `Session`.

mod access;
mod bearer;
#[cfg(feature = "passkeys")]
#[doc(hidden)]
pub mod ceremony_cookie;
pub mod client;
#[doc(hidden)]
pub mod cookie;
mod credentials;
mod extract;
#[cfg(feature = "providers")]
#[doc(hidden)]
pub mod flow_cookies;
mod log_identity;
#[doc(hidden)]
pub mod next;
mod origin;
mod rate_limit;
mod rejected_token;
mod rejection;
#[doc(hidden)]
pub mod second_factor_cookies;
mod secret_cookies;
mod session;

use actix_web::{
    HttpMessage,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};

use url::form_urlencoded;

use crate::{
    error::{Code, Error},
    scope::Scope,
    state::State,
    store::{api_tokens, last_used::CredentialId},
};

pub use access::{Access, Body, DeclaresAccess, Query};
pub use extract::{
    BeforeEnrolment, ByCookie, ByToken, Fresh, NotByToken, Owner, Prover, SiteAdmin,
};
#[doc(hidden)]
pub use extract::{has_proved_second_factor, is_fresh};
pub(crate) use rate_limit::add_rate_limit_headers;
#[doc(hidden)]
pub use rejection::{fail_closed_without_gate, is_navigation, navigates};

#[doc(hidden)]
pub use log_identity::{LogIdentity, log_identity, session_of};
#[doc(hidden)]
pub use origin::verify_origin;
pub use session::Session;

use bearer::Authorization;
use cookie::Cookie;
use rate_limit::RateLimitCheck;
use rejected_token::rejected;
use session::{Anonymous, Finding};

/// Resolves a request and passes it on with the result, or responds in the handler's place.
///
/// Errors are returned here, before extraction, because actix's `Option<T>` turns every error of `T` into
/// `None`: an unavailable database would look like "signed out". The error is a response and not an `Err`,
/// because actix-session writes no cookie after an `Err`.
pub(crate) async fn pass(
    access: Access,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, actix_web::Error> {
    let mut check = RateLimitCheck::by(access);
    let mut response = match admit(access, &request, &mut check).await {
        Ok(()) => next.call(request).await?,
        Err(error) => {
            let rejection = rejection::response(request.request(), &error);
            request.into_response(rejection)
        }
    };
    check.tell(response.headers_mut());
    Ok(response)
}

/// Applies the rate limits, resolves the caller, and leaves the result to the extractors. The limit by IP
/// address comes first, so that a client over it costs no lookup.
async fn admit(
    access: Access,
    request: &ServiceRequest,
    check: &mut RateLimitCheck,
) -> Result<(), Error> {
    let state = State::of(request.request())?;
    check.address(state, request).await?;
    let finding = resolve(state, access, request).await?;
    let within = check.account(state, request, &finding).await;
    request.extensions_mut().insert(finding);
    within
}

async fn resolve(
    state: &State,
    access: Access,
    request: &ServiceRequest,
) -> Result<Finding, Error> {
    let finding =
        match bearer::presented(request.headers(), state.config.accounts.token_prefix.all()) {
            Authorization::Absent => {
                let cookie = cookie::presented(request, state);
                let sent = !matches!(cookie, Cookie::Absent);
                // Without a cookie, a route that requires a session rejects the request anyway, with a more helpful
                // error.
                if sent || !access.required {
                    origin::check(request.head(), &state.site, sent)?;
                }
                by_cookie(state, cookie, extends(request.query_string())).await?
            }
            presented => {
                let finding = by_token(state, request, presented).await?;
                // Where tokens are not accepted, an invalid one must not bypass the origin check for browsers.
                if !access.token && !finding.is_known() {
                    origin::check(request.head(), &state.site, false)?;
                }
                finding
            }
        };
    if let Some(needed) = finding.lacks(access, Scope::of_method(request.method().is_safe())) {
        return Err(Error::lacks(needed));
    }
    if finding.must_enrol(access, state.config.accounts.two_factor) {
        return Err(Code::TwoFactorEnrolmentRequired.into());
    }
    Ok(finding)
}

/// Returns whether a request extends its session: every request does, except one with `disableRefresh`.
fn extends(query: &str) -> bool {
    !form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name == "disableRefresh" && !value.is_empty())
}

async fn by_cookie(state: &State, cookie: Cookie, extends: bool) -> Result<Finding, Error> {
    let hash = match cookie {
        Cookie::Absent | Cookie::Tampered => return Ok(Anonymous::Unauthenticated.into()),
        Cookie::Secret(hash) => hash,
    };
    let now = state.clock.now();
    let Some(found) = state.store.find_session(hash, now).await? else {
        return Ok(Anonymous::StaleCookie.into());
    };
    let active = found.user.is_active();
    let session = state.session_ends.used(&found.key, now, extends && active);
    if session.expires_at <= now {
        return Ok(Anonymous::StaleCookie.into());
    }
    if !active {
        return Ok(Anonymous::inactive(&found.user).into());
    }
    state.last_used.note(&found.used, now, || CredentialId::Session(session.id.clone()));
    Ok(Finding::cookie(found.user.clone(), session))
}

async fn by_token(
    state: &State,
    request: &ServiceRequest,
    presented: Authorization,
) -> Result<Finding, Error> {
    let rejected = |owner, why| rejected(state, request, owner, why);
    let hash = match presented {
        Authorization::Token(hash) => hash,
        Authorization::Malformed => return Ok(rejected(None, Anonymous::TokenMalformed)),
        Authorization::Invalid | Authorization::Absent => {
            return Ok(rejected(None, Anonymous::TokenInvalid));
        }
    };
    let now = state.clock.now();
    let Some(found) = state.store.find_token(hash, now).await? else {
        return Ok(rejected(None, Anonymous::TokenInvalid));
    };
    let (token, owner) = (&found.key, Some(&*found.user));
    Ok(match (token.state(now), token.expires_at, found.user.is_active()) {
        (api_tokens::State::Expired, Some(end), true) => {
            rejected(owner, Anonymous::TokenExpired(end))
        }
        (api_tokens::State::Active, _, true) => {
            state.last_used.note(&found.used, now, || CredentialId::Token(token.id.clone()));
            Finding::token(&found)
        }
        (api_tokens::State::Active, _, false) if !found.user.is_deactivated() => {
            rejected(owner, Anonymous::Suspended)
        }
        _ => rejected(owner, Anonymous::TokenInvalid),
    })
}
