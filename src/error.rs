//! All errors of the API: one closed list, sent as problem details (RFC 9457).

mod explained;

use std::{borrow::Cow, collections::HashSet, fmt};

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{HeaderName, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use serde::{Serialize, Serializer};
use strum::{IntoStaticStr, VariantArray};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, extensions::Extensions, schema::Type},
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

pub use explained::CODES;

/// The media type of an error (RFC 9457).
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The same as Retry-After, under the name that Better Auth clients use.
pub const X_RETRY_AFTER: HeaderName = HeaderName::from_static("x-retry-after");

/// How many seconds a client should wait after a 503 before it retries.
const RETRY_SECONDS: u32 = 2;

/// The stable code of an error, for programs. Names in capitals are those of the Better Auth protocol, which
/// its clients compare; names in lower case are this API's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "each row of `row` says it, to the caller")]
pub enum Code {
    BadRequest,
    InvalidQuery,
    ProtocolValidation,
    InvalidEmail,
    PasswordTooShort,
    PasswordTooLong,
    PasswordTooCommon,
    PasswordTooObvious,
    InvalidPassword,
    NoPassword,
    InvalidLink,
    SignUpClosed,
    EmailCannotBeUpdated,
    EmailUnchanged,
    EmailMismatch,
    EmailAlreadyVerified,
    FieldNotAllowed,
    NoFieldsToUpdate,
    SessionTooOld,
    Unauthorized,
    InvalidEmailOrPassword,
    InvalidEmailLink,
    EmailLinkExpired,
    TokenMalformed,
    TokenExpired,
    TokenInvalid,
    InsufficientScope,
    CookieRequired,
    TokenRequired,
    AdminRequired,
    SessionNotFresh,
    UserDeactivated,
    EmailNotVerified,
    InvalidOrigin,
    MissingOrNullOrigin,
    CrossSiteNavigation,
    InvalidCallbackUrl,
    InvalidRedirectUrl,
    NotFound,
    InvalidDeletionLink,
    MethodNotAllowed,
    RequestTimeout,
    EmailTaken,
    AdminExists,
    Conflict,
    LastAdmin,
    PayloadTooLarge,
    UnsupportedMediaType,
    ValidationFailed,
    UserAlreadyExists,
    TooManyRequests,
    Internal,
    StoreUnavailable,
    Busy,
}

impl Code {
    /// The codes with which a new password can be rejected: by the rules, or because too many passwords are
    /// being hashed.
    pub const NEW_PASSWORD: [Self; 5] = [
        Self::PasswordTooShort,
        Self::PasswordTooLong,
        Self::PasswordTooCommon,
        Self::PasswordTooObvious,
        Self::Busy,
    ];

    /// The codes with which a mailed link to confirm an email can be rejected.
    pub const EMAIL_LINK: [Self; 4] = [
        Self::InvalidEmailLink,
        Self::EmailLinkExpired,
        Self::UserDeactivated,
        Self::UserAlreadyExists,
    ];

    /// Returns status, name, and a sentence for people: the whole list.
    #[rustfmt::skip]
    const fn row(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::BadRequest => (S::BAD_REQUEST, "BAD_REQUEST", "The body is not valid JSON."),
            Self::InvalidQuery => (S::BAD_REQUEST, "invalid_query", "The query string is not valid."),
            Self::ProtocolValidation => (S::BAD_REQUEST, "VALIDATION_ERROR", "The body is not valid."),
            Self::InvalidEmail => (S::BAD_REQUEST, "INVALID_EMAIL", "This is not a valid email."),
            Self::PasswordTooShort => (S::BAD_REQUEST, "PASSWORD_TOO_SHORT", "A password has at least 8 characters."),
            Self::PasswordTooLong => (S::BAD_REQUEST, "PASSWORD_TOO_LONG", "A password has at most 128 characters."),
            Self::PasswordTooCommon => (S::BAD_REQUEST, "PASSWORD_TOO_COMMON", "This password is too common. Choose another."),
            Self::PasswordTooObvious => (S::BAD_REQUEST, "PASSWORD_TOO_OBVIOUS", "This password contains little more than your name, your email or the name of this site. Choose another."),
            Self::InvalidPassword => (S::BAD_REQUEST, "INVALID_PASSWORD", "The password is wrong."),
            Self::NoPassword => (S::BAD_REQUEST, "CREDENTIAL_ACCOUNT_NOT_FOUND", "This account has no password. Request a link to choose one."),
            Self::InvalidLink => (S::BAD_REQUEST, "INVALID_TOKEN", "This link has been used or has expired. Request a new one."),
            Self::SignUpClosed => (S::BAD_REQUEST, "EMAIL_PASSWORD_SIGN_UP_DISABLED", "Sign-up is closed here. Ask an admin for an account."),
            Self::EmailCannotBeUpdated => (S::BAD_REQUEST, "EMAIL_CAN_NOT_BE_UPDATED", "Change the email with change-email."),
            Self::EmailUnchanged => (S::BAD_REQUEST, "email_unchanged", "This is already your email."),
            Self::EmailMismatch => (S::BAD_REQUEST, "EMAIL_MISMATCH", "This is not your email."),
            Self::EmailAlreadyVerified => (S::BAD_REQUEST, "EMAIL_ALREADY_VERIFIED", "This email is already confirmed."),
            Self::FieldNotAllowed => (S::BAD_REQUEST, "FIELD_NOT_ALLOWED", "role is not allowed to be set."),
            Self::NoFieldsToUpdate => (S::BAD_REQUEST, "no_fields_to_update", "No fields to update."),
            Self::SessionTooOld => (S::BAD_REQUEST, "SESSION_EXPIRED", "Send your password, or sign in again, to do this."),
            Self::Unauthorized => (S::UNAUTHORIZED, "UNAUTHORIZED", "Sign in, or send an API token."),
            Self::InvalidEmailOrPassword => (S::UNAUTHORIZED, "INVALID_EMAIL_OR_PASSWORD", "The email or the password is wrong."),
            Self::InvalidEmailLink => (S::UNAUTHORIZED, "INVALID_TOKEN", "This link is invalid or has been used. Request a new one."),
            Self::EmailLinkExpired => (S::UNAUTHORIZED, "TOKEN_EXPIRED", "This link has expired. Request a new one."),
            Self::TokenMalformed => (S::UNAUTHORIZED, "token_malformed", "This token is malformed: its checksum does not match. Check that it was copied completely."),
            Self::TokenExpired => (S::UNAUTHORIZED, "token_expired", "This token has expired."),
            Self::TokenInvalid => (S::UNAUTHORIZED, "token_invalid", "This token is invalid."),
            Self::InsufficientScope => (S::FORBIDDEN, "insufficient_scope", "This token lacks a scope that the operation needs."),
            Self::CookieRequired => (S::FORBIDDEN, "cookie_required", "This operation takes the session cookie, not a token."),
            Self::TokenRequired => (S::FORBIDDEN, "token_required", "This operation takes an API token, not the session cookie."),
            Self::AdminRequired => (S::FORBIDDEN, "admin_required", "This operation is for site admins."),
            Self::SessionNotFresh => (S::FORBIDDEN, "SESSION_NOT_FRESH", "Enter your password again (verify-password) to do this."),
            Self::UserDeactivated => (S::FORBIDDEN, "USER_DEACTIVATED", "This account is deactivated."),
            Self::EmailNotVerified => (S::FORBIDDEN, "EMAIL_NOT_VERIFIED", "Confirm your email first, with the link that was sent to you."),
            Self::InvalidOrigin => (S::FORBIDDEN, "INVALID_ORIGIN", "This page may not act for a signed-in user here."),
            Self::MissingOrNullOrigin => (S::FORBIDDEN, "MISSING_OR_NULL_ORIGIN", "A request that changes something with a cookie must say its Origin."),
            Self::CrossSiteNavigation => (S::FORBIDDEN, "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED", "Another site may not sign you in here."),
            Self::InvalidCallbackUrl => (S::FORBIDDEN, "INVALID_CALLBACK_URL", "callbackURL must be a path here or on a trusted origin."),
            Self::InvalidRedirectUrl => (S::FORBIDDEN, "INVALID_REDIRECT_URL", "redirectTo must be a page that takes the link: /reset-password, or one on a trusted origin."),
            Self::NotFound => (S::NOT_FOUND, "not_found", "Not found."),
            Self::InvalidDeletionLink => (S::NOT_FOUND, "INVALID_TOKEN", "This link has been used, has expired or is not yours. Request a new one."),
            Self::MethodNotAllowed => (S::METHOD_NOT_ALLOWED, "method_not_allowed", "This path does not support that method."),
            Self::RequestTimeout => (S::REQUEST_TIMEOUT, "request_timeout", "The body took too long to arrive."),
            Self::EmailTaken => (S::CONFLICT, "email_taken", "This email is already in use."),
            Self::AdminExists => (S::CONFLICT, "admin_exists", "This site already has an admin. Sign in, or ask an admin."),
            Self::Conflict => (S::CONFLICT, "conflict", "This value is already in use."),
            Self::LastAdmin => (S::CONFLICT, "last_admin", "This would leave the site without an active admin."),
            Self::PayloadTooLarge => (S::PAYLOAD_TOO_LARGE, "payload_too_large", "The body is too large."),
            Self::UnsupportedMediaType => (S::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", "Send the body as application/json."),
            Self::ValidationFailed => (S::UNPROCESSABLE_ENTITY, "validation_failed", "Some fields are not valid."),
            Self::UserAlreadyExists => (S::UNPROCESSABLE_ENTITY, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL", "This email is already in use. Use another, or sign in."),
            Self::TooManyRequests => (S::TOO_MANY_REQUESTS, "too_many_requests", "Too many requests. Please try again later."),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong on our side."),
            Self::StoreUnavailable => (S::SERVICE_UNAVAILABLE, "store_unavailable", "The database is temporarily unavailable. Try again soon."),
            Self::Busy => (S::SERVICE_UNAVAILABLE, "busy", "The server is busy checking passwords. Try again soon."),
        }
    }

    /// Returns the HTTP status of the response.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.row().0
    }

    /// Returns the stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().1
    }

    /// Returns the code with this name; the first, if several have it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::VARIANTS.iter().copied().find(|code| code.name() == name)
    }

    /// Returns a name for generated code. Unlike [`Self::name`] it is unique even regardless of case: code
    /// generators treat `TOKEN_EXPIRED` and `token_expired` as the same.
    #[must_use]
    pub fn constant(self) -> &'static str {
        self.into()
    }

    /// Returns a sentence for people.
    #[must_use]
    pub const fn message(self) -> &'static str {
        self.row().2
    }

    /// Returns this error with a more specific detail.
    #[must_use]
    pub fn because(self, detail: impl Into<Cow<'static, str>>) -> Error {
        Error { detail: Some(detail.into()), ..self.into() }
    }

    /// Returns this error with errors on these fields.
    #[must_use]
    pub fn on(self, fields: Vec<FieldError>) -> Error {
        Error { fields, ..self.into() }
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        let mut codes = Self::VARIANTS.to_vec();
        let mut seen = HashSet::new();
        codes.retain(|code| seen.insert(code.name()));
        let constants: Vec<_> = codes.iter().map(|code| code.constant()).collect();
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("What went wrong, for programs. It does not change."))
            .enum_values(Some(codes.into_iter().map(Self::name)))
            .extensions(Some(Extensions::from_iter([("x-enum-varnames", constants)])))
            .into()
    }
}

impl ToSchema for Code {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("ErrorCode")
    }
}

/// A [`Code`], with the details of this request.
#[derive(Debug)]
pub struct Error {
    code: Code,
    detail: Option<Cow<'static, str>>,
    fields: Vec<FieldError>,
    scope: Option<String>,
    retry_after: Option<u64>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldError {
    /// The path of the field in the body: `name`, `scopes[0]`.
    pub field: String,
    /// What is wrong, for programs.
    pub code: Cow<'static, str>,
    /// What is wrong, for people.
    pub message: Cow<'static, str>,
}

/// The body of every error (RFC 9457), with the members that Better Auth clients read.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The explanation of `code`, on this server.
    #[serde(rename = "type")]
    #[schema(format = "uri-reference", example = "/docs/errors#UNAUTHORIZED")]
    kind: String,
    /// What the status means.
    title: &'static str,
    /// The status.
    status: u16,
    /// What happened, for people.
    detail: Cow<'static, str>,
    /// What went wrong, for programs: one of the list at `/docs/errors`.
    code: Code,
    /// The same as `detail`, where Better Auth clients look for it.
    message: Cow<'static, str>,
    /// The fields that are not valid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldError>,
    /// By which the log knows this request; also in the header X-Request-Id.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
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
            store::AdminCheckFailed::LockedOut => Code::Unauthorized,
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
    fn error_codes_are_unique_by_name_and_status() {
        let names: HashSet<_> =
            Code::VARIANTS.iter().map(|code| (code.name(), code.status())).collect();
        assert_eq!(names.len(), Code::VARIANTS.len());
    }
}
