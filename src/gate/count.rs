//! The counters, around the gate and behind it.

use actix_web::{
    HttpMessage, ResponseError,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HeaderName, HeaderValue},
    middleware::Next,
};

use super::{client, session::Finding};
use crate::{
    error::Error,
    limits::{Exceeded, Limit, Standing, Whom},
    state::State,
};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Counts a request by its address, before anything is looked up for it.
pub(crate) async fn by_address<B: MessageBody + 'static>(
    limit: Option<Limit>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let whom = Whom::at(client::address(request.request()));
    count(limit, &whom, request, next).await
}

/// Counts a request by whose it is, once the gate has said so.
pub(crate) async fn by_account<B: MessageBody + 'static>(
    limit: Option<Limit>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let account = match request.extensions().get::<Finding>() {
        Some(Finding::Known { session, .. }) => Some(session.user.id.clone()),
        _ => None,
    };
    match account {
        Some(account) => count(limit, &Whom::Account(account), request, next).await,
        None => next.call(request).await.map(ServiceResponse::map_into_left_body),
    }
}

async fn count<B: MessageBody + 'static>(
    limit: Option<Limit>,
    whom: &Whom,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    match check(limit, whom, &request) {
        Ok(standing) => {
            let mut response = next.call(request).await?.map_into_left_body();
            // The inner of two says more.
            if let Some(standing) = standing
                && !response.headers().contains_key(RATE_LIMIT)
            {
                tell(&mut response, &standing);
            }
            Ok(response)
        }
        Err(exceeded) => {
            let refusal = Error::from(exceeded).error_response();
            let mut response = request.into_response(refusal).map_into_right_body();
            tell(&mut response, &exceeded.0);
            Ok(response)
        }
    }
}

/// Where somebody stands with what is counted on its own: of what is for everything nothing is said
/// until it is too much.
fn check(
    limit: Option<Limit>,
    whom: &Whom,
    request: &ServiceRequest,
) -> Result<Option<Standing>, Exceeded> {
    let Ok(state) = State::of(request.request()) else { return Ok(None) };
    state.limits.check(Limit::Requests, whom)?;
    match limit {
        Some(limit) => state.limits.check(limit, whom),
        None => Ok(None),
    }
}

fn tell<B>(response: &mut ServiceResponse<B>, standing: &Standing) {
    for (name, value) in [(RATE_LIMIT, standing.now()), (RATE_LIMIT_POLICY, standing.policy())] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
}
