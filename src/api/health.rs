//! Liveness and readiness probes, for load balancers and supervisors.

use std::time::Duration;

use actix_web::web::{Data, Json};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::tag,
    error::{Code, Error},
    key_check::Agreement,
    state::State,
};

/// The paths of the probes.
pub const PATHS: [&str; 2] = ["/health/live", "/health/ready"];

/// Shorter than the timeout of other requests: a probe needs a quick response.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Why an instance is not ready although everything else works.
const SECRETS_DIFFER: &str = "The signing secret of this instance differs from that of another instance on the same database.";

/// The status.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

const OK: Health = Health { status: "ok" };

/// Check liveness
///
/// Whether the process runs. It does not read the database, since an outage of the database is no reason to restart
/// the server.
#[utoipa::path(
    get,
    path = "/health/live",
    tag = tag::HEALTH,
    responses((status = 200, description = "The process runs", body = Health))
)]
pub async fn live() -> Json<Health> {
    Json(OK)
}

/// Check readiness
///
/// Whether the instance can answer requests. It answers 503 while the database is unavailable, while the server
/// drains before it stops, and while its signing secret differs from that of a running instance.
#[utoipa::path(
    get, path = "/health/ready", tag = tag::HEALTH,
    responses((status = 200, description = "The instance is ready", body = Health)),
)]
pub async fn ready(state: Data<State>) -> Result<Json<Health>, Error> {
    if state.draining.is_cancelled() {
        return Err(Code::StoreUnavailable.because("This server is about to stop."));
    }
    if state.key_check.agreement() == Agreement::Rejected {
        return Err(Code::StoreUnavailable.because(SECRETS_DIFFER));
    }
    match tokio::time::timeout(TIMEOUT, state.store.ping()).await {
        Ok(Ok(())) => Ok(Json(OK)),
        Ok(Err(_)) | Err(_) => Err(Code::StoreUnavailable.into()),
    }
}
