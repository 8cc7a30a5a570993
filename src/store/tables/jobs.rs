//! A job queue in the database: background work after a commit, which a crash does not lose.
//!
//! A job's row is inserted in the transaction that makes the work necessary (a transactional outbox), and deleted when
//! the work is done. A worker that claims a job moves its `run_at` forward by the claim timeout (a visibility
//! timeout): if the worker dies, the job becomes due again by itself. A job can therefore run twice, and never not
//! at all (at-least-once execution).
//!
//! `run_at` is compared with the clock that all instances share (`shared_clock`), so that it does not matter whose own
//! clock is ahead; if that clock is set back, [`shorten_waits`] keeps jobs from waiting for it.
//!
//! Each claim increments the job's `fence` (a fencing token). A worker may record the outcome only with the number
//! that it was given: once the claim has timed out and another worker has claimed the job, the first worker's number
//! no longer matches, and its outcome is ignored. Neither the time nor the number of attempts would do, as these can
//! be equal for two workers.

use diesel::{prelude::*, sql_query, sql_types::BigInt};
use diesel_async::RunQueryDsl;
use serde_json::json;

use crate::{
    store::{
        AdminCheckFailed, Error, Store,
        engine::{
            page::{Page, Window, load_window, new_id},
            unreadable::OrEmpty,
        },
        list_query, query,
        schema::jobs,
        statements,
        tables::{
            activity::{Action, Client, Event},
            admin_write::admin_write,
        },
        transaction,
    },
    time::{Span, Timestamp, seconds},
};

/// A row of `jobs`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = jobs)]
#[doc(hidden)]
pub struct JobRow {
    /// Its id.
    pub id: String,
    /// The kind of work.
    #[diesel(deserialize_as = OrEmpty<String, jobs::kind>)]
    pub kind: String,
    /// The arguments, as JSON; no secrets.
    #[diesel(deserialize_as = OrEmpty<String, jobs::payload>)]
    pub payload: String,
    /// The user with whom it is deleted, if it belongs to one.
    pub user_id: Option<String>,
    /// The number of attempts so far.
    #[diesel(deserialize_as = OrEmpty<i32, jobs::attempts>)]
    pub attempts: i32,
    /// When it is next due.
    pub run_at: Timestamp,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// Since when it is no longer tried (a dead letter).
    pub given_up_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// The number of the current claim (the fencing token).
    #[diesel(deserialize_as = OrEmpty<i64, jobs::fence>)]
    pub fence: i64,
}

impl JobRow {
    /// When it is tried next, for display: the `run_at` of a new job is earlier than its creation.
    #[must_use]
    pub fn next_attempt_at(&self) -> Timestamp {
        self.run_at.max(self.created_at)
    }
}

/// By how much the clock of the instance that adds a job may be ahead of the shared one, so that the job is still due
/// at once.
const HEAD_START: Span = seconds(60 * 60);

/// A row of `jobs` to insert.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = jobs)]
pub struct NewJob {
    id: String,
    kind: String,
    payload: String,
    user_id: Option<String>,
    attempts: i32,
    run_at: Timestamp,
    created_at: Timestamp,
}

impl NewJob {
    /// A job that is due at once.
    #[must_use]
    pub fn new(kind: &str, payload: String, user_id: Option<&str>, now: Timestamp) -> Self {
        Self {
            id: new_id(),
            kind: kind.to_owned(),
            payload,
            user_id: user_id.map(ToOwned::to_owned),
            attempts: 0,
            run_at: now - HEAD_START,
            created_at: now,
        }
    }

    /// The same job, due at `run_at`.
    #[must_use]
    pub fn due_at(self, run_at: Timestamp) -> Self {
        Self { run_at, ..self }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Within a transaction: adds a job to do once the transaction is committed. Returns early with an error.
#[macro_export]
macro_rules! add_job {
    ($conn:ident, $job:expr) => {{
        let job: $crate::store::jobs::NewJob = $job;
        $crate::store::jobs::AddJob::add_job($conn, &job).await?;
    }};
}

statements! {
    /// What [`add_job!`](crate::add_job!) expands to.
    #[doc(hidden)]
    #[allow(async_fn_in_trait, reason = "its only implementations are here")]
    pub trait AddJob {
        /// Adds a job to do once the transaction is committed.
        async fn add_job(conn, job: &NewJob) -> () {
            diesel::insert_into(jobs::table).values(job).execute(conn).await?;
            Ok(())
        }
    }
}

/// Adds a job that no other change belongs to.
///
/// # Errors
/// As every query: see [`Error`].
#[doc(hidden)]
pub async fn add(store: &Store, job: NewJob) -> Result<(), Error> {
    transaction!(store, |conn| conn.add_job(&job).await)
}

/// Claims the job of these kinds that has been due for longest, if there is one: until the claim times out, no other
/// worker gets it. Jobs of other kinds wait for a version that knows them.
///
/// If two workers see the same job, one claims it, and the other receives [`Claim::Contended`].
///
/// # Errors
/// As every query: see [`Error`].
#[doc(hidden)]
pub async fn claim(
    store: &Store,
    kinds: Vec<&'static str>,
    claim_timeout: Span,
    now: Timestamp,
) -> Result<Claim, Error> {
    let due: Option<(String, i64)> = query!(store, |conn| jobs::table
        .filter(jobs::kind.eq_any(kinds.iter().copied()))
        .filter(jobs::given_up_at.is_null())
        .filter(jobs::run_at.le(now))
        // Not also by id: the index does not contain ids, so the database would read a group of jobs to sort it.
        .order(jobs::run_at)
        .select((jobs::id, jobs::fence))
        .limit(1)
        .get_result(conn)
        .await
        .optional())?;
    let Some((id, fence)) = due else { return Ok(Claim::NothingDue) };
    let claimed: Option<JobRow> =
        transaction!(store, |conn| diesel::update(jobs::table.find(&id))
            .filter(jobs::fence.eq(fence))
            .filter(jobs::given_up_at.is_null())
            .set((
                jobs::run_at.eq(now + claim_timeout),
                jobs::leased.eq(true),
                jobs::fence.eq(jobs::fence + 1),
                jobs::attempts.eq(jobs::attempts + 1),
            ))
            .returning(JobRow::as_returning())
            .get_result(conn)
            .await
            .optional())?;
    Ok(claimed.map_or(Claim::Contended, Claim::Taken))
}

/// The result of looking for a job.
#[derive(Debug)]
#[doc(hidden)]
pub enum Claim {
    /// This job was claimed.
    Taken(JobRow),
    /// Another worker was faster: look again.
    Contended,
    /// No job is due.
    NothingDue,
}

/// The outcome of an attempt.
#[derive(Debug, Clone)]
#[doc(hidden)]
pub enum Outcome {
    /// The work is done.
    Done,
    /// It is to be tried again at this time, for this reason.
    Again(Timestamp, String),
    /// It will not be tried again, for this reason.
    GivenUp(String),
}

/// Records the outcome of an attempt, unless another worker has claimed the job since, which the fencing token shows.
///
/// # Errors
/// As every query: see [`Error`]. The job is then tried again when the claim has timed out.
#[doc(hidden)]
pub async fn record_outcome(
    store: &Store,
    job: &JobRow,
    outcome: Outcome,
    now: Timestamp,
) -> Result<(), Error> {
    let (id, fence) = (job.id.clone(), job.fence);
    transaction!(store, |conn| {
        match &outcome {
            Outcome::Done => {
                diesel::delete(jobs::table.find(&id))
                    .filter(jobs::fence.eq(fence))
                    .execute(conn)
                    .await?
            }
            Outcome::Again(at, reason) => {
                diesel::update(jobs::table.find(&id))
                    .filter(jobs::fence.eq(fence))
                    .set((
                        jobs::run_at.eq(*at),
                        jobs::leased.eq(false),
                        jobs::last_error.eq(reason),
                    ))
                    .execute(conn)
                    .await?
            }
            Outcome::GivenUp(reason) => {
                diesel::update(jobs::table.find(&id))
                    .filter(jobs::fence.eq(fence))
                    .set((
                        jobs::given_up_at.eq(now),
                        jobs::leased.eq(false),
                        jobs::last_error.eq(reason),
                    ))
                    .execute(conn)
                    .await?
            }
        };
        Ok(())
    })
}

/// How many jobs one transaction updates.
const BATCH_SIZE: i64 = 1000;

/// Shortens waits that are longer than the claim timeout for a claimed job, or than the longest delay after a failure
/// for any other: such waits stem from a clock that was ahead, and has been set back since. A job that waits for the time
/// that it was given ([`NewJob::due_at`]) keeps it, until its first attempt. Returns the number of jobs that are now due
/// sooner.
///
/// # Errors
/// As every query: see [`Error`].
#[doc(hidden)]
pub async fn shorten_waits(
    store: &Store,
    claim_timeout: Span,
    longest_delay: Span,
    now: Timestamp,
) -> Result<usize, Error> {
    let mut shortened = 0;
    for (leased, wait) in [(true, claim_timeout), (false, longest_delay)] {
        let latest = now + wait;
        shortened += transaction!(store, |conn| {
            let too_long = diesel::alias!(jobs as too_long);
            let mut query = too_long
                .filter(too_long.field(jobs::run_at).gt(latest))
                .filter(too_long.field(jobs::given_up_at).is_null())
                .order(too_long.field(jobs::run_at).desc())
                .select(too_long.field(jobs::id))
                .limit(BATCH_SIZE)
                .into_boxed::<Backend>();
            query = if leased {
                query.filter(too_long.field(jobs::leased))
            } else {
                let attempted = too_long.field(jobs::attempts).gt(0);
                // An admin's retry resets the attempts.
                let failed = too_long.field(jobs::last_error).is_not_null();
                let at_once = too_long.field(jobs::run_at).le(too_long.field(jobs::created_at));
                query.filter(attempted.or(failed).or(at_once))
            };
            diesel::update(jobs::table.filter(jobs::id.eq_any(query)))
                .set(jobs::run_at.eq(latest))
                .execute(conn)
                .await
        })?;
    }
    Ok(shortened)
}

/// A page of jobs, newest first: all of them, only those given up (dead letters), or only those that wait.
///
/// # Errors
/// As every query: see [`Error`].
#[doc(hidden)]
pub async fn list(
    store: &Store,
    given_up: Option<bool>,
    window: Window,
) -> Result<Page<JobRow>, Error> {
    let wanted = window.clone();
    let rows = list_query!(store, |conn| {
        let mut query = jobs::table.select(JobRow::as_select()).into_boxed::<Backend>();
        query = match given_up {
            Some(true) => query.filter(jobs::given_up_at.is_not_null()),
            Some(false) => query.filter(jobs::given_up_at.is_null()),
            None => query,
        };
        load_window!(conn, query, jobs::id, &wanted)
    })?;
    Ok(window.page(rows, |job| &job.id))
}

/// The most jobs that are counted: a longer queue is just as alarming, and each scrape of the metrics would read all
/// of it.
#[doc(hidden)]
pub const MOST_COUNTED: i64 = 1000;

/// Returns how many jobs are waiting, and how many were given up, up to [`MOST_COUNTED`] of each.
///
/// # Errors
/// As every query: see [`Error`].
#[doc(hidden)]
pub async fn count(store: &Store) -> Result<(i64, i64), Error> {
    let counted = |state: &str| {
        format!(
            "SELECT count(*) AS jobs FROM \
             (SELECT 1 FROM jobs WHERE given_up_at IS {state} LIMIT {MOST_COUNTED}) AS counted"
        )
    };
    let (waiting, given_up) = (counted("NULL"), counted("NOT NULL"));
    list_query!(store, |conn| {
        let waiting: Counted = sql_query(&waiting).get_result(conn).await?;
        let given_up: Counted = sql_query(&given_up).get_result(conn).await?;
        Ok((waiting.jobs, given_up.jobs))
    })
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    jobs: i64,
}

/// Makes a job due at once with its number of attempts reset, for an admin who still is one.
///
/// # Errors
/// As every query: see [`Error`].
#[doc(hidden)]
pub async fn retry(
    store: &Store,
    actor: Option<String>,
    id: String,
    client: Client,
    now: Timestamp,
) -> Result<Result<JobRow, AdminCheckFailed>, Error> {
    admin_write!(store, by actor.clone(), |conn| {
        let job: Option<JobRow> = diesel::update(jobs::table.find(&id))
            .set((
                jobs::run_at.eq(now),
                jobs::leased.eq(false),
                // Cancels the claim of a worker that is running the job.
                jobs::fence.eq(jobs::fence + 1),
                jobs::attempts.eq(0),
                jobs::given_up_at.eq(None::<Timestamp>),
            ))
            .returning(JobRow::as_returning())
            .get_result(conn)
            .await
            .optional()?;
        let Some(job) = job else { return Ok(Err(AdminCheckFailed::NotFound)) };
        Ok(Ok((event(actor.as_deref(), Action::JobRetried, &job, &client, now), job)))
    })
}

/// Deletes a job that is not to be done after all, for an admin who still is one.
///
/// # Errors
/// As every query: see [`Error`].
#[doc(hidden)]
pub async fn discard(
    store: &Store,
    actor: Option<String>,
    id: String,
    client: Client,
    now: Timestamp,
) -> Result<Result<(), AdminCheckFailed>, Error> {
    admin_write!(store, by actor.clone(), |conn| {
        let job: Option<JobRow> = diesel::delete(jobs::table.find(&id))
            .returning(JobRow::as_returning())
            .get_result(conn)
            .await
            .optional()?;
        let Some(job) = job else { return Ok(Err(AdminCheckFailed::NotFound)) };
        Ok(Ok((event(actor.as_deref(), Action::JobDiscarded, &job, &client, now), ())))
    })
}

/// The event for what an admin did to a job.
fn event(
    actor: Option<&str>,
    action: Action,
    job: &JobRow,
    client: &Client,
    now: Timestamp,
) -> Event {
    let subject = job.user_id.as_ref().unwrap_or(&job.id);
    let detail = json!({ "jobId": job.id, "kind": job.kind });
    Event::new(actor, action, subject, &detail, now).from_client(client.clone())
}
