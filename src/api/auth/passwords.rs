//! Passwords, entered again or chosen with a link.

use actix_web::web::{Data, Json};
use serde::Deserialize;
use utoipa::ToSchema;
use validator::Validate;

use super::{DONE, Status};
use crate::{
    api::{json::ProtocolJson, tag},
    error::{Code, Error},
    gate::{ByCookie, NotByToken, Session},
    secrets::{LinkSecret, Password, Verdict},
    state::State,
    store::{accounts, sessions},
};

/// Your password, once more.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"password": "correct horse battery staple"}))]
pub struct VerifyPassword {
    #[schema(value_type = String, format = Password)]
    password: Password,
}

/// Enter your password again
///
/// For a day after, this session may do what needs a fresh one: make tokens, act as an admin.
#[utoipa::path(
    post, path = "/api/auth/verify-password", tag = tag::AUTH, request_body = VerifyPassword,
    responses((status = 200, description = "It is your password", body = Status)),
)]
pub async fn verify_password(
    session: Session,
    ByCookie(own): ByCookie,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<VerifyPassword>,
) -> Result<Json<Status>, Error> {
    if body.password.too_long() {
        return Err(Code::InvalidPassword.into());
    }
    let credential = accounts::of_user(&state.store, session.user.id).await?;
    let stored = credential.map(|credential| credential.hash);
    if state.hashing.verify(body.password, stored).await? == Verdict::Wrong {
        return Err(Code::InvalidPassword.into());
    }
    sessions::authenticated_again(&state.store, own.id, state.clock.now()).await?;
    Ok(Json(DONE))
}

/// A password, chosen by whoever holds the link.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"newPassword": "correct horse battery staple", "token": "the part of the link after #token="}))]
pub struct ResetPassword {
    /// 8 to 128 characters, any characters, none of the common ones.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    new_password: Password,
    /// What the link carries.
    token: String,
}

/// Choose a password with a link
///
/// The link works once. Every session of its user ends, and none is begun: sign in next.
#[utoipa::path(
    post, path = "/api/auth/reset-password", tag = tag::AUTH, request_body = ResetPassword,
    responses((status = 200, description = "The password is set", body = Status)),
)]
pub async fn reset_password(
    _: NotByToken,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<ResetPassword>,
) -> Result<Json<Status>, Error> {
    body.new_password.acceptable()?;
    let link = LinkSecret::presented(body.token).hash();
    let hash = state.hashing.hash(body.new_password).await?;
    let now = state.clock.now();
    if accounts::redeem_password_link(&state.store, link, hash, now).await? {
        Ok(Json(DONE))
    } else {
        Err(Code::InvalidLink.into())
    }
}
