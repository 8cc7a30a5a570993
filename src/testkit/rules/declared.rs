//! The access of each operation as a short text, to be committed and reviewed.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{
    gate::Access,
    product::Product,
    scope::Scope,
    testkit::{Document, Operation},
};

/// Returns a line for each operation and page that a product's components add: its method, its path, and the credentials
/// that it accepts, with the roles and scopes that each needs.
///
/// A test compares it with a committed file, so that a change of an argument that opens an operation is a changed line in
/// the review. What is derived from a mistake agrees with the mistake: only a reviewer can tell that an operation which
/// accepts tokens should not.
pub fn access_table(product: &Product) -> String {
    let fresh: Vec<&str> =
        product.rows().iter().filter(|row| row.access.fresh).map(|row| row.id).collect();
    let document = Document::of(product);
    let mut operations = document.own_operations();
    operations.sort_by_key(|operation| (operation.path, operation.method.to_string()));
    let mut table = String::new();
    for operation in operations {
        let mut accepted = accepted(&operation);
        if fresh.contains(&operation.id) {
            accepted.push_str(", after recent authentication");
        }
        let _ = writeln!(table, "{:<6} {}: {accepted}", operation.method.as_str(), operation.path);
    }
    let mut pages: Vec<_> = product.own_pages().collect();
    pages.sort_by_key(|page| page.path);
    for page in pages {
        let _ = writeln!(table, "PAGE   {}: {}", page.path, of_page(page.access));
    }
    table
}

/// Returns the same for a page, which is in no document.
fn of_page(access: Access) -> String {
    let mut accepted = Vec::new();
    if !access.required {
        accepted.push("anyone".to_owned());
    }
    if access.cookie {
        accepted.push(if access.admin { "cookie (admin)" } else { "cookie" }.to_owned());
    }
    if access.token {
        accepted.push(format!("token ({})", access.needs(Scope::Read).names().join(", ")));
    }
    accepted.join(", ")
}

fn accepted(operation: &Operation<'_>) -> String {
    if operation.security().is_empty() {
        return "anyone".to_owned();
    }
    let requirement = |one: &Value| {
        let Some((scheme, needed)) = one.as_object().unwrap().iter().next() else {
            return "anyone".to_owned();
        };
        let scheme = if scheme == "bearer" { "token" } else { scheme };
        let needed: Vec<&str> =
            needed.as_array().unwrap().iter().filter_map(Value::as_str).collect();
        if needed.is_empty() {
            scheme.to_owned()
        } else {
            format!("{scheme} ({})", needed.join(", "))
        }
    };
    operation.security().iter().map(requirement).collect::<Vec<_>>().join(", ")
}
