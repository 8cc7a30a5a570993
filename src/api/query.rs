//! The query string: decoded and validated in one extractor.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use serde::de::DeserializeOwned;
use validator::Validate;

use super::json::flatten;
use crate::{
    error::{Code, Error},
    gate::{Access, Declares},
};

/// A valid query string. One that cannot be taken is 400: a misspelt filter must not show everything.
pub struct ValidQuery<T>(pub T);

impl<T> Declares for ValidQuery<T> {
    const ACCESS: Access = Access { query: true, ..Access::OPEN };
}

impl<T: DeserializeOwned + Validate> FromRequest for ValidQuery<T> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(decode(request.query_string()).map(Self))
    }
}

fn decode<T: DeserializeOwned + Validate>(text: &str) -> Result<T, Error> {
    let query = web::Query::<T>::from_query(text)
        .map_err(|error| match error {
            actix_web::error::QueryPayloadError::Deserialize(fault) => {
                Code::InvalidQuery.because(format!("The query string is not valid: {fault}."))
            }
            _ => Code::InvalidQuery.into(),
        })?
        .into_inner();
    query.validate().map_err(|errors| Code::InvalidQuery.on(flatten(&errors, "")))?;
    Ok(query)
}
