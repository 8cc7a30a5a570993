//! Suspends access to an account, with a link in a mail about a change.

use actix_web::{
    HttpRequest,
    web::{Data, Json},
};
use serde::Deserialize;
use utoipa::ToSchema;
use validator::Validate;

use super::{DONE, StatusResponse};
use crate::{
    api::{client::client, json::ProtocolJson, limited, tag},
    error::{Code, Error},
    gate::NotByToken,
    jobs::{Job, MailKind},
    secrets::LinkSecret,
    state::State,
    store::{suspension, users::User},
};

/// The secret of a link.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"token": "the part of the link after token="}))]
pub struct SuspendAccess {
    /// What the link carries.
    #[schema(required)]
    #[serde(default)]
    token: String,
}

/// Suspend access
///
/// For the owner of an account who gets an email about a sign-in or a change that was not theirs. Stops all sessions and
/// tokens of the account with the next request, and mails a link that restores access: by choosing a new password, or
/// where the server uses none, by signing in. The
/// link in the email is valid for 72 hours and grants no access. Repeating the request changes nothing.
#[utoipa::path(
    post, path = "/api/auth/suspend-access", tag = tag::AUTH, request_body = SuspendAccess,
    responses((status = 200, description = "Access is suspended", body = StatusResponse)),
)]
pub async fn suspend_access(
    _: limited::SignIn,
    _: NotByToken,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<SuspendAccess>,
) -> Result<Json<StatusResponse>, Error> {
    let link = LinkSecret::presented(body.token).hash();
    let now = state.clock.now();
    let about = if state.config.accounts.accepts_passwords() {
        MailKind::ResetPassword
    } else {
        MailKind::RestoreAccess
    };
    let mail = move |user: &User| Job::mail_to(user, about, now);
    suspension::suspend(&state.store, link, mail, client(&request), now)
        .await?
        .map_err(Code::from)?;
    state.job_added.notify_one();
    Ok(Json(DONE))
}
