use std::panic::AssertUnwindSafe;

use actix_web::{
    ResponseError,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    middleware::Next,
};
use futures_util::FutureExt as _;

use crate::error::{Code, Error};

/// Turns a panic below into a 500; without this the connection would just close. The request is lost with the
/// panic, so the response travels as an error.
pub(super) async fn catch<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    AssertUnwindSafe(next.call(request)).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a handler panicked");
        let response = Error::from(Code::Internal).error_response();
        Err(InternalError::from_response("a handler panicked", response).into())
    })
}
