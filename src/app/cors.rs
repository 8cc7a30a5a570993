use actix_cors::Cors;
use actix_web::{
    ResponseError,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{
            ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_EXPOSE_HEADERS, CONTENT_TYPE, HeaderValue, LINK, RETRY_AFTER, VARY,
            WWW_AUTHENTICATE,
        },
    },
    middleware::{Condition, Next},
};

use crate::{
    error::{Code, Error, MEDIA_TYPE, X_RETRY_AFTER},
    request_id,
    site::Site,
};

/// How long a browser may cache a preflight's response, in seconds.
const PREFLIGHT_SECONDS: usize = 3600;

/// The headers on which the response to a preflight depends.
const PREFLIGHT_VARIES: &str =
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/// Lets pages of the trusted origins read responses and send the cookie (Fetch, 3.2). Origins are compared as a
/// whole; without any, no CORS header is ever sent.
///
/// This grants nothing by itself: whether such a page may act is decided by the gate's origin rule, which uses
/// the same list.
pub(super) fn middleware(site: &Site) -> Condition<Cors> {
    let origins = site.trusted_origins();
    let cors = Cors::default()
        .supports_credentials()
        .allowed_methods([Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE])
        // Such a page may already send every header that matters. Tracing libraries add headers of their own.
        .allow_any_header()
        .expose_headers([request_id::HEADER, LINK, RETRY_AFTER, X_RETRY_AFTER, WWW_AUTHENTICATE])
        .max_age(PREFLIGHT_SECONDS);
    let cors = origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin));
    Condition::new(!origins.is_empty(), cors)
}

/// Replaces actix-cors's responses to rejected preflights, which are plain text and tell any page whether
/// credentials would be accepted, with this API's own.
pub(super) async fn tidy<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let mut response = next.call(request).await?;
    let preflight = response.request().method() == Method::OPTIONS;
    let headers = response.headers_mut();
    if !headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        headers.remove(ACCESS_CONTROL_ALLOW_CREDENTIALS);
        headers.remove(ACCESS_CONTROL_EXPOSE_HEADERS);
    }
    let problem = headers.get(CONTENT_TYPE).is_some_and(|kind| kind == MEDIA_TYPE);
    if preflight && !problem && response.status().is_client_error() {
        let mut refused = response.into_response(Error::from(Code::InvalidOrigin).error_response());
        refused.headers_mut().insert(VARY, HeaderValue::from_static(PREFLIGHT_VARIES));
        return Ok(refused.map_into_right_body());
    }
    Ok(response.map_into_left_body())
}
