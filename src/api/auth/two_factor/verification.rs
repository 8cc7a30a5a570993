//! Verifies codes: in a session, or to complete a sign-in.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde::Deserialize;
use utoipa::ToSchema;
use validator::Validate;

use super::{
    Verified,
    attempt::{Attempt, Code as Typed},
};
use crate::{
    api::{json::ProtocolJson, limited, tag},
    error::Error,
    gate::{Prover, cookie::SessionCookie},
    state::State,
};

/// A code of your authenticator app.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"code": "123456"}))]
pub struct VerifyTotp {
    /// Six digits.
    code: String,
    /// Whether a sign-in in this browser needs no second factor for 30 days.
    #[serde(default)]
    #[schema(default = false)]
    trust_device: bool,
}

/// One of your recovery codes.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"code": "k7m2q-xw9ed"}))]
pub struct VerifyBackupCode {
    /// The code. Case and dashes are ignored.
    code: String,
    /// Whether a sign-in in this browser needs no second factor for 30 days.
    #[serde(default)]
    #[schema(default = false)]
    trust_device: bool,
}

/// Verify a code of your authenticator app
///
/// After a first factor it completes the sign-in, whose cookie is enough. In a session, the first one after `enable`
/// turns two-factor authentication on, ends all other sessions and sends an email; later ones prove the second factor for
/// fifteen minutes, and count as a recent sign-in. Each code is accepted once.
#[utoipa::path(
    post, path = "/api/auth/two-factor/verify-totp", tag = tag::AUTH, request_body = VerifyTotp,
    responses((status = 200, description = "The code is correct", body = Verified)),
)]
pub async fn verify_totp(
    _: limited::SignIn,
    prover: Prover,
    cookie: SessionCookie,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<VerifyTotp>,
) -> Result<HttpResponse, Error> {
    let attempt = Attempt::new(&state, &request, &cookie, body.trust_device);
    attempt.make(prover, Typed::Totp(&body.code)).await
}

/// Verify a recovery code
///
/// Does what a code of the authenticator app does, except for turning two-factor authentication on. It does not work
/// again.
#[utoipa::path(
    post, path = "/api/auth/two-factor/verify-backup-code", tag = tag::AUTH, request_body = VerifyBackupCode,
    responses((status = 200, description = "The code is correct", body = Verified)),
)]
pub async fn verify_backup_code(
    _: limited::SignIn,
    prover: Prover,
    cookie: SessionCookie,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<VerifyBackupCode>,
) -> Result<HttpResponse, Error> {
    let attempt = Attempt::new(&state, &request, &cookie, body.trust_device);
    attempt.make(prover, Typed::Recovery(&body.code)).await
}
