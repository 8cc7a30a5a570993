//! The body extractors: they decode and validate in one step, so that no handler can omit the validation.

use std::{borrow::Cow, future::Future, pin::Pin, time::Duration};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest, dev::Payload, http::header::CONTENT_LENGTH, web,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, error::Category, json};
use validator::{Validate, ValidationErrors, ValidationErrorsKind};

use super::{
    field_fault::{self, invalid},
    nul,
};
use crate::{
    error::{Code, Error, FieldError},
    gate::{Access, DeclaresAccess},
};

/// The largest body that is read, in bytes. Valid bodies are small; a larger one is a mistake or an attack.
#[doc(hidden)]
pub const LARGEST: usize = 64 * 1024;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A valid body by this API's own rules: invalid fields result in 422, with an error per field. No text in it contains
/// NUL, which PostgreSQL cannot store.
pub struct ValidJson<T>(pub T);

/// A valid body by the Better Auth protocol's rules: invalid fields result in 400 `VALIDATION_ERROR`. A password in it
/// may contain NUL; the rules of the other fields exclude it.
#[doc(hidden)]
pub struct ProtocolJson<T>(pub T);

impl<T> DeclaresAccess for ValidJson<T> {
    const ACCESS: Access = Access { body: crate::gate::Body::Own, ..Access::UNGATED };
}

impl<T> DeclaresAccess for ProtocolJson<T> {
    const ACCESS: Access = Access { body: crate::gate::Body::Protocol, ..Access::UNGATED };
}

type Reading<T> = Pin<Box<dyn Future<Output = Result<T, Error>>>>;

impl<T: DeserializeOwned + Validate + 'static> FromRequest for ValidJson<T> {
    type Error = Error;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = read(request, payload);
        Box::pin(async move {
            let bytes = bytes.await?;
            // After the field's own rule, which may say more about it.
            let body = decode(&bytes)?.and_then(|body| match nul::in_json(&bytes) {
                found if found.is_empty() => Ok(body),
                found => Err(found),
            });
            body.map(Self).map_err(|fields| Code::ValidationFailed.on(fields))
        })
    }
}

impl<T: DeserializeOwned + Validate + 'static> FromRequest for ProtocolJson<T> {
    type Error = Error;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = read(request, payload);
        Box::pin(async move {
            decode(&bytes.await?)?.map(Self).map_err(|fields| {
                let texts =
                    fields.iter().map(|field| format!("[body.{}] {}", field.field, field.message));
                let text = texts.collect::<Vec<_>>().join("; ");
                Code::ProtocolValidation.on(fields).saying(text)
            })
        })
    }
}

/// Reads the body. An empty body is read as `{}`, so that the error for a missing body names the required
/// fields.
fn read(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<web::Bytes, Error>> + use<> {
    let is_json = request.content_type().eq_ignore_ascii_case("application/json");
    let is_typed = !request.content_type().is_empty();
    let bytes = read_bytes(request, payload);
    async move {
        if is_typed && !is_json {
            return Err(Code::UnsupportedMediaType.into());
        }
        let bytes = bytes.await?;
        match (bytes.is_empty(), is_json) {
            (true, _) => Ok(web::Bytes::from_static(b"{}")),
            (false, true) => Ok(bytes),
            (false, false) => Err(Code::UnsupportedMediaType.into()),
        }
    }
}

/// Reads a body of any type, within the limits of size and time.
pub(crate) fn read_bytes(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<web::Bytes, Error>> + use<> {
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let payload = web::Payload::from_request(request, payload);
    async move {
        if announced.is_some_and(|length| length > LARGEST) {
            return Err(Code::PayloadTooLarge.into());
        }
        let payload = payload.await.map_err(|_| Code::BadRequest)?;
        // The caller was authenticated before the body arrived. The body must arrive soon, because by then the
        // caller may have lost the right to call this.
        let bytes = tokio::time::timeout(BODY_TIMEOUT, payload.to_bytes_limited(LARGEST))
            .await
            .map_err(|_| Code::RequestTimeout)?
            .map_err(|_| Code::PayloadTooLarge)?;
        bytes.map_err(|_| Code::BadRequest.because("The body ended early."))
    }
}

/// Decodes and validates. The outer error means that the body is not JSON, the inner one that fields are
/// invalid.
fn decode<T: DeserializeOwned + Validate>(
    bytes: &[u8],
) -> Result<Result<T, Vec<FieldError>>, Error> {
    // serde would fill a struct from an array, field by field, which the API does not document.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Ok(Err(vec![invalid(String::new(), "must be an object")]));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let broken = |error: &serde_json::Error| {
        Code::BadRequest.because(format!(
            "The body is not valid JSON: line {}, column {}.",
            error.line(),
            error.column()
        ))
    };
    let value: T = match serde_path_to_error::deserialize(&mut reader) {
        Ok(value) => value,
        Err(error) if error.inner().classify() == Category::Data => {
            return Ok(Err(vec![data_error(&error)]));
        }
        Err(error) => return Err(broken(error.inner())),
    };
    reader.end().map_err(|error| broken(&error))?;
    Ok(value.validate().map(|()| value).map_err(|errors| flatten(&errors, "")))
}

/// Converts serde's error on a field, with the field's path for programs.
fn data_error(error: &serde_path_to_error::Error<serde_json::Error>) -> FieldError {
    let text = error.inner().to_string();
    // Removes serde's "at line 1 column 2": the path is more helpful.
    let text = text.rsplit_once(" at line ").map_or(&*text, |(text, _)| text);
    field_fault::fault(error.path(), text, "field")
}

/// Flattens the validator's tree into a list of paths, in a stable order.
pub(super) fn flatten(errors: &ValidationErrors, above: &str) -> Vec<FieldError> {
    let mut fields: Vec<FieldError> = errors
        .errors()
        .iter()
        .flat_map(|(name, kind)| {
            let path = format!("{above}{}", camel_case(name));
            match kind {
                ValidationErrorsKind::Struct(inner) => flatten(inner, &format!("{path}.")),
                ValidationErrorsKind::List(items) => items
                    .iter()
                    .flat_map(|(at, inner)| flatten(inner, &format!("{path}[{at}].")))
                    .collect(),
                ValidationErrorsKind::Field(faults) => faults
                    .iter()
                    .map(|fault| FieldError {
                        field: path.clone(),
                        code: fault.code.clone(),
                        message: fault.message.clone().unwrap_or(Cow::Borrowed("is not valid")),
                    })
                    .collect(),
            }
        })
        .collect();
    fields.sort_by(|one, other| (&one.field, &one.code).cmp(&(&other.field, &other.code)));
    fields
}

/// Converts a field's name in Rust, which the validator uses, to serde's name, which clients know.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut text, word| {
        let mut letters = word.chars();
        text.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        text.push_str(letters.as_str());
        text
    })
}

/// Returns the JSON object that a text column contains; text that is not an object is wrapped in one,
/// unchanged.
#[must_use]
#[doc(hidden)]
pub fn object(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(object @ Value::Object(_)) => object,
        _ => json!({ "text": text }),
    }
}
