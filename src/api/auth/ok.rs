//! Tells clients that the server supports the Better Auth protocol.

use actix_web::web::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::tag;

/// The server supports the protocol.
#[derive(Serialize, ToSchema)]
pub struct AuthOk {
    /// Always true.
    #[schema(example = true)]
    ok: bool,
}

/// Check the protocol
///
/// For clients and monitoring. It needs no session and does not read the database.
#[utoipa::path(
    get,
    path = "/api/auth/ok",
    tag = tag::AUTH,
    responses((status = 200, description = "The server supports the protocol", body = AuthOk))
)]
pub async fn auth_ok() -> Json<AuthOk> {
    Json(AuthOk { ok: true })
}
