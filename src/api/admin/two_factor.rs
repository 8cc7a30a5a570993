//! Removes the second factor of a user who has lost it.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    api::{client::client, tag},
    error::Error,
    gate::{Fresh, SiteAdmin},
    jobs::{Job, MailKind},
    state::State,
    store::{
        activity::{Action, Event},
        two_factor_enrolment as enrolment,
        users::User,
    },
};

/// Reset a user's two-factor authentication
///
/// For a user who has lost the authenticator app and the recovery codes: make sure that it is them who asks. Ends all
/// their sessions and sends them an email. They sign in with the first factor alone, and can set it up again.
/// Idempotent.
#[utoipa::path(
    delete,
    path = "/api/admin/users/{id}/two-factor",
    tag = tag::ADMIN,
    params(("id" = Uuid, Path, description = "The user's id")),
    responses((status = 204, description = "The second factor is removed"))
)]
pub async fn reset_two_factor(
    admin: SiteAdmin,
    _: Fresh,
    request: HttpRequest,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<HttpResponse, Error> {
    let now = state.clock.now();
    let id = id.to_string();
    let event = Event::new(Some(&admin.user.id), Action::TwoFactorReset, &id, &json!({}), now)
        .from_client(client(&request));
    let notice = move |user: &User| Job::mail_to(user, MailKind::TwoFactorReset, now);
    enrolment::reset(&state.store, id, event, notice, now).await??;
    state.job_added.notify_one();
    Ok(HttpResponse::NoContent().finish())
}
