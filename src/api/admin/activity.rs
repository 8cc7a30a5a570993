//! The activity log, for admins.

use std::str::FromStr;

use actix_web::web::{Data, Json};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
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
    limits::parse_network,
    state::State,
    store::{
        activity::{self, Action, Event, Filter},
        page::Cursor,
    },
    time::Timestamp,
};

/// Something that changed access, or a sign-in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ActivityEvent, example = json!({
    "id": "019ab300-5e27-7182-9f6c-4d0b8a3e7c51",
    "actorId": "019ab000-2b17-7c8d-9e4f-7a1c3d5b6e80",
    "action": "user-deactivated",
    "subjectId": "019ab2c4-7d10-7a4e-9c3b-2f6e8d0a1b5c",
    "detail": {
        "before": {"deactivated": false},
        "after": {"deactivated": true},
        "revokeCredentials": false
    },
    "network": "203.0.113.7",
    "device": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "createdAt": "2026-11-24T09:30:00.000Z",
}))]
pub struct EventView {
    /// A UUID.
    #[schema(format = Uuid)]
    id: String,
    /// The user who did it; null for the operator at the command line, whose account on that machine is then in
    /// `detail`, and for `sign-in-failed` and `token-rejected`.
    #[schema(required, format = Uuid)]
    actor_id: Option<String>,
    /// What was done.
    action: String,
    /// The id of the user whom it concerns, or of a job that concerns no user; `all-users`; or `unknown-user` if
    /// there is no such account.
    subject_id: String,
    /// Details, which depend on the action: `before` and `after` for changes of a user, `count` for `sign-in-failed`
    /// and `token-rejected`. Of the operator: `osUser`, and `sudoUser` if it was done with sudo.
    #[schema(value_type = Object)]
    detail: Value,
    /// The client's network: an IPv4 address, or the /64 of an IPv6 address. Null for the operator, and if the
    /// server does not keep it.
    #[schema(required)]
    network: Option<String>,
    /// The client's `User-Agent`, if the server keeps it.
    #[schema(required)]
    device: Option<String>,
    /// When it was done.
    created_at: Timestamp,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            actor_id: event.actor_id,
            action: event.action,
            subject_id: event.subject_id,
            detail: object(&event.detail),
            network: event.network,
            device: event.device,
            created_at: event.created_at,
        }
    }
}

/// Which events: those that match all of these.
#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Listing {
    /// Only those that this user caused.
    actor_id: Option<Uuid>,
    /// Only those that concern this user.
    subject_id: Option<Uuid>,
    /// Only those of this action.
    #[param(inline)]
    action: Option<Action>,
    /// Only those from this network: an IP address, or the /64 of an IPv6 address.
    #[param(value_type = Option<String>, example = "203.0.113.7")]
    network: Option<Network>,
    /// Only those at this time or later.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Only those before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
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

/// The name of a network, to filter by.
pub struct Network(pub String);

/// The text is neither an IP address nor a network of the log.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("must be an IP address, or the /64 of an IPv6 address")]
pub struct NoNetwork;

impl FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        parse_network(text).map(Self).ok_or(NoNetwork)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// List activity
///
/// Everything that changed access, and sign-ins, newest first. Failed sign-ins and rejected tokens are counted: one
/// event has the count of a minute.
#[utoipa::path(
    get,
    path = "/api/admin/activity",
    tag = tag::ADMIN,
    params(Listing),
    responses(
        (status = 200, description = "A page of events, newest first", body = Page<EventView>)
    )
)]
pub async fn list_activity(
    _: SiteAdmin,
    state: Data<State>,
    ValidQuery(listing): ValidQuery<Listing>,
) -> Result<Json<Page<EventView>>, Error> {
    let filter = Filter {
        actor_id: listing.actor_id.map(|id| id.to_string()),
        subject_id: listing.subject_id.map(|id| id.to_string()),
        action: listing.action,
        network: listing.network.map(|Network(name)| name),
        since: listing.since,
        until: listing.until,
    };
    let window = window(listing.cursor, listing.before, listing.limit)?;
    let page = activity::list(&state.store, filter, window).await?;
    Ok(Json(Page::of(page, EventView::from)))
}
