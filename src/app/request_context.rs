//! Gives every request its id, tracing span and access log line, and every response the common headers.

use std::time::Instant;

use actix_web::{
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CROSS_ORIGIN_OPENER_POLICY,
        CROSS_ORIGIN_RESOURCE_POLICY, HeaderMap, HeaderName, HeaderValue, PERMISSIONS_POLICY,
        REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
    middleware::Next,
};
use tracing::Instrument;

use super::{idle, log, trace_context};
use crate::{docs, pages, request_id, state::State};

/// Gives a request its id, its span and its line in the log, and its response the headers that all responses
/// have.
pub(super) async fn wrap<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let state = State::of(request.request()).ok();
    let received = state
        .and_then(|state| request_id::received(request.headers(), state.config.token_prefix.all()));
    let id = received.unwrap_or_else(request_id::generate);
    let started = Instant::now();
    idle::note(&request, started);
    let method = request.method().clone();
    let place = Place::of(request.path());
    let secure = state.is_some_and(|state| state.site.is_secure());
    let trace_id = trace_context::trace_id(request.headers());
    let span = tracing::info_span!("request", id, method = log::short(&method), trace_id);
    let answer = async {
        // The error becomes a response here, where its body can still contain the request's id.
        let answered = next.call(request).await.map_err(|error| error.error_response());
        log::answered(&answered, &method, started);
        answered
    };
    let mut answered = request_id::scope(id.clone(), answer.instrument(span)).await;
    match &mut answered {
        Ok(response) => complete(response.headers_mut(), &id, secure, place),
        Err(response) => complete(response.headers_mut(), &id, secure, place),
    }
    answered.map_err(|response| InternalError::from_response("answered", response).into())
}

/// The kind of content, which determines the response's Content-Security-Policy: for most, data only.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Data,
    Docs,
    Assets,
}

impl Place {
    fn of(path: &str) -> Self {
        if path.starts_with("/docs/") || path == "/openapi.json" {
            Self::Docs
        } else if path.starts_with(pages::ASSETS) {
            Self::Assets
        } else {
            Self::Data
        }
    }

    const fn content_security_policy(self) -> &'static str {
        match self {
            Self::Docs => docs::CONTENT_SECURITY_POLICY,
            Self::Data | Self::Assets => {
                "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
            }
        }
    }
}

fn complete(headers: &mut HeaderMap, id: &str, secure: bool, place: Place) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(request_id::HEADER, id);
    }
    let mut set = |name: HeaderName, value| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(REFERRER_POLICY, "no-referrer");
    set(X_FRAME_OPTIONS, "DENY");
    set(CROSS_ORIGIN_OPENER_POLICY, "same-origin");
    set(CROSS_ORIGIN_RESOURCE_POLICY, "same-origin");
    set(PERMISSIONS_POLICY, "camera=(), geolocation=(), microphone=()");
    if secure {
        set(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        let policy = HeaderValue::from_static(place.content_security_policy());
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    let kept = headers.contains_key(CACHE_CONTROL);
    if place == Place::Data || !kept {
        // Access to a response is decided for each request, so no cache may decide it again. Nor may a missing
        // asset be cached: a newer instance may have it.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
