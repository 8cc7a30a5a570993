//! The queue of background jobs, which run after the response and survive a crash: one variant per kind of this library,
//! and a type for each of a product's own ([`JobKind`]).
//!
//! A handler writes a job in the same transaction as the change that requires it (transactional outbox), and
//! one of the instances runs it soon after. A failed job is retried with exponential backoff for about a day;
//! then it has failed for good (a dead letter), and an admin can see it. A job may run twice (at-least-once
//! delivery: a crash between the work and the record that it is done), so its function must be idempotent or
//! tolerate a repetition.

mod email;
mod failure;
mod kind;
mod mail;

use std::{
    panic::AssertUnwindSafe,
    pin::pin,
    time::{Duration, Instant},
};

use crate::{
    error::Error,
    state::State,
    store::{
        self,
        jobs::{self, Claim, JobRow, NewJob, Outcome},
        shared_clock,
        users::User,
    },
    time::{Span, Timestamp, seconds},
};
use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strum::VariantNames;

pub use email::Email;
pub use failure::Failure;
pub(crate) use kind::payload;
pub use kind::{JobContext, JobKind};
#[doc(hidden)]
pub use kind::{RegisteredKind, Schedule};

use kind::Work;
#[doc(hidden)]
pub use mail::{Mail, MailKind};

/// A kind of job, with its parameters. It is stored in plain text: it must not contain a secret.
#[derive(Debug, Clone, Serialize, Deserialize, VariantNames)]
#[serde(tag = "kind", content = "payload", rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
#[doc(hidden)]
pub enum Job {
    /// Sends an email.
    Mail(Mail),
}

async fn perform(state: &State, row: &JobRow, job: Job) -> Result<(), Failure> {
    match job {
        Job::Mail(letter) => mail::deliver(state, row, letter).await,
    }
}

/// How many jobs one instance runs at the same time.
const CONCURRENCY: usize = 4;
/// How long an attempt may take; longer than the mail server's timeout.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(150);
/// A job that was started this often and never finished crashes the process.
const MAX_STARTS: i32 = 40;
/// How long a job is reserved for the instance that has claimed it; longer than an attempt.
const JOB_LEASE: Span = seconds(5 * 60);
/// How often to poll for jobs without a notification: those of other instances, and retries.
const POLL: Duration = Duration::from_secs(2);

/// The longest delay after a failure.
const MAX_DELAY: Span = seconds(60 * 60);
/// How often to look for jobs that wait longer than the longest delay.
const SHORTEN_INTERVAL: Duration = Duration::from_mins(1);

/// The delay before the next attempt: half a minute, then longer each time, up to an hour; 30 times, which is
/// about a day.
const BACKOFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_secs(30))
    .with_max_delay(Duration::from_hours(1))
    .with_max_times(30);

impl Job {
    /// Returns the row of a job that mails a user about this.
    #[must_use]
    pub fn mail_to(user: &User, about: MailKind, now: Timestamp) -> NewJob {
        Self::from(Mail::new(about, &user.email)).row(Some(&user.id), now)
    }

    /// Returns the row of the job; with a user, it is deleted together with the user.
    #[must_use]
    pub fn row(&self, user_id: Option<&str>, now: Timestamp) -> NewJob {
        let written = serde_json::to_value(self).unwrap_or_default();
        let kind = written["kind"].as_str().unwrap_or_default();
        NewJob::new(kind, written["payload"].to_string(), user_id, now)
    }

    /// Returns the job of a row; `None` if a newer version wrote it.
    fn of(row: &JobRow) -> Option<Self> {
        let payload: Value = serde_json::from_str(&row.payload).ok()?;
        serde_json::from_value(json!({ "kind": row.kind, "payload": payload })).ok()
    }

    /// Returns the recipient of a row's email, if the email is about this.
    #[must_use]
    pub fn mailed_about(about: MailKind, row: &JobRow) -> Option<String> {
        let Some(Self::Mail(mail)) = Self::of(row) else { return None };
        mail.email_about(about)
    }

    /// Adds the job in a transaction of its own, when there is no other change.
    ///
    /// # Errors
    /// As every query: see [`Error`](crate::store::Error).
    pub async fn add(&self, state: &State, user_id: Option<&str>) -> Result<(), Error> {
        jobs::add(&state.store, self.row(user_id, state.clock.now())).await?;
        state.job_added.notify_one();
        Ok(())
    }
}

/// The jobs of a product.
#[derive(Clone, Default)]
#[doc(hidden)]
pub struct Jobs {
    /// Their kinds.
    pub kinds: Vec<RegisteredKind>,
    /// Those that are added periodically.
    pub schedules: Vec<Schedule>,
}

/// Runs jobs, those of this library and those of a product, until the server drains, and then finishes those that have
/// started.
#[doc(hidden)]
pub async fn run(state: &State, Jobs { kinds: all, schedules }: &Jobs) {
    let stop = &state.draining;
    let mut running = FuturesUnordered::new();
    let (mut shortened, mut periodic) = (None::<Instant>, None::<Instant>);
    loop {
        if shortened.is_none_or(|at| at.elapsed() >= SHORTEN_INTERVAL) {
            while_polling(&mut running, shorten_waits(state)).await;
            shortened = Some(Instant::now());
        }
        if !schedules.is_empty() && periodic.is_none_or(|at| at.elapsed() >= POLL) {
            while_polling(&mut running, add_periodic(state, schedules)).await;
            periodic = Some(Instant::now());
        }
        while running.len() < CONCURRENCY && !stop.is_cancelled() {
            // The last place is for the jobs of the library: a product's slow ones must not delay a mail.
            let kinds = if running.len() + 1 < CONCURRENCY { all.as_slice() } else { &[] };
            match while_polling(&mut running, claim(state, kinds)).await {
                Ok(Claim::Taken(row)) => running.push(attempt(state, all, row)),
                Ok(Claim::Contended) => {}
                Ok(Claim::NothingDue) => break,
                Err(fault) => {
                    tracing::warn!(%fault, "due jobs cannot be read");
                    break;
                }
            }
        }
        tokio::select! {
            Some(()) = running.next() => {}
            () = state.job_added.notified() => {}
            () = tokio::time::sleep(POLL) => {}
            () = stop.cancelled() => break,
        }
    }
    let ending = async { while running.next().await.is_some() {} };
    // An interrupted job is retried after its reservation, by any running instance.
    let timeout = Duration::from_secs(state.config.server.shutdown_timeout);
    let _ = tokio::time::timeout(timeout, ending).await;
}

/// Claims a job, by the clock that all instances share.
async fn claim(state: &State, kinds: &[RegisteredKind]) -> Result<Claim, store::Error> {
    let now = shared_clock::now(&state.store, &state.clock).await?;
    let names = Job::VARIANTS.iter().copied().chain(kinds.iter().map(|kind| kind.name));
    jobs::claim(&state.store, names.collect(), JOB_LEASE, now).await
}

/// Adds the periodic jobs that are due, by the clock that all instances share.
async fn add_periodic(state: &State, schedules: &[Schedule]) {
    match shared_clock::now(&state.store, &state.clock).await {
        Ok(now) => {
            for schedule in schedules {
                schedule.add_if_due(state, now).await;
            }
        }
        Err(fault) => tracing::warn!(%fault, "periodic jobs could not be added"),
    }
}

async fn shorten_waits(state: &State) {
    let shortened = async {
        let now = shared_clock::now(&state.store, &state.clock).await?;
        jobs::shorten_waits(&state.store, JOB_LEASE, MAX_DELAY, now).await
    };
    match shortened.await {
        Ok(0) => {}
        Ok(jobs) => tracing::warn!(jobs, "the clock was set back: jobs are due sooner"),
        Err(fault) => tracing::warn!(%fault, "due jobs cannot be read"),
    }
}

/// Runs `work` while the running jobs continue. If they were not polled, they would keep their transactions
/// open, and `work` could wait for a row that one of them has locked.
async fn while_polling<T>(
    running: &mut FuturesUnordered<impl Future<Output = ()>>,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            value = &mut work => return value,
            Some(()) = running.next() => {}
        }
    }
}

/// Makes one attempt at a job, and records its outcome.
async fn attempt(state: &State, kinds: &[RegisteredKind], row: JobRow) {
    let work = async {
        let work = match kinds.iter().find(|kind| kind.name == row.kind) {
            Some(kind) => (kind.prepare)(state, &row),
            None => Job::of(&row).map(|job| Box::pin(perform(state, &row, job)) as Work<'_>),
        };
        match work {
            Some(_) if row.attempts > MAX_STARTS => {
                Err(Failure::Permanent("it never came to an end".to_owned()))
            }
            Some(work) => work.await,
            None => Err(Failure::Unknown),
        }
    };
    let caught = AssertUnwindSafe(work).catch_unwind();
    let result = tokio::time::timeout(ATTEMPT_TIMEOUT, caught).await.map_or_else(
        |_| Err(Failure::Transient("it took too long".to_owned())),
        |caught| caught.unwrap_or_else(|_| Err(Failure::Transient("it panicked".to_owned()))),
    );
    let now = match shared_clock::now(&state.store, &state.clock).await {
        Ok(now) => now,
        Err(fault) => {
            tracing::warn!(job = row.id, %fault, "the outcome of a job could not be recorded: it runs again");
            return;
        }
    };
    let outcome = outcome(result, row.attempts, now);
    // Without the reason: a mail server's reply may contain an email. Admins see it with the job.
    match &outcome {
        Outcome::Done => tracing::info!(job = row.id, kind = row.kind, "a job is done"),
        Outcome::Again(at, _) => {
            tracing::warn!(job = row.id, kind = row.kind, %at, "a job failed and will be retried");
        }
        Outcome::GivenUp(_) => {
            tracing::error!(
                job = row.id,
                kind = row.kind,
                "a job was given up: see /api/admin/jobs"
            );
        }
    }
    let mut recorded = jobs::record_outcome(&state.store, &row, outcome.clone(), now).await;
    if matches!(recorded, Err(store::Error::Unavailable(_))) {
        // At shutdown the connections that workers have opened end with them, in the middle of a transaction as well. The
        // fencing token makes a repetition harmless.
        recorded = jobs::record_outcome(&state.store, &row, outcome, now).await;
    }
    if let Err(fault) = recorded {
        tracing::warn!(job = row.id, %fault, "the outcome of a job could not be recorded: it runs again");
    }
}

fn outcome(result: Result<(), Failure>, attempts: i32, now: Timestamp) -> Outcome {
    match result {
        Ok(()) => Outcome::Done,
        Err(Failure::Permanent(reason)) => Outcome::GivenUp(reason),
        Err(Failure::Unknown) => {
            Outcome::Again(now + JOB_LEASE, "a newer version must do this".to_owned())
        }
        Err(Failure::Transient(reason)) => {
            let before = usize::try_from(attempts - 1).unwrap_or_default();
            let delay = BACKOFF.build().nth(before).map(|delay| delay.as_secs().try_into());
            match delay {
                Some(delay) => Outcome::Again(now + seconds(delay.unwrap_or(u32::MAX)), reason),
                None => Outcome::GivenUp(reason),
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use crate::time::days;

    #[test]
    fn failed_job_retry_delays_grow_and_end_after_a_day() {
        let start = Timestamp::from_micros(0);
        let (mut now, mut delays) = (start, Vec::new());
        for attempt in 1.. {
            match outcome(Err(Failure::Transient("no".into())), attempt, now) {
                Outcome::Again(at, _) => {
                    delays.push(at.micros() - now.micros());
                    now = at;
                }
                Outcome::GivenUp(_) => break,
                Outcome::Done => panic!("it was not"),
            }
        }
        assert_eq!(delays.len(), 30);
        assert_eq!(delays[0], 30_000_000);
        assert_eq!(start + MAX_DELAY, Timestamp::from_micros(delays[29]));
        assert!(delays.is_sorted() && delays[29] == 3_600_000_000, "{delays:?}");
        assert!(start + days(1) - seconds(3600) < now && now < start + days(1) + seconds(3600));
    }

    #[test]
    fn permanently_failed_job_is_given_up_at_once() {
        let now = Timestamp::from_micros(0);
        let outcome = outcome(Err(Failure::Permanent("no such address".into())), 1, now);
        assert!(matches!(outcome, Outcome::GivenUp(reason) if reason == "no such address"));
    }

    #[test]
    fn job_lease_is_longer_than_the_attempt_timeout() {
        let now = Timestamp::from_micros(0);
        assert!(now + JOB_LEASE > now + seconds(u32::try_from(ATTEMPT_TIMEOUT.as_secs()).unwrap()));
    }
}
