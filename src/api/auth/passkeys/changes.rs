//! Lists, renames and removes passkeys.

use actix_web::{
    HttpRequest,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use validator::Validate;

use super::Passkey;
use crate::{
    api::{
        auth::{DONE, StatusResponse, usable_methods},
        client::client,
        json::ProtocolJson,
        tag,
    },
    error::{Code, Error},
    fields,
    gate::{ByCookie, Fresh, Session},
    jobs::{Job, MailKind},
    state::State,
    store::{
        activity::{Action, Event},
        passkey_changes::{self, NotRemoved},
        passkeys,
    },
};

/// List your passkeys
///
/// Oldest first: at most fifty.
#[utoipa::path(
    get, path = "/api/auth/passkey/list-user-passkeys", tag = tag::AUTH,
    responses((status = 200, description = "Your passkeys", body = Vec<Passkey>)),
)]
pub async fn list_passkeys(
    session: Session,
    _: ByCookie,
    state: Data<State>,
) -> Result<Json<Vec<Passkey>>, Error> {
    let rows = passkeys::list(&state.store, session.user.id.clone()).await?;
    Ok(Json(rows.into_iter().map(Passkey::from).collect()))
}

/// The new name of a passkey.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"id": "019ab2c4-7d11-7d6f-a0c4-8b2e5f7a9d13", "name": "My laptop"}))]
pub struct UpdatePasskey {
    /// Its id.
    #[validate(custom(function = "fields::id"))]
    #[schema(format = Uuid)]
    id: String,
    /// The name.
    #[validate(custom(function = "fields::name"))]
    name: String,
}

/// The passkey is renamed.
#[derive(Serialize, ToSchema)]
pub struct PasskeyUpdated {
    /// The passkey.
    passkey: Passkey,
}

/// Rename a passkey
#[utoipa::path(
    post, path = "/api/auth/passkey/update-passkey", tag = tag::AUTH, request_body = UpdatePasskey,
    responses((status = 200, description = "Renamed", body = PasskeyUpdated)),
)]
pub async fn update_passkey(
    session: Session,
    _: ByCookie,
    _: Fresh,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<UpdatePasskey>,
) -> Result<Json<PasskeyUpdated>, Error> {
    let user_id = session.user.id.clone();
    let name = body.name.trim().to_owned();
    let now = state.clock.now();
    let event = Event::of_user(&user_id, Action::PasskeyRenamed, &client(&request), now)
        .with_detail(json!({ "passkeyId": body.id, "name": name }));
    let renamed = passkeys::rename(&state.store, user_id, body.id, name, event).await?;
    let passkey = renamed.ok_or(Code::PasskeyNotFound)?.into();
    Ok(Json(PasskeyUpdated { passkey }))
}

/// The passkey to remove.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"id": "019ab2c4-7d11-7d6f-a0c4-8b2e5f7a9d13"}))]
pub struct DeletePasskey {
    /// Its id.
    #[validate(custom(function = "fields::id"))]
    #[schema(format = Uuid)]
    id: String,
}

/// Remove a passkey
///
/// Sends an email. The last sign-in method is not removed, unless emails are sent: a link by email always signs in.
/// Sessions that it began go on.
#[utoipa::path(
    post, path = "/api/auth/passkey/delete-passkey", tag = tag::AUTH, request_body = DeletePasskey,
    responses((status = 200, description = "Removed", body = StatusResponse)),
)]
pub async fn delete_passkey(
    session: Session,
    _: ByCookie,
    _: Fresh,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<DeletePasskey>,
) -> Result<Json<StatusResponse>, Error> {
    let user = &session.user;
    let now = state.clock.now();
    let notice = Job::mail_to(user, MailKind::PasskeyRemoved, now);
    let event = Event::of_user(&user.id, Action::PasskeyRemoved, &client(&request), now);
    let usable = usable_methods(&state);
    let removed =
        passkey_changes::remove(&state.store, user.id.clone(), body.id, usable, notice, event)
            .await?;
    removed.map_err(|reason| match reason {
        NotRemoved::NotFound => Code::PasskeyNotFound,
        NotRemoved::LastMethod => Code::LastSignInMethod,
    })?;
    state.job_added.notify_one();
    Ok(Json(DONE))
}
