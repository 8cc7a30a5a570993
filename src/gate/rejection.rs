//! Rejects anonymous callers, and fails closed where a route lacks the gate.

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse, ResponseError,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{Accept, Header as _, HeaderName, LOCATION, Quality},
    },
    middleware::Next,
};
use url::form_urlencoded;

use super::{
    bearer,
    next::own_path,
    session::{Anonymous, Finding},
};
use crate::{
    error::{Code, Error},
    state::State,
};

/// Why an extractor rejects a request.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// Redirect to this sign-in URL.
    #[error("sign in first")]
    Login(String),
    /// Respond with this error.
    #[error(transparent)]
    Error(Error),
}

impl From<Code> for Rejection {
    fn from(code: Code) -> Self {
        Self::Error(code.into())
    }
}

impl ResponseError for Rejection {
    fn error_response(&self) -> HttpResponse {
        match self {
            Self::Login(url) => {
                HttpResponse::Found().insert_header((LOCATION, url.as_str())).finish()
            }
            Self::Error(error) => error.error_response(),
        }
    }
}

/// The page on which a user sets up two-factor authentication.
const ENROLMENT: &str = "/settings/two-factor";

/// Returns the gate's own response to a request that it rejects. A browser of a user who must set up two-factor
/// authentication first is led there.
pub(super) fn response(request: &HttpRequest, error: &Error) -> HttpResponse {
    let has_pages = State::of(request).is_ok_and(|state| state.config.site.has_pages());
    if error.is(Code::TwoFactorEnrolmentRequired) && has_pages && is_navigation(request) {
        return HttpResponse::Found().insert_header((LOCATION, ENROLMENT)).finish();
    }
    error.error_response()
}

const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Returns whether a browser is navigating to a page, so that it can be redirected.
///
/// Fetch Metadata headers decide where they are present. An older browser is recognized by `text/html` in
/// Accept; `*/*` is what curl and most libraries send.
#[must_use]
pub fn is_navigation(request: &HttpRequest) -> bool {
    let presents_nothing = State::of(request).is_ok_and(|state| {
        bearer::is_absent(request.headers(), state.config.accounts.token_prefix.all())
    });
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    is_read && navigates(request) && presents_nothing
}

/// Returns whether the response is for a browser to show, whatever the method: it follows a link or submits a form.
#[must_use]
pub fn navigates(request: &HttpRequest) -> bool {
    let mut modes = request.headers().get_all(FETCH_MODE).peekable();
    match modes.peek() {
        Some(_) => modes.all(|mode| mode == "navigate"),
        None => accepts_html(request),
    }
}

/// Returns whether Accept names `text/html`, and not with `q=0` (RFC 9110, 12.4.2 and 12.5.1). An unparsable
/// header names nothing.
fn accepts_html(request: &HttpRequest) -> bool {
    let Ok(accept) = Accept::parse(request) else { return false };
    accept
        .iter()
        .any(|range| range.item.essence_str() == "text/html" && range.quality > Quality::ZERO)
}

/// Rejects an anonymous caller where authentication is required.
pub(super) fn of_anonymous(request: &HttpRequest, why: Anonymous) -> Rejection {
    if is_navigation(request) {
        return match State::of(request) {
            Ok(state) => Rejection::Login(login_url(request, state)),
            Err(error) => Rejection::Error(error),
        };
    }
    match why {
        Anonymous::Unauthenticated | Anonymous::StaleCookie => Code::Unauthorized.into(),
        Anonymous::Suspended => Code::AccessSuspended.into(),
        Anonymous::TokenMalformed => Code::TokenMalformed.into(),
        Anonymous::TokenInvalid => Code::TokenInvalid.into(),
        Anonymous::TokenExpired(end) => {
            Rejection::Error(Code::TokenExpired.because(format!("This token expired at {end}.")))
        }
    }
}

fn login_url(request: &HttpRequest, state: &State) -> String {
    let login = &state.config.site.login_url;
    let here = request.uri().path_and_query().map_or("/", |path| path.as_str());
    match own_path(here, &state.site) {
        Some(path) => {
            let next: String = form_urlencoded::byte_serialize(path.as_bytes()).collect();
            let joint = if login.contains('?') { '&' } else { '?' };
            format!("{login}{joint}next={next}")
        }
        None => login.clone(),
    }
}

/// Stored in a request by an extractor when the gate did not run.
struct GateMissing;

/// Returns the gate's result. A missing result is an internal error, not an anonymous caller.
pub(super) fn finding(request: &HttpRequest) -> Result<Finding, Rejection> {
    let found = request.extensions().get::<Finding>().cloned();
    found.ok_or_else(|| {
        tracing::error!("a handler requested a session on a route without the gate");
        request.extensions_mut().insert(GateMissing);
        Code::Internal.into()
    })
}

/// Responds with 500 where a handler needs a session and the gate did not run.
///
/// actix's `Option<T>` turns the extractor's own 500 into `None`, which would look like "signed out".
pub async fn fail_closed_without_gate<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let response = next.call(request).await?;
    if response.request().extensions().contains::<GateMissing>() {
        let fault = Error::from(Code::Internal).error_response();
        return Ok(response.into_response(fault).map_into_right_body());
    }
    Ok(response.map_into_left_body())
}
