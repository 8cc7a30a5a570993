//! The caller's own activity: what concerns their account in the activity log.

use actix_web::web::{Data, Json};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    json::object,
    page::{Page, Paging, window},
    query::ValidQuery,
    tag,
};
use crate::{
    error::Error,
    gate::Session,
    state::State,
    store::activity::{self, Actor, Event, Filter},
    time::Timestamp,
};

/// Who did it, as far as users are told.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ActorView {
    /// You.
    You,
    /// An admin.
    Admin,
    /// The operator of the server.
    Operator,
    /// A client that was not signed in.
    Anonymous,
}

/// Something that changed access to your account, or a sign-in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OwnActivityEvent, example = json!({
    "id": "019ab300-5e27-7182-9f6c-4d0b8a3e7c51",
    "actor": "you",
    "action": "token-created",
    "detail": {"tokenId": "019ab2d9-41c8-7f3a-a6b1-0d8e5c2f9473", "scopes": ["read"]},
    "network": "203.0.113.7",
    "device": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "createdAt": "2026-11-24T09:30:00.000Z",
}))]
pub struct OwnEventView {
    /// A UUID.
    #[schema(format = Uuid)]
    id: String,
    #[schema(inline)]
    actor: ActorView,
    /// What was done.
    action: String,
    /// Details, which depend on the action.
    #[schema(value_type = Object)]
    detail: Value,
    /// The client's network: an IPv4 address, or the /64 of an IPv6 address. Null for admins and the operator, and
    /// if the server does not keep it.
    #[schema(required)]
    network: Option<String>,
    /// The client's `User-Agent`; null as for `network`.
    #[schema(required)]
    device: Option<String>,
    /// When it was done.
    created_at: Timestamp,
}

impl From<Event> for OwnEventView {
    fn from(event: Event) -> Self {
        let event = event.for_its_subject();
        Self {
            actor: match event.actor() {
                Actor::User(id) if id == event.subject_id => ActorView::You,
                Actor::User(_) => ActorView::Admin,
                Actor::Operator => ActorView::Operator,
                Actor::Anonymous => ActorView::Anonymous,
            },
            id: event.id,
            action: event.action,
            detail: object(&event.detail),
            network: event.network,
            device: event.device,
            created_at: event.created_at,
        }
    }
}

/// List your activity
///
/// What changed access to your account, and sign-ins, newest first.
#[utoipa::path(
    get,
    path = "/api/activity",
    tag = tag::ACCOUNT,
    params(Paging),
    responses(
        (status = 200, description = "A page of events, newest first", body = Page<OwnEventView>)
    )
)]
pub async fn list_own_activity(
    session: Session,
    state: Data<State>,
    ValidQuery(paging): ValidQuery<Paging>,
) -> Result<Json<Page<OwnEventView>>, Error> {
    let filter = Filter { subject_id: Some(session.user.id.clone()), ..Filter::default() };
    let window = window(paging.cursor, paging.before, paging.limit)?;
    let page = activity::list(&state.store, filter, window).await?;
    Ok(Json(Page::of(page, OwnEventView::from)))
}
