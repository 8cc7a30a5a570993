//! A product: this library under a name of its own, with the components that it adds.

use std::collections::{BTreeMap, BTreeSet};

use strum::VariantNames as _;
use utoipa::{ToSchema, openapi::OpenApi};

use crate::{
    component::Component,
    error::{Code, FieldError, Problem},
    jobs::{Job, Jobs},
    name,
    operations::{Operation, Operations},
    routes,
    store::{self, Tables, user_events},
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

    /// Checks that the parts fit together, and names the process.
    ///
    /// # Errors
    /// When the name does not fit, or two components have an operation, a type, an error code or a migration of the same
    /// name: one of them would be dropped without an error.
    pub fn check(&self) -> Result<(), ProductError> {
        name::set(self.title).map_err(ProductError)?;
        self.check_documents()?;
        self.check_codes()?;
        self.check_jobs()?;
        store::check_tables(&self.tables()).map_err(ProductError)?;
        let subscriptions = self.components.iter().flat_map(|component| &component.subscriptions);
        user_events::subscribe(subscriptions.copied().collect()).map_err(ProductError)
    }

    fn check_documents(&self) -> Result<(), ProductError> {
        let mut ids = BTreeSet::new();
        let mut paths: Vec<(String, String)> = Vec::new();
        let mut schemas = BTreeMap::new();
        // The document adds these itself.
        let reserved = [Problem::name(), FieldError::name(), <Code as ToSchema>::name()];
        let parts = self.components.iter().flat_map(|component| {
            component.operations.iter().map(|operations| (component.name, operations))
        });
        let own = routes::operations();
        let library = store::TABLES.component;
        for (index, (part, operations)) in std::iter::once((library, &own)).chain(parts).enumerate()
        {
            let mut declared: BTreeSet<&str> = BTreeSet::new();
            for row in operations.rows() {
                if !ids.insert(row.id) {
                    return Err(twice(part, "an operation", row.id));
                }
                declared.insert(row.id);
            }
            let document = operations.documented();
            let mut new = Vec::new();
            for (path, mut item) in document.paths.paths {
                if index > 0 && (!path.starts_with("/api/") || path.starts_with("/api/auth/")) {
                    return Err(ProductError(format!(
                        "the path {path} of the component {part} must begin with /api/, and not with /api/auth/"
                    )));
                }
                for (method, operation) in routes::methods(&mut item) {
                    let method = routes::actix_method(&method).to_string();
                    let clash = |(other, other_method): &&(String, String)| {
                        *other_method == method && overlap(other, &path)
                    };
                    if let Some((other, _)) = paths.iter().find(clash) {
                        return Err(ProductError(format!(
                            "the operation {method} {path} of the component {part} would also serve {other}"
                        )));
                    }
                    let id = operation.operation_id.take().unwrap_or_default();
                    if !declared.remove(id.as_str()) {
                        return Err(ProductError(format!(
                            "the operation {method} {path} of the component {part} is called {id:?}, which is not its function's name"
                        )));
                    }
                    new.push((path.clone(), method));
                }
            }
            // The table has a row that is not served: two of one path and method, or a method other than GET, PUT, POST,
            // DELETE and PATCH.
            if let Some(id) = declared.first() {
                return Err(ProductError(format!(
                    "the operation {id} of the component {part} has the path and method of another, or a method that is not served"
                )));
            }
            // Paths within a table may overlap, such as /tokens/current and /tokens/{id}.
            paths.append(&mut new);
            for (name, schema) in document.components.unwrap_or_default().schemas {
                // Components share this library's types.
                let is_other = schemas.get(&name).is_some_and(|known| *known != schema);
                if is_other || reserved.contains(&name.as_str().into()) {
                    return Err(twice(part, "a type", &name));
                }
                schemas.insert(name, schema);
            }
        }
        Ok(())
    }

    fn check_codes(&self) -> Result<(), ProductError> {
        let codes = self.codes();
        let mut names = BTreeSet::new();
        for code in &codes {
            if !names.insert(code.constant().to_ascii_uppercase()) {
                return Err(ProductError(format!(
                    "there are two error codes that client libraries would call {}",
                    code.constant()
                )));
            }
            let Code::Custom(own) = code else { continue };
            let fits = |letter: char| matches!(letter, 'a'..='z' | '0'..='9' | '_');
            let is_error = own.status.is_client_error() || own.status.is_server_error();
            if own.name.is_empty() || !own.name.chars().all(fits) || !is_error {
                return Err(ProductError(format!(
                    "the error code {:?} must consist of a-z, 0-9 and _, and have the status of an error",
                    own.name
                )));
            }
        }
        let rows = self.rows();
        let unlisted = rows.iter().flat_map(|row| &row.codes).find(|code| !codes.contains(code));
        match unlisted {
            Some(code) => Err(ProductError(format!(
                "the error code {} is not among the codes of its component",
                code.name()
            ))),
            None => Ok(()),
        }
    }

    fn check_jobs(&self) -> Result<(), ProductError> {
        let mut names: BTreeSet<&str> = Job::VARIANTS.iter().copied().collect();
        let mut schedules = BTreeSet::new();
        for component in &self.components {
            for kind in &component.jobs {
                if !names.insert(kind.name) {
                    return Err(twice(component.name, "a kind of job", kind.name));
                }
            }
            for schedule in &component.schedules {
                if !schedules.insert(schedule.name) {
                    return Err(twice(component.name, "a periodic job", schedule.name));
                }
            }
        }
        Ok(())
    }
}

/// Returns whether a request can match both of two paths, whose placeholders match any segment.
fn overlap(one: &str, other: &str) -> bool {
    let (one, other) = (one.split('/'), other.split('/'));
    let is_placeholder = |segment: &str| segment.starts_with('{');
    one.clone().count() == other.clone().count()
        && one
            .zip(other)
            .all(|(one, other)| one == other || is_placeholder(one) || is_placeholder(other))
}

fn twice(component: &str, kind: &str, name: &str) -> ProductError {
    ProductError(format!("the component {component} has {kind} {name:?}, which exists already"))
}
