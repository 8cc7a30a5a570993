//! The rate limit by IP address. It counts every request, whatever its route, so that no route can be left out.
//! Only the probes are exempt, because a supervisor must never be rejected.

use actix_web::{
    HttpMessage, ResponseError,
    body::{EitherBody, MessageBody},
    dev::{RequestHead, ServiceRequest, ServiceResponse},
    http::Method,
    middleware::Next,
};

use crate::{
    api::health,
    error::Error,
    gate::{add_rate_limit_headers, client},
    limits::{Exceeded, Limit, RateLimitKey},
    state::State,
};

/// Stored in a request whose IP address is over the limit.
pub(super) struct OverLimit(Exceeded);

/// Returns whether a request is a health probe. In any other spelling it is an ordinary request.
pub(super) fn is_probe(request: &RequestHead) -> bool {
    matches!(request.method, Method::GET | Method::HEAD)
        && health::PATHS.contains(&request.uri.path())
}

/// Counts a request. One over the limit is rejected by [`refuse`], further inside, where the pages and CORS can
/// add to the response; a preflight does not get that far.
pub(super) async fn count<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    if !is_probe(request.head())
        && let Ok(state) = State::of(request.request())
    {
        let address = || RateLimitKey::at(client::address(request.request()));
        if let Err(exceeded) = state.limits.check(Limit::Requests, address) {
            request.extensions_mut().insert(OverLimit(exceeded));
            if request.method() == Method::OPTIONS {
                return Ok(refusal(request, exceeded).map_into_right_body());
            }
        }
    }
    Ok(next.call(request).await?.map_into_left_body())
}

/// Rejects a request that is over the limit.
pub(super) async fn refuse<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let over = request.extensions().get::<OverLimit>().map(|over| over.0);
    match over {
        Some(exceeded) => Ok(refusal(request, exceeded).map_into_right_body()),
        None => Ok(next.call(request).await?.map_into_left_body()),
    }
}

fn refusal(request: ServiceRequest, exceeded: Exceeded) -> ServiceResponse {
    let mut response = Error::from(exceeded).error_response();
    add_rate_limit_headers(response.headers_mut(), &exceeded.0);
    request.into_response(response)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn probe(method: Method, uri: &str) -> bool {
        is_probe(TestRequest::default().method(method).uri(uri).to_srv_request().head())
    }

    #[test]
    fn health_check_is_a_get_or_head_of_a_documented_path() {
        assert!(probe(Method::GET, "/health/live"));
        assert!(probe(Method::HEAD, "/health/ready?x=1"));
        assert!(!probe(Method::POST, "/health/live"));
        assert!(!probe(Method::GET, "/health/%6cive"));
        assert!(!probe(Method::GET, "/health/live/"));
        assert!(!probe(Method::GET, "/api/auth/ok"));
    }
}
