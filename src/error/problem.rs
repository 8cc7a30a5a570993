//! The body of an error response: problem details (RFC 9457).

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

use super::Code;

/// The media type of an error (RFC 9457).
pub const MEDIA_TYPE: &str = "application/problem+json";

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
    pub(super) kind: String,
    /// What the status means.
    pub(super) title: &'static str,
    /// The status.
    pub(super) status: u16,
    /// What happened, for people.
    pub(super) detail: Cow<'static, str>,
    /// What went wrong, for programs: one of the list at `/docs/errors`.
    pub(super) code: Code,
    /// The same as `detail`, where Better Auth clients look for it.
    pub(super) message: Cow<'static, str>,
    /// The fields that are not valid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(super) errors: Vec<FieldError>,
    /// The id of this request in the log; also in the header X-Request-Id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request_id: Option<String>,
}
