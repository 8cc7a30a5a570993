//! Gives every request its id, tracing span and access log line, and every response the headers that all have.

use std::time::Instant;

use actix_web::{
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::header::{HeaderMap, HeaderValue},
    middleware::Next,
};
use tracing::Instrument;

use super::{
    idle, log,
    security_headers::{self, Content},
    trace_context,
};
use crate::{request_id, state::State};

/// Gives a request its id, its span and its line in the log, and its response the headers that all responses
/// have.
pub(super) async fn wrap<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let state = State::of(request.request()).ok();
    let received = state.and_then(|state| {
        request_id::received(request.headers(), state.config.accounts.token_prefix.all())
    });
    let id = received.unwrap_or_else(request_id::generate);
    let started = Instant::now();
    idle::note(&request, started);
    let method = request.method().clone();
    let content = Content::of(request.path());
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
        Ok(response) => complete(response.headers_mut(), &id, secure, content),
        Err(response) => complete(response.headers_mut(), &id, secure, content),
    }
    answered.map_err(|response| InternalError::from_response("answered", response).into())
}

fn complete(headers: &mut HeaderMap, id: &str, secure: bool, content: Content) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(request_id::HEADER, id);
    }
    security_headers::add(headers, secure, content);
}
