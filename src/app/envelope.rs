//! What every answer carries, and the line that the log gets of it.

use std::time::Instant;

use actix_web::{
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{
        CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
        STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
    middleware::Next,
};
use tracing::Instrument;

use crate::{request_id, state::State};

/// Gives a request its id, its span and its line in the log, and its answer the headers that all have.
///
/// The log has the path and not the query string: links of all kinds carry secrets there.
pub(super) async fn wrap<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let id = request_id::generate();
    let started = Instant::now();
    let method = request.method().clone();
    let path = request.path().to_owned();
    let secure = State::of(request.request()).is_ok_and(|state| state.site.is_secure());
    let span = tracing::info_span!("request", id, %method, path);
    let answer = async {
        let answered = next.call(request).await.map_err(|error| super::fixed(&error));
        let status = match &answered {
            Ok(response) => response.status(),
            Err(error) => error.as_response_error().status_code(),
        };
        tracing::info!(
            status = status.as_u16(),
            micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
        answered
    };
    let mut response = request_id::scope(id.clone(), answer.instrument(span)).await?;
    let is_api = path.starts_with("/api/") || path.starts_with("/health/");
    complete(response.headers_mut(), &id, secure, is_api);
    Ok(response)
}

fn complete(headers: &mut HeaderMap, id: &str, secure: bool, is_api: bool) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(request_id::HEADER, id);
    }
    let mut set = |name: HeaderName, value| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(REFERRER_POLICY, "no-referrer");
    set(X_FRAME_OPTIONS, "DENY");
    if secure {
        set(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    if is_api {
        // Who may see an answer is decided for each request: no cache may decide it again.
        set(CACHE_CONTROL, "no-store");
    }
}
