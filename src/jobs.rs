//! Work that is done after the answer, and survives a crash: one variant a kind, one function each.
//!
//! A handler writes a job in the transaction that makes it necessary, and one of the instances does
//! it soon after. What fails is tried again, later each time, for about a day; then it is given up and
//! an admin sees it. A job may run twice (a crash between the work and the note that it is done), so
//! its function must bear that.

mod failure;
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
    },
    time::{Span, Timestamp, seconds},
};
use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strum::VariantNames;

pub use failure::Failure;
pub use mail::{About, Mail};

/// A kind of work, with what it is about. It is stored in clear: no secret belongs here.
#[derive(Debug, Clone, Serialize, Deserialize, VariantNames)]
#[serde(tag = "kind", content = "payload", rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Job {
    /// Write to somebody.
    Mail(Mail),
}

async fn perform(state: &State, row: &JobRow, job: Job) -> Result<(), Failure> {
    match job {
        Job::Mail(letter) => mail::deliver(state, row, letter).await,
    }
}

/// How many jobs one instance does at once.
const AT_ONCE: usize = 4;
/// How long a try may take; longer than a mail server may.
const LONGEST: Duration = Duration::from_secs(150);
/// A job that was begun so often and never came to an end takes the process down with it.
const HOPELESS: i32 = 40;
/// How long a job is nobody else's after it was taken; longer than a try.
const LEASE: Span = seconds(5 * 60);
/// How often to look for jobs that nobody told us of: other instances', and those to be tried again.
const POLL: Duration = Duration::from_secs(2);

/// How long a job waits after a failure at the most.
const LONGEST_WAIT: Span = seconds(60 * 60);
/// How often to look for jobs that wait for longer than they may.
const SHORTEN: Duration = Duration::from_mins(1);

/// When the next try is: after half a minute, then later each time, up to an hour; 30 times, which
/// is about a day.
const BACKOFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_secs(30))
    .with_max_delay(Duration::from_hours(1))
    .with_max_times(30);

impl Job {
    /// The row that asks for it; with a user, it goes when they go.
    #[must_use]
    pub fn row(&self, user_id: Option<&str>, now: Timestamp) -> NewJob {
        let written = serde_json::to_value(self).unwrap_or_default();
        let kind = written["kind"].as_str().unwrap_or_default();
        NewJob::new(kind, written["payload"].to_string(), user_id, now)
    }

    /// The job that a row asks for; none if a newer Portcullis wrote it.
    fn of(row: &JobRow) -> Option<Self> {
        let payload: Value = serde_json::from_str(&row.payload).ok()?;
        serde_json::from_value(json!({ "kind": row.kind, "payload": payload })).ok()
    }

    /// The email to which a row's mail goes, if it is one about this.
    #[must_use]
    pub fn mailed_about(about: About, row: &JobRow) -> Option<String> {
        let Self::Mail(mail) = Self::of(row)?;
        mail.email_about(about)
    }

    /// Asks for it where no other change is made.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn add(&self, state: &State, user_id: Option<&str>) -> Result<(), Error> {
        jobs::add(&state.store, self.row(user_id, state.clock.now())).await?;
        state.job_added.notify_one();
        Ok(())
    }
}

/// Does jobs until the server drains, and then ends those that it has begun.
pub async fn run(state: &State) {
    let stop = &state.draining;
    let mut running = FuturesUnordered::new();
    let mut shortened: Option<Instant> = None;
    loop {
        if shortened.is_none_or(|at| at.elapsed() >= SHORTEN) {
            beside(&mut running, shorten_waits(state)).await;
            shortened = Some(Instant::now());
        }
        while running.len() < AT_ONCE && !stop.is_cancelled() {
            match beside(&mut running, claim(state)).await {
                Ok(Claim::Taken(row)) => running.push(attempt(state, row)),
                Ok(Claim::Contended) => {}
                Ok(Claim::NothingDue) => break,
                Err(fault) => {
                    tracing::warn!(%fault, "jobs cannot be looked for");
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
    // What is cut off here is tried again after its lease, by whoever runs then.
    let timeout = Duration::from_secs(state.config.shutdown_timeout);
    let _ = tokio::time::timeout(timeout, ending).await;
}

/// By the clock that all instances share.
async fn claim(state: &State) -> Result<Claim, store::Error> {
    let now = shared_clock::now(&state.store, &state.clock).await?;
    jobs::claim(&state.store, Job::VARIANTS, LEASE, now).await
}

async fn shorten_waits(state: &State) {
    let shortened = async {
        let now = shared_clock::now(&state.store, &state.clock).await?;
        jobs::shorten_waits(&state.store, LEASE, LONGEST_WAIT, now).await
    };
    match shortened.await {
        Ok(0) => {}
        Ok(jobs) => tracing::warn!(jobs, "jobs are due sooner: the clock was set back"),
        Err(fault) => tracing::warn!(%fault, "jobs cannot be looked for"),
    }
}

/// Waits for this while what was begun goes on. Left alone meanwhile, it would keep its transaction open,
/// and what is waited for here could be the row that it has locked.
async fn beside<T>(
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

/// Tries a job once, and notes how that ended.
async fn attempt(state: &State, row: JobRow) {
    let work = async {
        match Job::of(&row) {
            Some(_) if row.attempts > HOPELESS => {
                Err(Failure::Permanent("it never came to an end".to_owned()))
            }
            Some(job) => perform(state, &row, job).await,
            None => Err(Failure::Unknown),
        }
    };
    let caught = AssertUnwindSafe(work).catch_unwind();
    let result = tokio::time::timeout(LONGEST, caught).await.map_or_else(
        |_| Err(Failure::Transient("it took too long".to_owned())),
        |caught| caught.unwrap_or_else(|_| Err(Failure::Transient("it panicked".to_owned()))),
    );
    let now = match shared_clock::now(&state.store, &state.clock).await {
        Ok(now) => now,
        Err(fault) => {
            tracing::warn!(job = row.id, %fault, "how a job ended could not be noted: it runs again");
            return;
        }
    };
    let outcome = outcome(result, row.attempts, now);
    // Not why: what a mail server says may hold an address. Admins see it with the job.
    match &outcome {
        Outcome::Done => tracing::info!(job = row.id, kind = row.kind, "a job is done"),
        Outcome::Again(at, _) => {
            tracing::warn!(job = row.id, kind = row.kind, %at, "a job failed and is tried again");
        }
        Outcome::GivenUp(_) => {
            tracing::error!(
                job = row.id,
                kind = row.kind,
                "a job was given up: see /api/admin/jobs"
            );
        }
    }
    if let Err(fault) = jobs::record_outcome(&state.store, &row, outcome, now).await {
        tracing::warn!(job = row.id, %fault, "how a job ended could not be noted: it runs again");
    }
}

fn outcome(result: Result<(), Failure>, attempts: i32, now: Timestamp) -> Outcome {
    match result {
        Ok(()) => Outcome::Done,
        Err(Failure::Permanent(reason)) => Outcome::GivenUp(reason),
        Err(Failure::Unknown) => {
            Outcome::Again(now + LEASE, "a newer Portcullis must do this".to_owned())
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
    fn a_job_is_tried_for_about_a_day_and_ever_less_often() {
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
        assert_eq!(start + LONGEST_WAIT, Timestamp::from_micros(delays[29]));
        assert!(delays.is_sorted() && delays[29] == 3_600_000_000, "{delays:?}");
        assert!(start + days(1) - seconds(3600) < now && now < start + days(1) + seconds(3600));
    }

    #[test]
    fn what_will_never_work_is_given_up_at_once() {
        let now = Timestamp::from_micros(0);
        let outcome = outcome(Err(Failure::Permanent("no such address".into())), 1, now);
        assert!(matches!(outcome, Outcome::GivenUp(reason) if reason == "no such address"));
    }

    #[test]
    fn a_lease_outlives_a_try() {
        let now = Timestamp::from_micros(0);
        assert!(now + LEASE > now + seconds(u32::try_from(LONGEST.as_secs()).unwrap()));
    }
}
