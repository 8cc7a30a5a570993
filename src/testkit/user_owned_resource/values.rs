//! Values for the fields of a body, from its schema in the document: at the limits, and beyond them.

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{InvalidField, UserOwnedResource};
use crate::testkit::{Document, resolve};

/// The length of a text whose length the document does not limit.
const UNLIMITED: usize = 10_000;

/// The body of an operation on a resource, as the document describes it.
pub(super) struct Body {
    document: std::sync::Arc<Document>,
    schema: Value,
    example: Value,
}

impl Body {
    /// Returns the body of the operation that creates an item (POST), or changes one (PATCH).
    pub fn of<R: UserOwnedResource>(method: &Method) -> Self {
        let document = Document::of(&R::product());
        let is_its = |path: &str| {
            let below = path.strip_prefix(R::PATH);
            below.is_some_and(|below| below.is_empty() || below.starts_with("/{"))
        };
        let mut operations = document.operations();
        operations.retain(|operation| operation.method == *method && is_its(operation.path));
        let operation = operations
            .first()
            .unwrap_or_else(|| panic!("the document has no operation {method} for {}", R::PATH));
        let content = &operation.value["requestBody"]["content"]["application/json"];
        let schema = resolve(document.json(), &content["schema"]).clone();
        let example = content["example"].clone();
        Self { document, schema, example }
    }

    /// Returns the fields that are required, in their order.
    pub fn required(&self) -> Vec<&str> {
        let required = self.schema["required"].as_array();
        required.into_iter().flatten().map(|field| field.as_str().unwrap()).collect()
    }

    /// Returns the fields whose values are texts.
    pub fn texts(&self) -> Vec<String> {
        let is_text = |field: &Field| field.has_type("string") && field.schema["enum"].is_null();
        self.fields().filter(is_text).map(|field| field.name.to_owned()).collect()
    }

    /// Returns the required fields of the example.
    pub fn smallest_example(&self) -> Value {
        let required = self.required();
        let example = self.example.as_object().expect("the body has an example");
        let fields = required.iter().filter_map(|field| example.get_key_value(*field));
        Value::Object(fields.map(|(field, value)| (field.clone(), value.clone())).collect())
    }

    /// Returns bodies with every field, until each value of each field was in one.
    pub fn valid(&self) -> Vec<Value> {
        let fields: Vec<(&str, Vec<Value>)> = self
            .fields()
            .map(|field| (field.name, field.valid()))
            .filter(|(_, values)| !values.is_empty())
            .collect();
        let most = fields.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
        let body = |turn: usize| {
            let value = |values: &[Value]| values[turn % values.len()].clone();
            let fields = fields.iter().map(|(name, values)| ((*name).to_owned(), value(values)));
            Value::Object(fields.collect::<Map<_, _>>())
        };
        (0..most).map(body).collect()
    }

    /// Returns changes of one field each, to each of its values.
    pub fn valid_changes(&self) -> Vec<Value> {
        let changes = self.fields().flat_map(|field| {
            field.valid().into_iter().map(move |value| json!({ (field.name): value }))
        });
        changes.collect()
    }

    /// Returns values that the schema rejects.
    pub fn invalid(&self) -> Vec<InvalidField> {
        let invalid = self.fields().flat_map(|field| {
            // The names live as long as the test, which is as long as the process.
            let name: &'static str = field.name.to_owned().leak();
            field.invalid().into_iter().map(move |value| (name, value, ""))
        });
        invalid.collect()
    }

    fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        let properties = self.schema["properties"].as_object().expect("the body is an object");
        properties.iter().map(|(name, schema)| Field {
            name,
            schema: self.without_null(schema),
            is_nullable: self.allows_null(schema),
            example: &self.example[name],
        })
    }

    fn allows_null(&self, schema: &Value) -> bool {
        let schema = resolve(self.document.json(), schema);
        schema["type"].as_array().is_some_and(|types| types.iter().any(|name| name == "null"))
            || choices(schema).any(|choice| choice["type"] == "null")
    }

    /// Returns the schema of the values that are not null.
    fn without_null<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let schema = resolve(self.document.json(), schema);
        let choice = choices(schema).find(|choice| choice["type"] != "null");
        choice.map_or(schema, |choice| self.without_null(choice))
    }
}

/// Returns the schemas of which a value has one.
fn choices(schema: &Value) -> impl Iterator<Item = &Value> {
    ["oneOf", "anyOf"].into_iter().filter_map(|name| schema[name].as_array()).flatten()
}

struct Field<'a> {
    name: &'a str,
    schema: &'a Value,
    is_nullable: bool,
    example: &'a Value,
}

impl Field<'_> {
    fn has_type(&self, name: &str) -> bool {
        let types = &self.schema["type"];
        types == name || types.as_array().is_some_and(|types| types.iter().any(|of| of == name))
    }

    fn limit(&self, name: &str) -> Option<i64> {
        self.schema[name].as_i64()
    }

    /// The length of a text: its minimum and its maximum.
    fn length(&self) -> (usize, Option<usize>) {
        let limit = |name| self.limit(name).map(|limit| usize::try_from(limit).unwrap());
        (limit("minLength").unwrap_or(0), limit("maxLength"))
    }

    /// Returns valid values: the least and the greatest, every name of an enum, or else the example.
    fn valid(&self) -> Vec<Value> {
        if let Some(names) = self.schema["enum"].as_array() {
            return names.iter().filter(|name| !name.is_null()).cloned().collect();
        }
        if self.has_type("boolean") {
            return vec![json!(true), json!(false)];
        }
        if self.has_type("integer") {
            let (least, greatest) = if self.schema["format"] == "int64" {
                (i64::MIN, i64::MAX)
            } else {
                (i32::MIN.into(), i32::MAX.into())
            };
            let least = self.limit("minimum").unwrap_or(least);
            let greatest = self.limit("maximum").unwrap_or(greatest);
            return vec![json!(least), json!(greatest)];
        }
        match (self.has_type("string"), &self.schema["format"], &self.schema["pattern"]) {
            (true, Value::Null, Value::Null) => {
                let (min, max) = self.length();
                [min, max.unwrap_or(UNLIMITED)].map(|length| json!("a".repeat(length))).into()
            }
            (true, format, _) if format == "date" => {
                vec![json!("0001-01-01"), json!("9999-12-31")]
            }
            _ => Some(self.example)
                .filter(|example| !example.is_null())
                .cloned()
                .into_iter()
                .collect(),
        }
    }

    /// Returns values beyond the limits, and of other types.
    fn invalid(&self) -> Vec<Value> {
        let mut invalid = Vec::new();
        if !self.is_nullable {
            invalid.push(Value::Null);
        }
        if self.has_type("integer") {
            let beyond = [
                self.limit("minimum").map(|least| least - 1),
                self.limit("maximum").map(|greatest| greatest + 1),
            ];
            invalid.extend(beyond.into_iter().flatten().map(Value::from));
            invalid.extend([json!(1.5), json!("1"), json!(u64::MAX)]);
        } else if self.has_type("boolean") {
            invalid.extend([json!("true"), json!(1)]);
        } else if self.has_type("string") {
            invalid.extend([json!(7), json!(true), json!(["a"]), json!({ "a": "a" })]);
            let (min, max) = self.length();
            invalid.extend(max.map(|max| json!("a".repeat(max + 1))));
            invalid.extend((min > 0).then(|| json!("a".repeat(min - 1))));
            if !self.schema["enum"].is_null() {
                invalid.push(json!("no name of this enum"));
            } else if self.schema["format"] == "date" {
                invalid
                    .extend(["2026-02-29", "2026-11-28T00:00:00Z", "today", ""].map(Value::from));
            }
        }
        invalid
    }
}
