//! A component of a product: its operations, tables, errors, jobs, subscriptions to events and pages, in one value.

#[cfg(feature = "pages")]
use crate::pages::{Asset, Page};
use crate::{
    error::Code,
    jobs::{JobKind, RegisteredKind, Schedule, payload},
    limits::{CustomLimit, DeclaresLimit},
    operations::Operations,
    scope::{CustomScope, DeclaresScope},
    store::{Tables, UserEvent, UserEventKind, user_events::Subscription},
    time::Span,
};

/// A part of a product: what it adds to the API and to the database. The shipped binary has one, the example `projects`.
///
/// ```
/// use portcullis::component::Component;
///
/// let bell = Component::new("bell").tag("bell", "Rings");
/// ```
#[derive(Clone)]
pub struct Component {
    pub(crate) name: &'static str,
    pub(crate) operations: Vec<Operations>,
    pub(crate) tags: Vec<(&'static str, &'static str)>,
    pub(crate) codes: &'static [Code],
    pub(crate) scopes: Vec<&'static CustomScope>,
    pub(crate) limits: Vec<&'static CustomLimit>,
    pub(crate) tables: Option<Tables>,
    pub(crate) jobs: Vec<RegisteredKind>,
    pub(crate) schedules: Vec<Schedule>,
    pub(crate) subscriptions: Vec<Subscription>,
    #[cfg(feature = "pages")]
    pub(crate) pages: Vec<Page>,
    #[cfg(feature = "pages")]
    pub(crate) assets: Vec<&'static Asset>,
}

impl Component {
    /// Creates a component that adds nothing yet. Its name is for errors of start-up.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            operations: Vec::new(),
            tags: Vec::new(),
            codes: &[],
            scopes: Vec::new(),
            limits: Vec::new(),
            tables: None,
            jobs: Vec::new(),
            schedules: Vec::new(),
            subscriptions: Vec::new(),
            #[cfg(feature = "pages")]
            pages: Vec::new(),
            #[cfg(feature = "pages")]
            assets: Vec::new(),
        }
    }

    /// Adds operations, which [`operations!`](crate::operations!) declares.
    #[must_use]
    pub fn operations(mut self, operations: Operations) -> Self {
        self.operations.push(operations);
        self
    }

    /// Adds a tag by which the OpenAPI document groups operations, with its description.
    #[must_use]
    pub fn tag(mut self, name: &'static str, description: &'static str) -> Self {
        self.tags.push((name, description));
        self
    }

    /// Sets the error codes of its own, for the document and the list of error codes: [`Code::Custom`].
    #[must_use]
    pub fn codes(self, codes: &'static [Code]) -> Self {
        Self { codes, ..self }
    }

    /// Adds a scope of API tokens that its operations need, which [`scope!`](crate::scope!) declares.
    #[must_use]
    pub fn scope<S: DeclaresScope>(mut self) -> Self {
        self.scopes.push(S::SCOPE);
        self
    }

    /// Adds a rate limit of its operations, which [`rate_limit!`](crate::rate_limit!) declares, with its setting.
    #[must_use]
    pub fn rate_limit<L: DeclaresLimit>(mut self) -> Self {
        self.limits.push(L::LIMIT);
        self
    }

    /// Sets its tables: their migrations, and the meanings of their constraints.
    #[must_use]
    pub fn tables(self, tables: Tables) -> Self {
        Self { tables: Some(tables), ..self }
    }

    /// Adds a kind of job.
    #[must_use]
    pub fn job<J: JobKind>(mut self) -> Self {
        self.add_job(RegisteredKind::of::<J>());
        self
    }

    /// Adds a kind of job that is added whenever this happens to a user, in the same transaction. Call it once for
    /// each kind of event that the job is for.
    ///
    /// ```
    /// use portcullis::{
    ///     component::Component,
    ///     jobs::{Failure, JobContext, JobKind},
    ///     store::{UserEvent, UserEventKind},
    /// };
    ///
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Welcome {
    ///     user_id: String,
    /// }
    ///
    /// impl From<UserEvent> for Welcome {
    ///     fn from(event: UserEvent) -> Self {
    ///         Self { user_id: event.user_id }
    ///     }
    /// }
    ///
    /// impl JobKind for Welcome {
    ///     const NAME: &'static str = "welcome";
    ///
    ///     async fn run(self, _: JobContext<'_>) -> Result<(), Failure> {
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let component = Component::new("welcome").on::<Welcome>(UserEventKind::Created);
    /// ```
    #[must_use]
    pub fn on<J: JobKind + From<UserEvent>>(mut self, kind: UserEventKind) -> Self {
        self.add_job(RegisteredKind::of::<J>());
        let payload = |event| payload(&J::from(event));
        self.subscriptions.push(Subscription { kind, job: J::NAME, payload });
        self
    }

    /// Adds a kind of job that is added periodically, once for all instances together: for the first time when the server
    /// starts, and then whenever the period has passed since the last time. Whether it is due is checked every two seconds.
    #[must_use]
    pub fn every<J: JobKind + Default>(mut self, period: Span) -> Self {
        self.add_job(RegisteredKind::of::<J>());
        self.schedules.push(Schedule::of::<J>(period));
        self
    }

    /// Adds a page.
    #[cfg(feature = "pages")]
    #[must_use]
    pub fn page(mut self, page: Page) -> Self {
        self.pages.push(page);
        self
    }

    /// Adds a script, stylesheet, image or font for its pages.
    #[cfg(feature = "pages")]
    #[must_use]
    pub fn asset(mut self, asset: &'static Asset) -> Self {
        self.assets.push(asset);
        self
    }

    fn add_job(&mut self, job: RegisteredKind) {
        if !self.jobs.iter().any(|known| known.job == job.job) {
            self.jobs.push(job);
        }
    }
}
