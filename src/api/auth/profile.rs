//! Updates the user's own name and picture.

use actix_web::web::{Data, Json};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use validator::Validate;

use super::{DONE, StatusResponse};
use crate::{
    api::{json::ProtocolJson, tag},
    error::{Code, Error},
    fields,
    gate::{ByCookie, Session},
    state::State,
    store::users::{self, Profile},
};

/// The changes. Omitted fields stay as they are.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"name": "Ada Lovelace"}))]
#[expect(clippy::option_option, reason = "absent, null and given are three things")]
pub struct UpdateProfile {
    /// Your name.
    #[validate(custom(function = "fields::name"))]
    name: Option<String>,
    /// The URL of your picture; null for none.
    #[serde(default, deserialize_with = "fields::given")]
    #[schema(value_type = Option<String>)]
    #[validate(custom(function = "fields::image"))]
    image: Option<Option<String>>,
    #[schema(ignore)]
    email: Option<Value>,
    #[schema(ignore)]
    role: Option<Value>,
}

/// Change your name or picture
#[utoipa::path(
    post, path = "/api/auth/update-user", tag = tag::AUTH, request_body = UpdateProfile,
    responses((status = 200, description = "Changed", body = StatusResponse)),
)]
pub async fn update_profile(
    session: Session,
    _: ByCookie,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<UpdateProfile>,
) -> Result<Json<StatusResponse>, Error> {
    if body.email.is_some() {
        return Err(Code::EmailCannotBeUpdated.into());
    }
    not_allowed(body.role.as_ref())?;
    if body.name.is_none() && body.image.is_none() {
        return Err(Code::NoFieldsToUpdate.into());
    }
    let profile = Profile { name: body.name, image: body.image, updated_at: state.clock.now() };
    users::update_profile(&state.store, session.user.id.clone(), profile).await?;
    Ok(Json(DONE))
}

/// Rejects an attempt to set one's own role. Like the protocol, it only rejects values that are truthy in
/// JavaScript, because some clients send the whole user object back.
pub(super) fn not_allowed(role: Option<&Value>) -> Result<(), Error> {
    let truthy = role.is_some_and(|role| match role {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(value) => value.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    });
    if truthy { Err(Code::FieldNotAllowed.into()) } else { Ok(()) }
}
