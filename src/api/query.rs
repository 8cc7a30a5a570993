//! The query string extractors: they decode and validate in one step.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use serde::de::DeserializeOwned;
use url::form_urlencoded;
use validator::Validate;

use super::{field_fault, json::flatten, nul};
use crate::{
    error::{Code, Error, FieldError},
    gate::{Access, DeclaresAccess, Query},
};

/// A valid query string. An invalid one results in 400, with an error per parameter: a misspelled filter must not return
/// everything. No text in it contains NUL, which PostgreSQL cannot store.
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
        let query = request.query_string();
        let refused = |error: &PathError| {
            let text = error.inner().to_string();
            vec![field_fault::fault(error.path(), &text, "parameter")]
        };
        let decoded = decode(query, refused, |faults| faults);
        // After the parameter's own rule, which may say more about it.
        let decoded = decoded.and_then(|decoded| match nul::in_query(query) {
            found if found.is_empty() => Ok(Self(decoded)),
            found => Err(found),
        });
        ready(decoded.map_err(|faults| {
            let texts = faults.iter().map(|fault| format!("{} {}", fault.field, fault.message));
            let text = texts.collect::<Vec<_>>().join("; ");
            let detail = format!("The query string is not valid: {text}.");
            Code::InvalidQuery.on(faults).saying(detail)
        }))
    }
}

impl<T: DeserializeOwned + Validate> FromRequest for ProtocolQuery<T> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let refused = |error: &PathError| {
            Code::ProtocolValidation.because(format!("[query] {}", error.inner()))
        };
        let invalid = |faults| Code::ProtocolValidation.on(faults);
        ready(decode(request.query_string(), refused, invalid).map(Self))
    }
}

type PathError = serde_path_to_error::Error<serde::de::value::Error>;

/// Decodes and validates.
fn decode<T: DeserializeOwned + Validate, E>(
    text: &str,
    refused: impl FnOnce(&PathError) -> E,
    invalid: impl FnOnce(Vec<FieldError>) -> E,
) -> Result<T, E> {
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(text.as_bytes()));
    let query: T = serde_path_to_error::deserialize(pairs).map_err(|error| refused(&error))?;
    query.validate().map_err(|errors| invalid(flatten(&errors, "")))?;
    Ok(query)
}
