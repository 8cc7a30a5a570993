//! The caller's trusted devices: browsers in which a sign-in needs no second factor.

use actix_web::{
    HttpResponse,
    web::{Data, Json, Path},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    api::tag,
    error::{Code, Error},
    gate::{ByCookie, Session},
    state::State,
    store::trusted_devices::{self, TrustedDevice as Row},
    time::Timestamp,
};

/// A browser in which a sign-in needs no second factor.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "019ab2d9-41c8-7f3a-a6b1-0d8e5c2f9473",
    "ipAddress": "203.0.113.7",
    "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "createdAt": "2026-11-23T12:48:00.000Z",
    "lastUsedAt": "2026-11-23T13:05:00.000Z",
    "expiresAt": "2026-12-23T13:05:00.000Z",
}))]
pub struct TrustedDevice {
    /// A UUID, by which the trust can be ended.
    #[schema(format = Uuid)]
    id: String,
    /// The IP address from which it was first trusted; empty when unknown.
    ip_address: String,
    /// The program; empty when unknown.
    user_agent: String,
    /// When it was first trusted.
    created_at: Timestamp,
    /// When it was last used to sign in.
    last_used_at: Timestamp,
    /// Until when it is trusted without another sign-in.
    expires_at: Timestamp,
}

impl From<Row> for TrustedDevice {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            ip_address: row.ip_address.unwrap_or_default(),
            user_agent: row.user_agent.unwrap_or_default(),
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
        }
    }
}

/// List your trusted devices
///
/// The browsers in which a sign-in needs no second factor, newest first: at most twenty.
#[utoipa::path(
    get,
    path = "/api/trusted-devices",
    tag = tag::ACCOUNT,
    responses((status = 200, description = "Your trusted devices", body = Vec<TrustedDevice>))
)]
pub async fn list_trusted_devices(
    session: Session,
    _: ByCookie,
    state: Data<State>,
) -> Result<Json<Vec<TrustedDevice>>, Error> {
    let now = state.clock.now();
    let rows = trusted_devices::list(&state.store, session.user.id.clone(), now).await?;
    Ok(Json(rows.into_iter().map(TrustedDevice::from).collect()))
}

/// Stop trusting a device
///
/// The next sign-in there needs the second factor again.
#[utoipa::path(
    delete,
    path = "/api/trusted-devices/{id}",
    tag = tag::ACCOUNT,
    params(("id" = Uuid, Path, description = "The device's id")),
    responses((status = 204, description = "It is trusted no longer"))
)]
pub async fn remove_trusted_device(
    session: Session,
    _: ByCookie,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<HttpResponse, Error> {
    let user_id = session.user.id.clone();
    if trusted_devices::remove(&state.store, user_id, id.to_string()).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(Code::NotFound.into())
    }
}
