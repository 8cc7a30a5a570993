//! Checks that the parts of a product fit together.

#[cfg(feature = "pages")]
mod pages;

use std::collections::{BTreeMap, BTreeSet};

use strum::VariantNames as _;
use utoipa::{
    ToSchema,
    openapi::{OpenApi, RefOr, Schema},
};

use super::{Product, ProductError};
use crate::{
    cli::{self, product_settings},
    component::Component,
    error::{Code, FieldError, Problem},
    jobs::Job,
    limits::Limit,
    name,
    operations::Operations,
    routes, scope,
    store::{self, user_events},
};

impl Product {
    /// Checks that the parts fit together, and names the process.
    ///
    /// # Errors
    /// When the name does not fit, or two components have an operation, a type, an error code or a migration of the same
    /// name: one of them would be dropped without an error.
    pub fn check(&self) -> Result<(), ProductError> {
        self.check_settings()?;
        self.check_states()?;
        Documents::check(&self.components)?;
        self.check_codes()?;
        self.check_jobs()?;
        self.check_scopes()?;
        self.check_accesses()?;
        #[cfg(feature = "pages")]
        pages::check(self)?;
        store::check_tables(&self.tables()).map_err(ProductError)?;
        let subscriptions = self.components.iter().flat_map(|component| &component.subscriptions);
        user_events::subscribe(subscriptions.copied().collect()).map_err(ProductError)?;
        let scopes: Vec<_> = self.custom_scopes().collect();
        scope::register(&scopes).map_err(ProductError)
    }

    /// Checks what the command line consists of, before it is parsed.
    pub(crate) fn check_settings(&self) -> Result<(), ProductError> {
        name::set(self.title).map_err(ProductError)?;
        self.check_limits()?;
        let mut names: BTreeSet<String> = cli::command_names();
        match self.commands.iter().find(|own| !names.insert(own.command.get_name().to_owned())) {
            Some(own) => Err(ProductError(format!(
                "the product has a command {:?}, which exists already",
                own.command.get_name()
            ))),
            None => Ok(()),
        }
    }

    fn check_limits(&self) -> Result<(), ProductError> {
        let mut names = BTreeSet::new();
        for component in &self.components {
            for limit in &component.limits {
                if !names.insert(limit.name) {
                    return Err(twice(component.name, "a rate limit", limit.name));
                }
            }
        }
        let limits: Vec<_> = self.custom_limits().collect();
        product_settings::check(&self.settings, &limits).map_err(ProductError)
    }

    fn check_states(&self) -> Result<(), ProductError> {
        let mut types: BTreeSet<_> = self.settings.iter().map(|settings| settings.id).collect();
        match self.states.iter().find(|state| !types.insert(state.id())) {
            Some(state) => Err(ProductError(format!(
                "the product has two values of the type {}",
                state.type_name()
            ))),
            None => Ok(()),
        }
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

    fn check_scopes(&self) -> Result<(), ProductError> {
        let mut names = BTreeSet::new();
        for component in &self.components {
            for scope in &component.scopes {
                scope::check_name(scope.name).map_err(ProductError)?;
                if !names.insert(scope.name) {
                    return Err(twice(component.name, "a scope", scope.name));
                }
            }
        }
        Ok(())
    }

    /// Checks that components have the scopes and rate limits that operations and pages declare.
    fn check_accesses(&self) -> Result<(), ProductError> {
        let scopes: Vec<_> = self.custom_scopes().collect();
        let limits: Vec<_> = self.custom_limits().collect();
        let declared = self.rows().into_iter().map(|row| (row.id, row.access));
        #[cfg(feature = "pages")]
        let declared = declared.chain(self.pages());
        for (name, access) in declared {
            if let Some(scope) = access.scopes.custom
                && !scopes.contains(&scope)
            {
                return Err(ProductError(format!(
                    "{name} needs the scope {:?}, which no component has",
                    scope.name
                )));
            }
            if let Some(Limit::Custom(limit)) = access.limit
                && !limits.contains(&limit)
            {
                return Err(ProductError(format!(
                    "{name} has the rate limit {:?}, which no component has",
                    limit.name
                )));
            }
        }
        Ok(())
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

/// What the operations of the components so far have defined.
struct Documents {
    ids: BTreeSet<&'static str>,
    /// Each path with a method.
    paths: Vec<(String, String)>,
    schemas: BTreeMap<String, RefOr<Schema>>,
}

impl Documents {
    /// Checks the operations of this library and of all components.
    fn check(components: &[Component]) -> Result<(), ProductError> {
        let mut documents =
            Self { ids: BTreeSet::new(), paths: Vec::new(), schemas: BTreeMap::new() };
        for operations in routes::operations() {
            documents.add(store::TABLES.component, &operations)?;
        }
        for component in components {
            for operations in &component.operations {
                check_prefix(component.name, &operations.documented())?;
                documents.add(component.name, operations)?;
            }
        }
        Ok(())
    }

    /// Adds the operations of a component's table.
    fn add(&mut self, component: &str, operations: &Operations) -> Result<(), ProductError> {
        let mut declared = self.add_ids(component, operations)?;
        let document = operations.documented();
        let mut new = Vec::new();
        for (path, mut item) in document.paths.paths {
            for (method, operation) in routes::methods(&mut item) {
                let method = routes::actix_method(&method).to_string();
                let clash = |(other, other_method): &&(String, String)| {
                    *other_method == method && overlap(other, &path)
                };
                if let Some((other, _)) = self.paths.iter().find(clash) {
                    return Err(ProductError(format!(
                        "the operation {method} {path} of the component {component} would also serve {other}"
                    )));
                }
                let id = operation.operation_id.take().unwrap_or_default();
                if !declared.remove(id.as_str()) {
                    return Err(ProductError(format!(
                        "the operation {method} {path} of the component {component} is called {id:?}, which is not its function's name"
                    )));
                }
                new.push((path.clone(), method));
            }
        }
        // The table has a row that is not served: two of one path and method, or a method other than GET, PUT, POST,
        // DELETE and PATCH.
        if let Some(id) = declared.first() {
            return Err(ProductError(format!(
                "the operation {id} of the component {component} has the path and method of another, or a method that is not served"
            )));
        }
        // Paths within a table may overlap, such as /tokens/current and /tokens/{id}.
        self.paths.append(&mut new);
        let schemas = document.components.unwrap_or_default().schemas;
        schemas.into_iter().try_for_each(|(name, schema)| self.add_schema(component, name, schema))
    }

    /// Adds the names of a table's rows, and returns them.
    fn add_ids(
        &mut self,
        component: &str,
        operations: &Operations,
    ) -> Result<BTreeSet<&'static str>, ProductError> {
        let rows = operations.rows();
        match rows.iter().find(|row| !self.ids.insert(row.id)) {
            Some(row) => Err(twice(component, "an operation", row.id)),
            None => Ok(rows.iter().map(|row| row.id).collect()),
        }
    }

    fn add_schema(
        &mut self,
        component: &str,
        name: String,
        schema: RefOr<Schema>,
    ) -> Result<(), ProductError> {
        // The document adds these itself.
        let reserved = [Problem::name(), FieldError::name(), <Code as ToSchema>::name()];
        // Components share this library's types.
        let is_other = self.schemas.get(&name).is_some_and(|known| *known != schema);
        if is_other || reserved.contains(&name.as_str().into()) {
            return Err(twice(component, "a type", &name));
        }
        self.schemas.insert(name, schema);
        Ok(())
    }
}

/// Checks that the paths of a component are those of an API, and not of the protocol.
fn check_prefix(component: &str, document: &OpenApi) -> Result<(), ProductError> {
    let fits = |path: &&String| path.starts_with("/api/") && !path.starts_with("/api/auth/");
    match document.paths.paths.keys().find(|path| !fits(path)) {
        Some(path) => Err(ProductError(format!(
            "the path {path} of the component {component} must begin with /api/, and not with /api/auth/"
        ))),
        None => Ok(()),
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
