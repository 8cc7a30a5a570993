//! The document as a contract: it must declare the status and the code of every response of an operation that any
//! test receives.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use reqwest::Method;
use serde_json::Value;
use url::Url;

use super::Operation;
use crate::{name, openapi, operations::Operations, product::Product, routes};

/// The OpenAPI document of a product.
#[derive(Debug)]
pub struct Document(Value);

/// The document of the server at each address.
static BY_ADDRESS: LazyLock<Mutex<HashMap<String, Arc<Document>>>> = LazyLock::new(Mutex::default);

/// The document of each product, by its tables of operations. Generating one takes longer than many a test.
static BY_OPERATIONS: LazyLock<Mutex<HashMap<Vec<usize>, Arc<Document>>>> =
    LazyLock::new(Mutex::default);

impl Document {
    /// Returns the document of a product, as the program writes it.
    pub fn of(product: &Product) -> Arc<Self> {
        let tables = product.operations().iter().map(Operations::number).collect();
        let mut known = BY_OPERATIONS.lock().unwrap_or_else(PoisonError::into_inner);
        let document = known.entry(tables).or_insert_with(|| {
            let text = openapi::text(product, &name::get().slug).unwrap();
            Arc::new(Self(serde_json::from_str(&text).unwrap()))
        });
        document.clone()
    }

    /// Returns the document as JSON.
    pub fn json(&self) -> &Value {
        &self.0
    }

    /// Returns every operation.
    pub fn operations(&self) -> Vec<Operation<'_>> {
        Operation::all(&self.0)
    }

    /// Returns the operations that a product's components add to those of this library.
    pub fn own_operations(&self) -> Vec<Operation<'_>> {
        let tables = routes::operations();
        let library: Vec<&str> =
            tables.iter().flat_map(Operations::rows).map(|row| row.id).collect();
        let mut operations = self.operations();
        operations.retain(|operation| !library.contains(&operation.id));
        operations
    }

    /// Notes that this document describes the server at this URL.
    pub(super) fn describe(self: &Arc<Self>, base: &str) {
        let address = base.parse::<Url>().unwrap().authority().to_owned();
        let mut known = BY_ADDRESS.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(address, self.clone());
    }

    /// Returns the document of the server at this URL.
    pub(super) fn describing(url: &Url) -> Arc<Self> {
        let known = BY_ADDRESS.lock().unwrap_or_else(PoisonError::into_inner);
        let document = known.get(url.authority()).cloned();
        document.unwrap_or_else(|| panic!("no Caller was created for {}", url.authority()))
    }

    /// Returns the operation that serves a request: its id, and its responses.
    fn operation(&self, method: &Method, path: &str) -> Option<(&str, &Value)> {
        // An operation with GET also responds to HEAD.
        let method = if *method == Method::HEAD { "get" } else { &method.as_str().to_lowercase() };
        let segments: Vec<&str> = path.split('/').collect();
        let serves = |template: &str| {
            let parts: Vec<&str> = template.split('/').collect();
            let fits = |(part, segment): (&&str, &&str)| {
                if part.starts_with('{') { !segment.is_empty() } else { part == segment }
            };
            parts.len() == segments.len() && parts.iter().zip(&segments).all(fits)
        };
        let paths = self.0["paths"].as_object().unwrap().iter();
        let found = paths.filter(|(template, item)| serves(template) && item.get(method).is_some());
        // /tokens/current takes precedence over /tokens/{id}.
        let (_, item) = found.min_by_key(|(template, _)| template.matches('{').count())?;
        Some((item[method]["operationId"].as_str().unwrap(), &item[method]["responses"]))
    }

    /// Returns what the document does not declare about a response. Paths without an operation declare nothing.
    pub fn undeclared(
        &self,
        method: &Method,
        path: &str,
        status: u16,
        code: Option<&str>,
    ) -> Option<String> {
        let (id, responses) = self.operation(method, path)?;
        // The response to a method that the path does not support.
        if status == 405 {
            return None;
        }
        let Some(response) = responses.get(status.to_string()) else {
            return Some(format!("{id} does not declare {status} {}", code.unwrap_or_default()));
        };
        let code = code?;
        let declared = problems(&self.0, response).iter().any(|problem| problem["code"] == code);
        (!declared).then(|| {
            format!(
                "{id} does not declare {status} {code}: add the code to its row in `operations!`"
            )
        })
    }
}

/// Resolves a reference in a document, if the value is one.
pub fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let Some(reference) = value.get("$ref") else { return value };
    document.pointer(reference.as_str().unwrap().trim_start_matches('#')).unwrap()
}

/// Returns the problems that a response of a document has as examples.
pub fn problems<'a>(document: &'a Value, response: &'a Value) -> Vec<&'a Value> {
    let response = resolve(document, response);
    let examples = response["content"]["application/problem+json"]["examples"].as_object();
    let all = examples.into_iter().flat_map(|examples| examples.values());
    all.map(|example| &resolve(document, example)["value"]).collect()
}
