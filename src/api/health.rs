//! What load balancers and supervisors ask.

use std::time::Duration;

use actix_web::web::{Data, Json};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::tag,
    error::{Code, Error, Problem},
    state::State,
};

/// Where these are.
pub const PATHS: [&str; 2] = ["/health/live", "/health/ready"];

/// Shorter than a request's own patience: a probe wants to know now.
const PATIENCE: Duration = Duration::from_secs(2);

/// How it is.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

const OK: Health = Health { status: "ok" };

/// Ask whether the process lives
///
/// It does not touch the database: one that is down is no reason to restart us.
#[utoipa::path(get, path = "/health/live", tag = tag::HEALTH, responses((status = 200, description = "It lives", body = Health)))]
pub async fn live() -> Json<Health> {
    Json(OK)
}

/// Ask whether requests can be answered
///
/// Says no while the database does not answer, and while the server drains before it stops.
#[utoipa::path(
    get, path = "/health/ready", tag = tag::HEALTH,
    responses(
        (status = 200, description = "They can", body = Health),
        (status = 503, description = "They cannot just now", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub async fn ready(state: Data<State>) -> Result<Json<Health>, Error> {
    if state.draining.is_cancelled() {
        return Err(Code::StoreUnavailable.because("This server is about to stop."));
    }
    match tokio::time::timeout(PATIENCE, state.store.ping()).await {
        Ok(Ok(())) => Ok(Json(OK)),
        Ok(Err(_)) | Err(_) => Err(Code::StoreUnavailable.into()),
    }
}
