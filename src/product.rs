//! A product: this library under a name of its own, with the components that it adds.

mod checks;

use utoipa::openapi::OpenApi;

use crate::{
    component::Component,
    error::Code,
    jobs::Jobs,
    name,
    operations::{Operation, Operations},
    routes,
    store::{self, Tables},
};

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

    /// Returns every operation, this library's first.
    #[must_use]
    pub fn rows(&self) -> Vec<Operation> {
        let mut rows = routes::operations().rows();
        rows.extend(self.operations().flat_map(Operations::rows));
        rows
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
        let mut document = routes::operations().documented();
        for operations in self.operations() {
            document.merge(operations.documented());
        }
        document
    }

    fn operations(&self) -> impl Iterator<Item = &Operations> {
        self.components.iter().flat_map(|component| &component.operations)
    }
}
