//! The audit log, for admins.

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
        activity::{self, Event, Filter},
        page::Cursor,
    },
    time::Timestamp,
};

/// Something that an admin or the operator did.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "019ab300-5e27-7182-9f6c-4d0b8a3e7c51",
    "actorId": "019ab000-2b17-7c8d-9e4f-7a1c3d5b6e80",
    "action": "user-deactivated",
    "subjectId": "019ab2c4-7d10-7a4e-9c3b-2f6e8d0a1b5c",
    "detail": {"revokeCredentials": false},
    "createdAt": "2026-11-24T09:30:00.000Z",
}))]
pub struct AuditEvent {
    /// A UUID.
    #[schema(format = Uuid)]
    id: String,
    /// The user who did it; null for the operator at the command line, whose account on that machine is then in
    /// `detail`.
    #[schema(required, format = Uuid)]
    actor_id: Option<String>,
    /// What was done.
    action: String,
    /// The id of the user whom it concerns, or of a job that concerns no user; or `everybody`.
    subject_id: String,
    /// Details, which depend on the action. Of the operator: `osUser`, and `sudoUser` if it was done with
    /// sudo.
    #[schema(value_type = Object)]
    detail: Value,
    /// When it was done.
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
    /// `previousCursor` of the page after, for the page before it. Not together with `cursor`.
    #[param(value_type = Option<String>)]
    before: Option<Cursor>,
    /// The number of items on a page, 1 to 100.
    #[serde(default = "default_limit")]
    #[validate(range(min = 1, max = 100, message = "must be 1 to 100"))]
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: u32,
}

/// List audit events
///
/// What admins and the operator did, newest first.
#[utoipa::path(
    get,
    path = "/api/admin/activity",
    tag = tag::ADMIN,
    params(Listing),
    responses(
        (status = 200, description = "A page of events, newest first", body = Page<AuditEvent>)
    )
)]
pub async fn list_activity(
    _: SiteAdmin,
    state: Data<State>,
    ValidQuery(listing): ValidQuery<Listing>,
) -> Result<Json<Page<AuditEvent>>, Error> {
    let subject = listing.subject_id.map(|id| id.to_string());
    let window = window(listing.cursor, listing.before, listing.limit)?;
    let filter = Filter { subject_id: subject, ..Filter::default() };
    let page = activity::list(&state.store, filter, window).await?;
    Ok(Json(Page::of(page, AuditEvent::from)))
}
