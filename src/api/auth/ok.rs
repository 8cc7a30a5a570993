//! Tells clients that the server supports the Better Auth protocol.

use actix_web::web::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::tag;

/// The protocol is spoken here.
#[derive(Serialize, ToSchema)]
pub struct AuthOk {
    /// Always true.
    #[schema(example = true)]
    ok: bool,
}

/// Ask whether the protocol is spoken here
///
/// For clients and monitoring: it needs no session and reads no database.
#[utoipa::path(get, path = "/api/auth/ok", tag = tag::AUTH, responses((status = 200, description = "It is", body = AuthOk)))]
pub async fn auth_ok() -> Json<AuthOk> {
    Json(AuthOk { ok: true })
}
