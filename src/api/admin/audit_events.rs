//! The audit log, as admins read it.

use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use validator::Validate;

use crate::{
    api::{
        json::object,
        page::{Page, default_limit, window},
        query::ValidQuery,
        tag,
    },
    error::Error,
    gate::SiteAdmin,
    state::State,
    store::{
        audit_events::{self, Event},
        page::Cursor,
    },
    time::Timestamp,
};

/// Something that an admin or the operator did.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEvent {
    id: String,
    /// The admin; null for the operator at the command line.
    #[schema(required)]
    actor_id: Option<String>,
    /// What was done.
    #[schema(example = "user-deactivated")]
    action: String,
    /// The user whom it concerns; a job that is nobody's; or `everybody`.
    subject_id: String,
    /// The particulars.
    #[schema(value_type = Object)]
    detail: Value,
    created_at: Timestamp,
}

impl From<Event> for AuditEvent {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            actor_id: event.actor_id,
            action: event.action,
            subject_id: event.subject_id,
            detail: object(&event.detail),
            created_at: event.created_at,
        }
    }
}

/// Which events.
#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Listing {
    /// Only those that concern this user.
    subject_id: Option<Uuid>,
    /// `nextCursor` of the page before; without it, the first page.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
    /// How many a page holds, 1 to 100.
    #[serde(default = "default_limit")]
    #[validate(range(min = 1, max = 100, message = "must be 1 to 100"))]
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: u32,
}

/// List audit events
///
/// What admins and the operator did, newest first.
#[utoipa::path(get, path = "/api/admin/audit-events", tag = tag::ADMIN, params(Listing), responses((status = 200, description = "A page of events, newest first", body = Page<AuditEvent>)))]
pub async fn list_audit_events(
    _: SiteAdmin,
    state: Data<State>,
    ValidQuery(listing): ValidQuery<Listing>,
) -> Result<Json<Page<AuditEvent>>, Error> {
    let subject = listing.subject_id.map(|id| id.to_string());
    let window = window(listing.cursor, listing.limit);
    let page = audit_events::list(&state.store, subject, window).await?;
    Ok(Json(Page::of(page, AuditEvent::from)))
}
