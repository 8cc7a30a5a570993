//! All errors of the API. A handler returns [`Error`]: a [`Code`] of a closed list, with the details of this request. It
//! is sent as a [`Problem`]. An error of the store converts into one with `?`.

mod code;
mod problem;

use std::{borrow::Cow, fmt};

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{HeaderName, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};

use crate::{
    request_id,
    scope::Scopes,
    secrets::{Busy, PasswordFault},
    store::{
        self,
        constraints::{Constraint, Meaning},
    },
};

pub use code::{CODES, Code, CustomCode};
pub use problem::{FieldError, MEDIA_TYPE, Problem};

/// The same as Retry-After, under the name that Better Auth clients use.
pub const X_RETRY_AFTER: HeaderName = HeaderName::from_static("x-retry-after");

/// How many seconds a client should wait after a 503 before it retries.
const RETRY_SECONDS: u32 = 2;

/// A [`Code`], with the details of this request.
#[derive(Debug)]
pub struct Error {
    code: Code,
    detail: Option<Cow<'static, str>>,
    fields: Vec<FieldError>,
    scope: Option<String>,
    retry_after: Option<u64>,
}

impl Error {
    /// Returns whether the error has this code.
    #[must_use]
    pub fn is(&self, code: Code) -> bool {
        self.code == code
    }

    /// Creates the error for a token that lacks some of these scopes, which the operation needs (RFC 6750,
    /// 3.1).
    #[must_use]
    pub fn lacks(needed: Scopes) -> Self {
        let needed = needed.to_text();
        let detail = format!("The operation needs a token with these scopes: {needed}.");
        Self { scope: Some(needed), ..Code::InsufficientScope.because(detail) }
    }

    /// Creates the error for an exceeded rate limit, which permits another request in `seconds` at the
    /// earliest.
    #[must_use]
    pub fn too_many(seconds: u64) -> Self {
        let detail = format!("Too many requests. Please try again in {}.", spelled_out(seconds));
        Self { retry_after: Some(seconds), ..Code::TooManyRequests.because(detail) }
    }

    /// Creates the error of the login throttle: too many failed sign-ins. A password reset ends the wait.
    #[must_use]
    pub fn throttled(seconds: u64) -> Self {
        let wait = spelled_out(seconds);
        Self::too_many(seconds).saying(format!(
            "Too many failed sign-ins with this email. Try again in {wait}, or reset your password: that ends the wait."
        ))
    }

    /// Creates the error of the throttle of second factors: too many wrong codes.
    #[must_use]
    pub fn second_factor_throttled(seconds: u64) -> Self {
        let wait = spelled_out(seconds);
        let detail = format!("Too many wrong codes. Try again in {wait}.");
        Self { retry_after: Some(seconds), ..Code::SecondFactorThrottled.because(detail) }
    }

    /// Converts an error of the store, with a code of its own for a violated unique constraint on this field.
    #[must_use]
    pub fn or_taken(error: store::Error, field: &str, code: Code) -> Self {
        let taken = error.is_taken(field);
        let error = Self::from(error);
        if taken { Self { code, detail: None, ..error } } else { error }
    }

    /// Returns the same error with a more specific detail.
    #[must_use]
    pub fn saying(self, detail: String) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// Returns the response body.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let detail = self.detail.clone().unwrap_or(Cow::Borrowed(self.code.message()));
        Problem {
            kind: self.code.link(),
            title: self.code.status().canonical_reason().unwrap_or_default(),
            status: self.code.status().as_u16(),
            message: detail.clone(),
            detail,
            code: self.code,
            errors: self.fields.clone(),
            request_id: request_id::current(),
        }
    }

    /// Returns the challenge that RFC 6750, 3 requires: without `error` if no token was presented.
    fn challenge(&self) -> Option<String> {
        match self.code {
            Code::TokenMalformed | Code::TokenExpired | Code::TokenInvalid => {
                Some(r#"Bearer error="invalid_token""#.to_owned())
            }
            Code::InsufficientScope => {
                let scope = self.scope.as_deref().unwrap_or_default();
                Some(format!(r#"Bearer error="insufficient_scope", scope="{scope}""#))
            }
            code if code.status() == StatusCode::UNAUTHORIZED => Some("Bearer".to_owned()),
            _ => None,
        }
    }
}

/// Formats a time to wait for people.
pub(crate) fn spelled_out(seconds: u64) -> String {
    match seconds {
        1 => "a second".to_owned(),
        2..=119 => format!("{seconds} seconds"),
        120..=7199 => format!("{} minutes", seconds.div_ceil(60)),
        _ => format!("{} hours", seconds.div_ceil(3600)),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail.as_deref().unwrap_or(self.code.message()))
    }
}

impl std::error::Error for Error {}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(challenge) = self.challenge() {
            response.insert_header((WWW_AUTHENTICATE, challenge));
        }
        if self.status_code() == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((RETRY_AFTER, RETRY_SECONDS));
        }
        if let Some(seconds) = self.retry_after {
            response.insert_header((RETRY_AFTER, seconds));
            response.insert_header((X_RETRY_AFTER, seconds));
        }
        let mut response = response.content_type(MEDIA_TYPE).json(self.problem());
        response.extensions_mut().insert(self.code);
        response
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self { code, detail: None, fields: Vec::new(), scope: None, retry_after: None }
    }
}

/// Logs the reason; the client only learns that the error is the server's.
impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Violated(constraint) => constraint.into(),
            store::Error::Bug { operation, reason, .. } => {
                tracing::error!(operation, %reason, "a statement failed because of a bug");
                Code::Internal.into()
            }
            fault => {
                tracing::error!(%fault, "the store is unavailable");
                Code::StoreUnavailable.into()
            }
        }
    }
}

impl From<&Constraint> for Error {
    fn from(broken: &Constraint) -> Self {
        let (code, field_code) = match broken.meaning {
            Meaning::Taken => (Code::Conflict, "taken"),
            Meaning::Invalid => (Code::ValidationFailed, "invalid"),
            Meaning::NotFound => (Code::ValidationFailed, "not_found"),
            Meaning::InUse => (Code::Conflict, "in_use"),
            Meaning::OwnUserGone => return Code::Unauthorized.into(),
        };
        let fault = |field: &'static str| FieldError {
            field: field.to_owned(),
            code: field_code.into(),
            message: broken.message.into(),
        };
        let fields: Vec<_> = broken.field.map(fault).into_iter().collect();
        // For invalid fields the error's own sentence says how to read the list.
        match code {
            Code::ValidationFailed if !fields.is_empty() => code.on(fields),
            _ => Self { fields, ..code.because(broken.message) },
        }
    }
}

impl From<store::AdminCheckFailed> for Error {
    fn from(refusal: store::AdminCheckFailed) -> Self {
        match refusal {
            store::AdminCheckFailed::Deactivated => Code::Unauthorized,
            store::AdminCheckFailed::NotAnAdmin => Code::AdminRequired,
            store::AdminCheckFailed::NotFound => Code::NotFound,
            store::AdminCheckFailed::LastAdmin => Code::LastAdmin,
            store::AdminCheckFailed::NotNeeded(reason) => return Code::Conflict.because(reason),
        }
        .into()
    }
}

impl From<Busy> for Error {
    fn from(_: Busy) -> Self {
        Code::Busy.into()
    }
}

impl From<PasswordFault> for Error {
    fn from(fault: PasswordFault) -> Self {
        match fault {
            PasswordFault::TooShort => Code::PasswordTooShort,
            PasswordFault::TooLong => Code::PasswordTooLong,
            PasswordFault::TooCommon => Code::PasswordTooCommon,
            PasswordFault::ContainsPersonalInfo => Code::PasswordTooObvious,
        }
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violated_constraint_has_the_code_and_field_of_its_meaning() {
        for (constraint, code, field) in [
            (
                Constraint::unique("tasks_title_key", "tasks.title", "title", "taken"),
                Code::Conflict,
                Some(("title", "taken")),
            ),
            (
                Constraint::check("tasks_hours_check", "hours", "must not be negative"),
                Code::ValidationFailed,
                Some(("hours", "invalid")),
            ),
            (
                Constraint::foreign_key("tasks_list_id_fkey", "listId", "There is no such list."),
                Code::ValidationFailed,
                Some(("listId", "not_found")),
            ),
            (Constraint::in_use("tasks_list_id_fkey", "The list has tasks."), Code::Conflict, None),
            (Constraint::own_user("tasks_user_id_fkey"), Code::Unauthorized, None),
        ] {
            let error = Error::from(&constraint);
            assert!(error.is(code), "{constraint:?}: {error:?}");
            let fields = error.fields.iter().map(|fault| (&*fault.field, &*fault.code));
            assert_eq!(
                fields.collect::<Vec<_>>(),
                field.into_iter().collect::<Vec<_>>(),
                "{constraint:?}"
            );
        }
    }
}
