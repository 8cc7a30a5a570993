//! The kinds of jobs that the components of a product add.

use std::{
    any::{TypeId, type_name},
    pin::Pin,
};

use serde::{Serialize, de::DeserializeOwned};

use super::Failure;
use crate::{
    state::State,
    store::{
        jobs::{self, JobRow, NewJob},
        schedules,
    },
    time::{Span, Timestamp},
};

/// A job of a component: its parameters, and what it does.
///
/// It is stored in clear as JSON: it must not contain a secret. A job may wait for a day while the product is upgraded: add
/// fields with `#[serde(default)]`, and rename none. It may run twice, after a crash between the work and the
/// record that it is done, so it must be idempotent or tolerate a repetition.
///
/// ```
/// use portcullis::jobs::{Failure, JobContext, JobKind};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Ring {
///     times: u32,
/// }
///
/// impl JobKind for Ring {
///     const NAME: &'static str = "ring";
///
///     async fn run(self, job: JobContext<'_>) -> Result<(), Failure> {
///         println!("{} times, attempt {}", self.times, job.attempt);
///         Ok(())
///     }
/// }
/// ```
pub trait JobKind: Serialize + DeserializeOwned + 'static {
    /// The name of the kind, in the database and in the console. It does not change: a job of an unknown kind waits
    /// for a version that knows it.
    const NAME: &'static str;

    /// Does the work.
    ///
    /// # Errors
    /// Why it failed: a [`Failure::Transient`] is retried with increasing delays for about a day, a
    /// [`Failure::Permanent`] is not.
    fn run(self, job: JobContext<'_>) -> impl Future<Output = Result<(), Failure>>;

    /// Returns the row of the job; with a user, it is deleted together with the user.
    #[must_use]
    fn row(&self, user_id: Option<&str>, now: Timestamp) -> NewJob {
        let payload = payload(self);
        NewJob::new(Self::NAME, payload, user_id, now)
    }

    /// Adds the job in a transaction of its own, when there is no other change. Within a transaction, use
    /// [`add_job!`](crate::store::add_job!).
    ///
    /// # Errors
    /// As every query: see [`Error`](crate::store::Error).
    fn add(
        &self,
        state: &State,
        user_id: Option<&str>,
    ) -> impl Future<Output = Result<(), crate::store::Error>> {
        let row = self.row(user_id, state.clock.now());
        async move {
            jobs::add(&state.store, row).await?;
            state.job_added.notify_one();
            Ok(())
        }
    }
}

/// Returns the parameters as JSON.
pub(crate) fn payload<J: JobKind>(job: &J) -> String {
    serde_json::to_string(job).unwrap_or_else(|fault| {
        // Such as a map whose keys are no texts: a mistake in the type, with which no such job can run.
        tracing::error!(job = J::NAME, %fault, "the parameters of a job cannot be written as JSON");
        "null".to_owned()
    })
}

/// What a job runs with.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct JobContext<'a> {
    /// The state that all requests share.
    pub state: &'a State,
    /// The job's id, which stays the same when it is retried.
    pub id: &'a str,
    /// The user with whom the job is deleted, if it belongs to one.
    pub user_id: Option<&'a str>,
    /// The number of this attempt, from 1.
    pub attempt: i32,
}

impl<'a> JobContext<'a> {
    /// Returns the value of a type of the product's own: its settings, or a state that it builds at start-up.
    ///
    /// # Errors
    /// When the product has no value of this type.
    pub fn data<T: Send + Sync + 'static>(&self) -> Result<&'a T, Failure> {
        let missing = || Failure::Transient(format!("the product has no {}", type_name::<T>()));
        self.state.own().ok_or_else(missing)
    }
}

/// An attempt that has not begun.
pub(super) type Work<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>>;

/// A kind of job, without its type.
#[derive(Clone, Copy)]
pub struct RegisteredKind {
    pub(crate) name: &'static str,
    pub(crate) job: TypeId,
    /// Returns an attempt; `None` if a newer version has written parameters that this one does not know.
    pub(super) prepare: for<'a> fn(&'a State, &'a JobRow) -> Option<Work<'a>>,
}

impl RegisteredKind {
    pub(crate) fn of<J: JobKind>() -> Self {
        Self { name: J::NAME, job: TypeId::of::<J>(), prepare: prepare::<J> }
    }
}

/// A job that is added periodically, once for all instances together.
#[derive(Clone, Copy)]
pub struct Schedule {
    pub(crate) name: &'static str,
    period: Span,
    row: fn(Timestamp) -> NewJob,
}

impl Schedule {
    pub(crate) fn of<J: JobKind + Default>(period: Span) -> Self {
        Self { name: J::NAME, period, row: |now| J::default().row(None, now) }
    }

    /// Adds the job if it is due.
    pub(super) async fn add_if_due(&self, state: &State, now: Timestamp) {
        let added =
            schedules::add_if_due(&state.store, self.name, self.period, (self.row)(now), now);
        if let Err(fault) = added.await {
            tracing::warn!(job = self.name, %fault, "a periodic job could not be added");
        }
    }
}

fn prepare<'a, J: JobKind>(state: &'a State, row: &'a JobRow) -> Option<Work<'a>> {
    let job: J = serde_json::from_str(&row.payload).ok()?;
    let user_id = row.user_id.as_deref();
    Some(Box::pin(job.run(JobContext { state, id: &row.id, user_id, attempt: row.attempts })))
}
