//! The query string extractors: they decode and validate in one step.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, error::QueryPayloadError, web};
use serde::de::DeserializeOwned;
use validator::Validate;

use super::json::flatten;
use crate::{
    error::{Code, Error},
    gate::{Access, DeclaresAccess, Query},
};

/// A valid query string. An invalid one results in 400: a misspelled filter must not return everything.
pub struct ValidQuery<T>(pub T);

/// A valid query string by the Better Auth protocol's rules: unknown fields are ignored, and invalid ones
/// result in 400 `VALIDATION_ERROR`.
#[doc(hidden)]
pub struct ProtocolQuery<T>(pub T);

impl<T> DeclaresAccess for ValidQuery<T> {
    const ACCESS: Access = Access { query: Query::Own, ..Access::UNGATED };
}

impl<T> DeclaresAccess for ProtocolQuery<T> {
    const ACCESS: Access = Access { query: Query::Protocol, ..Access::UNGATED };
}

impl<T: DeserializeOwned + Validate> FromRequest for ValidQuery<T> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let refused =
            |fault| Code::InvalidQuery.because(format!("The query string is not valid: {fault}."));
        ready(decode(request.query_string(), Code::InvalidQuery, refused).map(Self))
    }
}

impl<T: DeserializeOwned + Validate> FromRequest for ProtocolQuery<T> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let refused = |fault| Code::ProtocolValidation.because(format!("[query] {fault}"));
        ready(decode(request.query_string(), Code::ProtocolValidation, refused).map(Self))
    }
}

fn decode<T: DeserializeOwned + Validate>(
    text: &str,
    code: Code,
    refused: impl FnOnce(serde::de::value::Error) -> Error,
) -> Result<T, Error> {
    let query = web::Query::<T>::from_query(text)
        .map_err(|error| match error {
            QueryPayloadError::Deserialize(fault) => refused(fault),
            _ => code.into(),
        })?
        .into_inner();
    query.validate().map_err(|errors| code.on(flatten(&errors, "")))?;
    Ok(query)
}
