//! The part of the OpenAPI document that a product's components add.

use serde_json::{Map, Value, json};

use super::Document;
use crate::product::Product;

/// Returns the operations of a product's components, and their types, as an OpenAPI document. Without the library's, which
/// change with it.
pub fn own_document(product: &Product) -> String {
    let library = Document::of(&Product::new(product.title, product.version));
    let library = library.json();
    let mut document = Document::of(product).json().clone();
    let mut paths = document["paths"].take();
    for (path, item) in members(&mut paths) {
        members(item).retain(|method, _| library["paths"][path].get(method).is_none());
    }
    members(&mut paths).retain(|_, item| item.as_object().is_some_and(|item| !item.is_empty()));
    let mut schemas = document["components"]["schemas"].take();
    members(&mut schemas).retain(|name, _| library["components"]["schemas"].get(name).is_none());
    let own = json!({ "paths": paths, "components": { "schemas": schemas } });
    serde_json::to_string_pretty(&own).unwrap() + "\n"
}

fn members(value: &mut Value) -> &mut Map<String, Value> {
    value.as_object_mut().unwrap()
}
