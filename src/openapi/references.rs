//! The names of generic types in the document.
//!
//! utoipa names `Page<ApiToken>` `Page_ApiToken` and inlines a copy of `ApiToken`. Generated clients would have
//! two types for the same thing, one with an unusual name.

use std::collections::BTreeMap;

use utoipa::openapi::{
    OpenApi, Ref, RefOr, Response, Schema,
    path::Operation,
    schema::{AdditionalProperties, ArrayItems},
};

use crate::routes;

/// Renames `Page_ApiToken` to `ApiTokenPage`, and replaces copies of a type by references.
pub(super) fn restore(document: &mut OpenApi) {
    let Some(components) = &mut document.components else { return };
    let named = std::mem::take(&mut components.schemas);
    let named: BTreeMap<String, RefOr<Schema>> =
        named.into_iter().map(|(name, schema)| (readable(&name), schema)).collect();
    let mut restored = named.clone();
    for schema in restored.values_mut() {
        // Not the type itself: two types with the same content remain separate.
        each_within(schema, &mut |inner| refer(inner, &named));
    }
    components.schemas = restored;
    for item in document.paths.paths.values_mut() {
        for (_, operation) in routes::methods(item) {
            each_of(operation, &mut |schema| refer(schema, &named));
        }
    }
}

/// Returns `ApiTokenPage` for `Page_ApiToken`.
fn readable(name: &str) -> String {
    let (generic, argument) = name.split_once('_').unwrap_or((name, ""));
    argument.to_owned() + generic
}

/// Replaces a schema that is a copy of another type by a reference to that type.
fn refer(schema: &mut RefOr<Schema>, named: &BTreeMap<String, RefOr<Schema>>) {
    match schema {
        RefOr::Ref(reference) => {
            if let Some((folder, name)) = reference.ref_location.rsplit_once('/') {
                reference.ref_location = format!("{folder}/{}", readable(name));
            }
        }
        RefOr::T(_) => {
            if let Some((name, _)) = named.iter().find(|(_, other)| *other == schema) {
                *schema = RefOr::Ref(Ref::from_schema_name(name));
            }
        }
    }
}

/// Visits each schema of an operation, from the outermost to the innermost.
fn each_of(operation: &mut Operation, act: &mut impl FnMut(&mut RefOr<Schema>)) {
    let sent = operation.request_body.iter_mut().flat_map(|body| match body {
        RefOr::T(body) => body.content.values_mut().collect(),
        RefOr::Ref(_) => Vec::new(),
    });
    let answered = operation.responses.responses.values_mut().flat_map(|response| match response {
        RefOr::T(Response { content, .. }) => content.values_mut().collect(),
        RefOr::Ref(_) => Vec::new(),
    });
    for content in sent.chain(answered) {
        if let RefOr::T(content) = content
            && let Some(schema) = &mut content.schema
        {
            each(schema, act);
        }
    }
}

/// Visits a schema and each schema within it.
fn each(schema: &mut RefOr<Schema>, act: &mut impl FnMut(&mut RefOr<Schema>)) {
    act(schema);
    each_within(schema, act);
}

fn each_within(schema: &mut RefOr<Schema>, act: &mut impl FnMut(&mut RefOr<Schema>)) {
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Array(array) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                each(items, act);
            }
        }
        Schema::Object(object) => {
            object.properties.values_mut().for_each(|property| each(property, act));
            if let Some(AdditionalProperties::RefOr(value)) =
                object.additional_properties.as_deref_mut()
            {
                each(value, act);
            }
        }
        Schema::OneOf(some) => some.items.iter_mut().for_each(|item| each(item, act)),
        Schema::AllOf(all) => all.items.iter_mut().for_each(|item| each(item, act)),
        Schema::AnyOf(any) => any.items.iter_mut().for_each(|item| each(item, act)),
        _ => {}
    }
}
