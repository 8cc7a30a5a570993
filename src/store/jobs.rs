//! Work to be done after a commit: a queue in the database, so that a crash loses none of it.
//!
//! A row is written in the transaction that makes the work necessary, and deleted when the work is
//! done. Whoever takes a job moves its `run_at` on by a lease: a worker that dies gives it back by
//! doing nothing. A job can therefore run twice, and never not at all.
//!
//! `run_at` is compared with the clock that all instances share (`shared_clock`), so that it does not matter whose own
//! clock is ahead; and where that clock is set back, [`shorten_waits`] keeps a job from waiting for it.
//!
//! Each time a job is taken its `fence` grows by one. The number that a worker was given is its right to say how the
//! job ended: once the lease is over and another worker has taken the job, the number is the other one's, and what
//! the first says is refused. Neither clock nor number of tries can be equal for two of them.

use diesel::{prelude::*, sql_query, sql_types::BigInt};
use diesel_async::RunQueryDsl;
use serde_json::json;

use super::{
    AdminCheckFailed, Error, Store,
    admin_write::admin_write,
    audit_events::{Action, Event},
    list_query,
    page::{Page, Window, load_window, new_id},
    query,
    schema::jobs,
    transaction,
    unreadable::OrEmpty,
};
use crate::time::{Span, Timestamp, seconds};

/// A row of `jobs`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = jobs)]
pub struct JobRow {
    /// Which job.
    pub id: String,
    /// What kind of work.
    #[diesel(deserialize_as = OrEmpty<String, jobs::kind>)]
    pub kind: String,
    /// What it is about, as JSON; no secret.
    #[diesel(deserialize_as = OrEmpty<String, jobs::payload>)]
    pub payload: String,
    /// The user with whom it goes, if it is somebody's.
    pub user_id: Option<String>,
    /// How often it was tried.
    #[diesel(deserialize_as = OrEmpty<i32, jobs::attempts>)]
    pub attempts: i32,
    /// When it is next due.
    pub run_at: Timestamp,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// Since when nobody tries it any more.
    pub given_up_at: Option<Timestamp>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Which taking of it this is, and with that whose.
    #[diesel(deserialize_as = OrEmpty<i64, jobs::fence>)]
    pub fence: i64,
}

impl JobRow {
    /// When it is tried next, for people: a new job has been due for a while, and not since before it was made.
    #[must_use]
    pub fn next_attempt_at(&self) -> Timestamp {
        self.run_at.max(self.created_at)
    }
}

/// By so much the clock of the instance that adds a job may be ahead of the shared one, and the job is due at once.
const HEAD_START: Span = seconds(60 * 60);

/// A row of `jobs` to add.
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

    /// The same, due then.
    #[must_use]
    pub fn due_at(self, run_at: Timestamp) -> Self {
        Self { run_at, ..self }
    }

    /// Which job.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Adds a job that comes with no other change.
///
/// # Errors
/// When the store is unavailable.
pub async fn add(store: &Store, job: NewJob) -> Result<(), Error> {
    transaction!(store, |conn| {
        diesel::insert_into(jobs::table).values(&job).execute(conn).await?;
        Ok(())
    })
}

/// Takes the job of these kinds that has been due for longest, if any is: until the lease is over it is
/// nobody else's. Other kinds are a newer Portcullis's, and wait for it.
///
/// Of two who see the same job one moves it, and the other is told to look again.
///
/// # Errors
/// When the store is unavailable.
pub async fn claim(
    store: &Store,
    kinds: &'static [&'static str],
    lease: Span,
    now: Timestamp,
) -> Result<Claim, Error> {
    let due: Option<(String, i64)> = query!(store, |conn| jobs::table
        .filter(jobs::kind.eq_any(kinds.iter().copied()))
        .filter(jobs::given_up_at.is_null())
        .filter(jobs::run_at.le(now))
        // Not by id as well: the index has no ids, so the database would read a group of jobs to sort it.
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
                jobs::run_at.eq(now + lease),
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

/// What there is to do.
#[derive(Debug)]
pub enum Claim {
    /// This.
    Taken(JobRow),
    /// Somebody else was faster: look again.
    Contended,
    /// Nothing.
    NothingDue,
}

/// How a try ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The work is done.
    Done,
    /// It is to be tried again then, for this reason.
    Again(Timestamp, String),
    /// It will not be tried again, for this reason.
    GivenUp(String),
}

/// Notes how a try ended, unless another worker has taken the job since, which its fence tells.
///
/// # Errors
/// When the store is unavailable; the job is then tried again when its lease is over.
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

/// So many jobs at once wait no longer than they may.
const AT_ONCE: i64 = 1000;

/// Lets no job wait for longer than a lease, if a worker has it, or than the longest wait after a failure: longer
/// waits are of a clock that was ahead, and has been set back since. Returns the number of jobs that are due sooner now.
///
/// # Errors
/// When the store is unavailable.
pub async fn shorten_waits(
    store: &Store,
    lease: Span,
    longest: Span,
    now: Timestamp,
) -> Result<usize, Error> {
    let mut shortened = 0;
    for (leased, wait) in [(true, lease), (false, longest)] {
        let latest = now + wait;
        shortened += transaction!(store, |conn| {
            let too_long = diesel::alias!(jobs as too_long);
            let mut query = too_long
                .filter(too_long.field(jobs::run_at).gt(latest))
                .filter(too_long.field(jobs::given_up_at).is_null())
                .order(too_long.field(jobs::run_at).desc())
                .select(too_long.field(jobs::id))
                .limit(AT_ONCE)
                .into_boxed::<Backend>();
            if leased {
                query = query.filter(too_long.field(jobs::leased));
            }
            diesel::update(jobs::table.filter(jobs::id.eq_any(query)))
                .set(jobs::run_at.eq(latest))
                .execute(conn)
                .await
        })?;
    }
    Ok(shortened)
}

/// A page of jobs, newest first: all of them, or only those given up, or only those that wait.
///
/// # Errors
/// When the store is unavailable.
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

/// The most jobs that are counted: a longer queue is as alarming, and would be read whole at each scrape.
pub const MOST_COUNTED: i64 = 1000;

/// How many jobs are still tried, and how many are not, up to [`MOST_COUNTED`] of each.
///
/// # Errors
/// When the store is unavailable.
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

/// Makes a job due at once, as if it had never been tried, by an admin who is still one.
///
/// # Errors
/// When the store is unavailable.
pub async fn retry(
    store: &Store,
    actor: Option<String>,
    id: String,
    now: Timestamp,
) -> Result<Result<JobRow, AdminCheckFailed>, Error> {
    admin_write!(store, by actor.clone(), |conn| {
        let job: Option<JobRow> = diesel::update(jobs::table.find(&id))
            .set((
                jobs::run_at.eq(now),
                jobs::leased.eq(false),
                // A worker that has it just now has it no longer.
                jobs::fence.eq(jobs::fence + 1),
                jobs::attempts.eq(0),
                jobs::given_up_at.eq(None::<Timestamp>),
            ))
            .returning(JobRow::as_returning())
            .get_result(conn)
            .await
            .optional()?;
        let Some(job) = job else { return Ok(Err(AdminCheckFailed::NotFound)) };
        Ok(Ok((event(actor.as_deref(), Action::JobRetried, &job, now), job)))
    })
}

/// Deletes a job that is not to be done after all, by an admin who is still one.
///
/// # Errors
/// When the store is unavailable.
pub async fn discard(
    store: &Store,
    actor: Option<String>,
    id: String,
    now: Timestamp,
) -> Result<Result<(), AdminCheckFailed>, Error> {
    admin_write!(store, by actor.clone(), |conn| {
        let job: Option<JobRow> = diesel::delete(jobs::table.find(&id))
            .returning(JobRow::as_returning())
            .get_result(conn)
            .await
            .optional()?;
        let Some(job) = job else { return Ok(Err(AdminCheckFailed::NotFound)) };
        Ok(Ok((event(actor.as_deref(), Action::JobDiscarded, &job, now), ())))
    })
}

/// What an admin did to a job.
fn event(actor: Option<&str>, action: Action, job: &JobRow, now: Timestamp) -> Event {
    let subject = job.user_id.as_ref().unwrap_or(&job.id);
    let detail = json!({ "jobId": job.id, "kind": job.kind });
    Event::new(actor, action, subject, &detail, now)
}
