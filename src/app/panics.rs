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

/// A panic anywhere below is a 500 like any other fault of ours; without this the connection would
/// just close. The request itself is gone with the panic, so the answer travels as an error.
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
