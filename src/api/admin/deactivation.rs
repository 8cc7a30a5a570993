//! Deactivates and reactivates users.

use actix_web::{
    HttpRequest,
    web::{Data, Json, Path},
};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use super::AdminUser;
use crate::{
    api::{client::client, json::ValidJson, tag},
    error::Error,
    gate::{Fresh, SiteAdmin},
    state::State,
    store::{
        activity::{Action, Event},
        user_administration,
    },
};

/// Options of a deactivation.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = DeactivateUser, example = json!({"revokeCredentials": false}))]
pub struct Deactivate {
    /// Also end their sessions and revoke their tokens permanently; otherwise what has not expired
    /// works again after reactivation.
    #[serde(default)]
    revoke_credentials: bool,
}

/// Deactivate a user
///
/// All their sessions and tokens stop working with the next request. The site keeps at least one active admin.
/// Idempotent.
#[utoipa::path(
    post, path = "/api/admin/users/{id}/deactivate", tag = tag::ADMIN, params(("id" = Uuid, Path, description = "The user's id")), request_body = Deactivate,
    responses((status = 200, description = "The deactivated user", body = AdminUser)),
)]
pub async fn deactivate_user(
    admin: SiteAdmin,
    _: Fresh,
    request: HttpRequest,
    state: Data<State>,
    id: Path<Uuid>,
    ValidJson(body): ValidJson<Deactivate>,
) -> Result<Json<AdminUser>, Error> {
    let now = state.clock.now();
    let id = id.to_string();
    let detail = json!({ "revokeCredentials": body.revoke_credentials });
    let event = Event::new(Some(&admin.user.id), Action::UserDeactivated, &id, &detail, now)
        .from_client(client(&request));
    let user =
        user_administration::deactivate(&state.store, id, body.revoke_credentials, now, event)
            .await??;
    Ok(Json(user.into()))
}

/// Reactivate a user
///
/// Sessions and tokens that have not expired or been revoked work again. Idempotent.
#[utoipa::path(
    post,
    path = "/api/admin/users/{id}/reactivate",
    tag = tag::ADMIN,
    params(("id" = Uuid, Path, description = "The user's id")),
    responses((status = 200, description = "The active user", body = AdminUser))
)]
pub async fn reactivate_user(
    admin: SiteAdmin,
    _: Fresh,
    request: HttpRequest,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<Json<AdminUser>, Error> {
    let now = state.clock.now();
    let id = id.to_string();
    let event = Event::new(Some(&admin.user.id), Action::UserReactivated, &id, &json!({}), now)
        .from_client(client(&request));
    let user = user_administration::reactivate(&state.store, id, now, event).await??;
    Ok(Json(user.into()))
}
