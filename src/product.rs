//! A product: this library under a name of its own, with the components that it adds.

mod checks;
#[cfg(feature = "pages")]
mod pages;
mod values;

use std::{marker::PhantomData, sync::Arc};

use clap::Args;
use utoipa::openapi::OpenApi;

use crate::{
    app::StartError,
    cli::{self, OwnCommand, ProductMatches, SettingsType, product_limits},
    component::Component,
    config::Rate,
    error::Code,
    jobs::Jobs,
    limits::{CustomLimit, Limit},
    name,
    operations::{Operation, Operations},
    routes,
    scope::{CustomScope, GrantableScope},
    state::State,
    store::{self, Tables},
};

pub use values::StartContext;
pub(crate) use values::{OwnValue, OwnValues};

use values::{BuildState, StateBuilder};

/// A product. `main` builds it and runs its command line.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use portcullis::product::Product;
///
/// fn main() -> ExitCode {
///     Product::new("Ledger", env!("CARGO_PKG_VERSION")).run()
/// }
/// ```
#[derive(Clone)]
pub struct Product {
    pub(crate) title: &'static str,
    pub(crate) version: &'static str,
    pub(crate) about: &'static str,
    pub(crate) license: Option<&'static str>,
    components: Vec<Component>,
    pub(crate) settings: Vec<SettingsType>,
    pub(crate) commands: Vec<OwnCommand>,
    states: Vec<Arc<dyn BuildState>>,
}

/// Why the parts of a product do not fit together. It is found at start-up, by every command.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ProductError(String);

impl Product {
    /// Creates a product with this name and version, which offers what this library offers.
    ///
    /// From the name follow those of the binary's settings (`LEDGER_SECRET`), cookies, metrics and database file, and the
    /// default of the site's name, in titles and emails.
    #[must_use]
    pub fn new(title: &'static str, version: &'static str) -> Self {
        // Before the settings are read, whose names contain it. `check` reports a failure.
        let _ = name::set(title);
        Self {
            title,
            version,
            about: "A server that is built on Portcullis",
            license: None,
            components: Vec::new(),
            settings: Vec::new(),
            commands: Vec::new(),
            states: Vec::new(),
        }
    }

    /// Sets what `--help` says about it, in a sentence.
    #[must_use]
    pub fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }

    /// Sets the licence of its API, as an SPDX expression, for the OpenAPI document.
    #[must_use]
    pub fn license(self, license: &'static str) -> Self {
        Self { license: Some(license), ..self }
    }

    /// Adds a component.
    #[must_use]
    pub fn with(mut self, component: Component) -> Self {
        self.components.push(component);
        self
    }

    /// Adds settings of its own: flags, environment variables that begin with the product's name, and a section of
    /// `--help`. Handlers have them as `Data<S>`, and jobs with [`JobContext::data`](crate::jobs::JobContext::data).
    ///
    /// Each field is a flag, `#[arg(long)]`. The variable follows from it, unless `env` declares another: `--currency` is
    /// `LEDGER_CURRENCY`. A misspelled variable is an error, as for those of this library. A setting that is required,
    /// because its type is not an `Option` and it has no default, is so for the server alone.
    ///
    /// ```
    /// use portcullis::product::Product;
    ///
    /// #[derive(clap::Args)]
    /// struct LedgerSettings {
    ///     /// The currency of all accounts
    ///     #[arg(long, value_name = "CODE")]
    ///     currency: String,
    /// }
    ///
    /// let product = Product::new("Ledger", "1.0.0").settings::<LedgerSettings>();
    /// ```
    #[must_use]
    pub fn settings<S: Args + Send + Sync + 'static>(mut self) -> Self {
        let settings = SettingsType::of::<S>();
        if !self.settings.iter().any(|known| known.id == settings.id) {
            self.settings.push(settings);
        }
        self
    }

    /// Adds a value that is built once, when the server starts, from settings, which it adds as [`Self::settings`] does.
    /// Handlers have it as `Data<T>`, and jobs with [`JobContext::data`](crate::jobs::JobContext::data).
    ///
    /// The server does not start if it cannot be built: it ends with the error, in one line.
    ///
    /// ```
    /// use portcullis::product::{Product, StartContext};
    ///
    /// #[derive(clap::Args)]
    /// struct LedgerSettings {
    ///     /// The file of exchange rates
    ///     #[arg(long, value_name = "FILE")]
    ///     rates: std::path::PathBuf,
    /// }
    ///
    /// struct Rates(String);
    ///
    /// let product = Product::new("Ledger", "1.0.0")
    ///     .state(async |start: StartContext<'_, LedgerSettings>| {
    ///         Ok(Rates(std::fs::read_to_string(&start.settings.rates)?))
    ///     });
    /// ```
    #[must_use]
    pub fn state<S, T, F>(self, build: F) -> Self
    where
        S: Args + Send + Sync + 'static,
        T: Send + Sync + 'static,
        F: AsyncFn(StartContext<'_, S>) -> Result<T, cli::Failure> + Send + Sync + 'static,
    {
        let mut product = self.settings::<S>();
        product.states.push(Arc::new(StateBuilder { build, types: PhantomData }));
        product
    }

    /// Adds a command beside those of this library. The function runs it, and returns what it prints.
    ///
    /// ```
    /// use portcullis::product::Product;
    ///
    /// let currencies = clap::Command::new("currencies").about("List the currencies");
    /// let product = Product::new("Ledger", "1.0.0").with_command(currencies, |_| Ok("EUR".to_owned()));
    /// ```
    #[must_use]
    pub fn with_command(
        mut self,
        command: clap::Command,
        run: fn(&clap::ArgMatches) -> Result<String, cli::Failure>,
    ) -> Self {
        self.commands.push(OwnCommand { command, run });
        self
    }

    /// Returns every operation, this library's first.
    #[must_use]
    pub fn rows(&self) -> Vec<Operation> {
        self.operations().iter().flat_map(Operations::rows).collect()
    }

    /// Returns the tags that its components add to the document.
    pub(crate) fn tags(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.components.iter().flat_map(|component| component.tags.clone())
    }

    /// Returns every error code, this library's first.
    pub(crate) fn codes(&self) -> Vec<Code> {
        let own = self.components.iter().flat_map(|component| component.codes);
        Code::VARIANTS.iter().chain(own).copied().collect()
    }

    /// Returns the scopes that its components add.
    pub(crate) fn custom_scopes(&self) -> impl Iterator<Item = &'static CustomScope> {
        self.components.iter().flat_map(|component| component.scopes.iter().copied())
    }

    /// Returns every scope that a token can have, this library's first.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = GrantableScope> {
        GrantableScope::with(self.custom_scopes())
    }

    /// Returns every part of the schema, this library's first.
    #[must_use]
    pub fn tables(&self) -> Vec<Tables> {
        let own = self.components.iter().filter_map(|component| component.tables);
        std::iter::once(store::TABLES).chain(own).collect()
    }

    /// Returns the jobs that its components add.
    pub(crate) fn jobs(&self) -> Jobs {
        let components = || self.components.iter();
        Jobs {
            kinds: components().flat_map(|component| component.jobs.clone()).collect(),
            schedules: components().flat_map(|component| component.schedules.clone()).collect(),
        }
    }

    /// Returns the document that utoipa generates from the handlers, without the access rules.
    pub(crate) fn documented(&self) -> OpenApi {
        let mut documents = self.operations().into_iter().map(|part| part.documented());
        let mut whole = documents.next().unwrap_or_default();
        documents.for_each(|document| whole.merge(document));
        whole
    }

    /// Returns the tables of operations, this library's first.
    pub(crate) fn operations(&self) -> Vec<Operations> {
        let own = self.components.iter().flat_map(|component| component.operations.clone());
        routes::operations().into_iter().chain(own).collect()
    }

    /// Returns the rate limits that its components add.
    pub(crate) fn custom_limits(&self) -> impl Iterator<Item = &'static CustomLimit> {
        self.components.iter().flat_map(|component| component.limits.iter().copied())
    }

    /// Adds its own settings to a command line.
    pub(crate) fn add_settings(&self, command: clap::Command) -> clap::Command {
        let command = self.settings.iter().fold(command, |command, own| own.add_to(command));
        self.custom_limits().fold(command, product_limits::add_to)
    }

    /// Reads the rates of its own limits.
    pub(crate) fn read_limits(
        &self,
        matches: &ProductMatches,
    ) -> Result<Vec<(Limit, Rate)>, StartError> {
        let rates = self.custom_limits().map(|limit| product_limits::read(matches, limit));
        rates.collect::<Result<_, _>>().map_err(StartError::Settings)
    }

    /// Reads its own settings.
    pub(crate) fn read_settings(&self, matches: &ProductMatches) -> Result<OwnValues, StartError> {
        let mut values = OwnValues::default();
        for settings in &self.settings {
            values.insert(settings.read(matches).map_err(StartError::Settings)?);
        }
        Ok(values)
    }

    /// Builds its states, in the order in which they were added, and makes them and the settings available.
    pub(crate) async fn build_states(
        &self,
        mut values: OwnValues,
        state: &State,
    ) -> Result<(), StartError> {
        for builder in &self.states {
            let built = builder.build(&values, state).await.map_err(StartError::State)?;
            values.insert(built);
        }
        let _ = state.own.set(values);
        Ok(())
    }
}
