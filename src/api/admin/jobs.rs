//! Jobs that are pending or have failed for good (dead letters): mostly emails.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Json, Path},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use validator::Validate;

use crate::{
    api::{
        client::client,
        json::object,
        page::{Page, default_limit, window},
        query::ValidQuery,
        tag,
    },
    error::Error,
    gate::{Fresh, SiteAdmin},
    scope::read_by_name,
    state::State,
    store::{
        jobs::{self, JobRow},
        page::Cursor,
    },
    time::Timestamp,
};

/// A job that has not been completed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Job, example = json!({
    "id": "019ab310-0c94-7e3b-8a5d-1f7c9e2b6d40",
    "kind": "mail",
    "payload": {"about": "reset-password", "email": "ada@example.com"},
    "userId": "019ab2c4-7d10-7a4e-9c3b-2f6e8d0a1b5c",
    "attempts": 2,
    "lastError": "the mail server did not answer within 60 seconds",
    "nextAttemptAt": "2026-11-24T09:34:00.000Z",
    "givenUpAt": null,
    "createdAt": "2026-11-24T09:30:00.000Z",
}))]
pub struct JobView {
    /// A UUID.
    #[schema(format = Uuid)]
    id: String,
    /// The kind of job.
    kind: String,
    /// What it is about.
    #[schema(value_type = Object)]
    payload: Value,
    /// The user whom it concerns; null where that is unknown.
    #[schema(required, format = Uuid)]
    user_id: Option<String>,
    /// The number of attempts so far.
    attempts: i32,
    /// Why the last attempt failed; null before the first failure.
    #[schema(required)]
    last_error: Option<String>,
    /// When the next attempt is due; null once the job was given up.
    #[schema(required)]
    next_attempt_at: Option<Timestamp>,
    /// When the job was given up; null while it is still retried.
    #[schema(required)]
    given_up_at: Option<Timestamp>,
    /// When it was created.
    created_at: Timestamp,
}

impl From<JobRow> for JobView {
    fn from(row: JobRow) -> Self {
        let next = row.next_attempt_at();
        Self {
            id: row.id,
            kind: row.kind,
            payload: object(&row.payload),
            user_id: row.user_id,
            attempts: row.attempts,
            last_error: row.last_error,
            next_attempt_at: row.given_up_at.is_none().then_some(next),
            given_up_at: row.given_up_at,
            created_at: row.created_at,
        }
    }
}

/// Whether a job is still retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray, ToSchema)]
#[schema(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum JobState {
    /// It is due, or will be.
    Waiting,
    /// Given up.
    GivenUp,
}

read_by_name!(JobState);

/// Which jobs.
#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// Only those in this state.
    #[param(inline)]
    state: Option<JobState>,
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

/// List jobs
///
/// Emails that are waiting to be sent, and those given up after a day. Sent emails are not listed.
#[utoipa::path(
    get,
    path = "/api/admin/jobs",
    tag = tag::ADMIN,
    params(Listing),
    responses((status = 200, description = "A page of jobs, newest first", body = Page<JobView>))
)]
pub async fn list_jobs(
    _: SiteAdmin,
    state: Data<State>,
    ValidQuery(listing): ValidQuery<Listing>,
) -> Result<Json<Page<JobView>>, Error> {
    let given_up = listing.state.map(|state| state == JobState::GivenUp);
    let window = window(listing.cursor, listing.before, listing.limit)?;
    let page = jobs::list(&state.store, given_up, window).await?;
    Ok(Json(Page::of(page, JobView::from)))
}

/// Try a job again now
#[utoipa::path(
    post,
    path = "/api/admin/jobs/{id}/retry",
    tag = tag::ADMIN,
    params(("id" = Uuid, Path, description = "The job's id")),
    responses((status = 200, description = "The job, due now", body = JobView))
)]
pub async fn retry_job(
    admin: SiteAdmin,
    _: Fresh,
    request: HttpRequest,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<Json<JobView>, Error> {
    let (actor, now) = (Some(admin.user.id.clone()), state.clock.now());
    let job = jobs::retry(&state.store, actor, id.to_string(), client(&request), now).await??;
    state.job_added.notify_one();
    Ok(Json(job.into()))
}

/// Discard a job
///
/// For an email that is not to be sent. One that is being sent at that moment may still arrive.
#[utoipa::path(
    delete,
    path = "/api/admin/jobs/{id}",
    tag = tag::ADMIN,
    params(("id" = Uuid, Path, description = "The job's id")),
    responses((status = 204, description = "The job was discarded"))
)]
pub async fn discard_job(
    admin: SiteAdmin,
    _: Fresh,
    request: HttpRequest,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<HttpResponse, Error> {
    let (actor, now) = (Some(admin.user.id.clone()), state.clock.now());
    jobs::discard(&state.store, actor, id.to_string(), client(&request), now).await??;
    Ok(HttpResponse::NoContent().finish())
}
