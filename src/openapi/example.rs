//! The examples of requests and responses, assembled from those of their types.

use serde_json::{Map, Value};
use utoipa::openapi::{Components, Content, RefOr, path::Operation};

/// The schemas of the document, as JSON.
pub(super) struct Examples(Value);

impl Examples {
    pub fn of(components: &Components) -> Self {
        Self(serde_json::to_value(&components.schemas).unwrap_or_default())
    }

    /// Adds examples to an operation's request and to its successful responses.
    pub fn show(&self, operation: &mut Operation) {
        if let Some(RefOr::T(body)) = &mut operation.request_body {
            body.content.values_mut().for_each(|content| self.add(content));
        }
        for (status, response) in &mut operation.responses.responses {
            if let RefOr::T(response) = response
                && status.starts_with('2')
            {
                response.content.values_mut().for_each(|content| self.add(content));
            }
        }
    }

    fn add(&self, content: &mut RefOr<Content>) {
        let RefOr::T(content) = content else { return };
        let schema = content.schema.as_ref().and_then(|schema| serde_json::to_value(schema).ok());
        content.example = schema.and_then(|schema| self.example(&schema));
    }

    /// Returns a value of this schema. `None` if a required part has no example, which a test reports.
    fn example(&self, schema: &Value) -> Option<Value> {
        let schema = schema.as_object()?;
        let list = |name: &str| schema.get(name).and_then(Value::as_array);
        let first = |name: &str| list(name).and_then(|values| values.first());
        let own = schema.get("example").or_else(|| first("examples")).or_else(|| first("enum"));
        if let Some(own) = own {
            return Some(own.clone());
        }
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            return self.example(self.0.get(name.rsplit('/').next()?)?);
        }
        if let Some(parts) = list("allOf") {
            return parts.iter().try_fold(Value::Object(Map::new()), |whole, part| {
                join(whole, self.example(part)?)
            });
        }
        if let Some(choice) = list("oneOf") {
            // Of a value or null, use the value.
            return self.example(choice.iter().find(|schema| schema["type"] != "null")?);
        }
        if let Some(items) = schema.get("items") {
            return Some(Value::Array(vec![self.example(items)?]));
        }
        let is_required =
            |name: &str| list("required").is_some_and(|all| all.iter().any(|one| one == name));
        let mut values = Map::new();
        for (name, property) in schema.get("properties")?.as_object()? {
            match self.example(property) {
                Some(value) => drop(values.insert(name.clone(), value)),
                None if is_required(name) => return None,
                None => {}
            }
        }
        Some(Value::Object(values))
    }
}

fn join(whole: Value, part: Value) -> Option<Value> {
    let (Value::Object(mut whole), Value::Object(part)) = (whole, part) else { return None };
    whole.extend(part);
    Some(Value::Object(whole))
}
