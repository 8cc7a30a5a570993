//! NUL in what clients send. PostgreSQL cannot store it in a text, and SQLite can: here it is rejected for both, so that
//! no field needs a rule against it.

use serde_json::Value;
use url::form_urlencoded;

use super::field_fault::invalid;
use crate::error::FieldError;

const MESSAGE: &str = "must not contain the character NUL";

/// Returns an error for each text with NUL in a body that is JSON.
pub(super) fn in_json(body: &[u8]) -> Vec<FieldError> {
    // NUL has no other form in JSON. Nearly every body ends here, most of them without a backslash.
    let escape = br"\u0000";
    if !body.contains(&b'\\') || !body.windows(escape.len()).any(|part| part == escape) {
        return Vec::new();
    }
    let mut found = Vec::new();
    match serde_json::from_slice(body) {
        Ok(value) => search(&value, String::new(), &mut found),
        // It is nested more deeply than the body's type.
        Err(_) => found.push(fault(String::new())),
    }
    found
}

fn search(value: &Value, path: String, found: &mut Vec<FieldError>) {
    match value {
        Value::String(text) if text.contains('\0') => found.push(fault(path)),
        Value::Array(values) => {
            for (at, value) in values.iter().enumerate() {
                search(value, format!("{path}[{at}]"), found);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.contains('\0'), path.is_empty()) {
                    (true, _) => found.push(fault(path.clone())),
                    (false, true) => search(value, name.clone(), found),
                    (false, false) => search(value, format!("{path}.{name}"), found),
                }
            }
        }
        _ => {}
    }
}

/// Returns an error for each parameter of a query string with NUL.
pub(super) fn in_query(query: &str) -> Vec<FieldError> {
    if !query.contains("%00") {
        return Vec::new();
    }
    form_urlencoded::parse(query.as_bytes())
        .filter(|(name, value)| name.contains('\0') || value.contains('\0'))
        .map(|(name, _)| fault(name.replace('\0', "")))
        .collect()
}

fn fault(path: String) -> FieldError {
    invalid(path, MESSAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(found: Vec<FieldError>) -> Vec<String> {
        found.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn nul_in_json_is_found_with_its_path() {
        for (body, paths) in [
            (r#"{ "name": "a\u0000b" }"#, &["name"][..]),
            (r#"{ "a": { "b": ["", "\u0000"] }, "c": "\u0000" }"#, &["a.b[1]", "c"]),
            (r#"{ "a": { "b\u0000": 1 } }"#, &["a"]),
            (r#"{ "name": "\\\u0000" }"#, &["name"]),
            // A backslash, and then five characters of text.
            (r#"{ "name": "\\u0000" }"#, &[]),
            (r#"{ "name": "\n\u0001" }"#, &[]),
            ("{}", &[]),
        ] {
            assert_eq!(fields(in_json(body.as_bytes())), paths, "{body}");
        }
        let deep = format!("{}\"\\u0000\"{}", "[".repeat(200), "]".repeat(200));
        assert_eq!(fields(in_json(deep.as_bytes())), [""]);
    }

    #[test]
    fn nul_in_a_query_string_is_found_with_its_parameter() {
        assert_eq!(fields(in_query("a=1&b=x%00y&c%00=1")), ["b", "c"]);
        assert_eq!(fields(in_query("a=%2500&b=000")), [""; 0]);
    }
}
