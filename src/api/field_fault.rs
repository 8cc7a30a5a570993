//! What is wrong with a field, in words for people: serde's errors name the types of Rust.

use serde_path_to_error::Path;

use crate::error::FieldError;

/// Returns the error for a field.
pub(super) fn invalid(field: String, message: impl Into<String>) -> FieldError {
    FieldError { field, code: "invalid".into(), message: message.into().into() }
}

/// Converts what serde says about a field; `kind` is what clients call it, such as `field`.
pub(super) fn fault(path: &Path, text: &str, kind: &str) -> FieldError {
    let path = match path.to_string() {
        root if root == "." => String::new(),
        path => path,
    };
    let named = |prefix: &str| text.strip_prefix(prefix)?.split('`').next();
    let within = |name: &str| {
        if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
    };
    if let Some(name) = named("missing field `") {
        return invalid(within(name), "is required");
    }
    if let Some(name) = named("duplicate field `") {
        let field = if path.ends_with(name) { path } else { within(name) };
        return invalid(field, "must be given once");
    }
    if named("unknown field `").is_some() {
        return invalid(path, format!("is not a {kind} that is known here"));
    }
    let message = reworded(text).unwrap_or_else(|| text.to_owned());
    invalid(path, message)
}

/// Says what the value must be, where serde says which type of Rust it expected.
fn reworded(text: &str) -> Option<String> {
    let (given, expected) = text.split_once(": ").unwrap_or((text, ""));
    match given {
        "invalid type" | "invalid value" | "invalid length" => {
            // The last comma, as the value may contain one.
            let (value, expected) = expected.rsplit_once(", expected ")?;
            return Some(must_be(value, expected));
        }
        _ => {}
    }
    if let Some(variants) = text.strip_prefix("unknown variant `") {
        let (_, known) = variants.rsplit_once("`, expected ")?;
        let names: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
        return Some(format!("must be one of {}", names.join(", ")));
    }
    // What the standard library and other crates say about a text that is no number, no UUID, ….
    let says = |part: &str| text.contains(part);
    let message = match text {
        _ if says("digit found in string") || says("integer from empty string") => {
            "must be a whole number"
        }
        _ if says("too large to fit in target type") || says("too small to fit in target type") => {
            "is out of range"
        }
        _ if says("invalid float literal") || says("float from empty string") => "must be a number",
        "provided string was not `true` or `false`" => "must be true or false",
        _ if text.starts_with("UUID parsing failed") => "must be a UUID",
        _ if text.starts_with("data did not match any variant of untagged enum") => "is not valid",
        _ => return None,
    };
    Some(message.to_owned())
}

/// Says what a value must be, of which serde expected a type of Rust, or what a type of this API calls itself.
fn must_be(value: &str, expected: &str) -> String {
    if let Some((smallest, largest)) = range(expected) {
        // A number that does not fit into 64 bits arrives as a floating point number.
        let number: Option<f64> = value.split('`').nth(1).and_then(|number| number.parse().ok());
        let is_whole = value.starts_with("integer ")
            || number.is_some_and(|number| number.abs() >= TWO_TO_THE_63RD);
        return if is_whole {
            format!("must be {smallest} to {largest}")
        } else {
            "must be a whole number".to_owned()
        };
    }
    let begins = |starts: &[&str]| starts.iter().any(|start| expected.starts_with(start));
    let what = match expected {
        "f32" | "f64" => "a number",
        "a string" | "a borrowed string" | "string or map" | "variant identifier" => "text",
        "a character" => "one character",
        "a boolean" => "true or false",
        "unit" => "null",
        _ if begins(&["a nonzero "]) => "a whole number other than 0",
        _ if expected.contains("UUID") => "a UUID",
        _ if begins(&["a sequence", "a tuple", "tuple ", "an array"]) => "a list",
        _ if begins(&["a map", "struct ", "internally tagged", "adjacently tagged"]) => "an object",
        _ if begins(&["enum ", "variant of enum "]) => "text",
        other => other,
    };
    format!("must be {what}")
}

/// From here on, a number may be too large for each type of a whole number.
const TWO_TO_THE_63RD: f64 = 9_223_372_036_854_775_808.0;

/// The smallest and the largest number of a type of whole numbers.
fn range(number: &str) -> Option<(i128, i128)> {
    Some(match number {
        "i8" => (i8::MIN.into(), i8::MAX.into()),
        "i16" => (i16::MIN.into(), i16::MAX.into()),
        "i32" => (i32::MIN.into(), i32::MAX.into()),
        "i64" | "isize" => (i64::MIN.into(), i64::MAX.into()),
        "u8" => (0, u8::MAX.into()),
        "u16" => (0, u16::MAX.into()),
        "u32" => (0, u32::MAX.into()),
        "u64" | "usize" => (0, u64::MAX.into()),
        _ => return None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde::{Deserialize, de::DeserializeOwned};
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Colour {
        Red,
        Blue,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its errors are of interest")]
    struct Inner {
        number: u8,
    }

    /// Returns what is said about a value that is not of this type.
    fn message<T: DeserializeOwned>(value: &Value) -> String {
        let text = value.to_string();
        let mut reader = serde_json::Deserializer::from_str(&text);
        let error = serde_path_to_error::deserialize::<_, T>(&mut reader).err().unwrap();
        let text = error.inner().to_string();
        fault(error.path(), text.rsplit_once(" at line ").unwrap().0, "field").message.into_owned()
    }

    #[test]
    fn message_names_no_type_of_rust() {
        assert_eq!(message::<i32>(&json!(1.5)), "must be a whole number");
        assert_eq!(message::<u32>(&json!("7")), "must be a whole number");
        assert_eq!(message::<u32>(&json!(null)), "must be a whole number");
        assert_eq!(message::<u32>(&json!("7`8, expected i8")), "must be a whole number");
        assert_eq!(message::<i32>(&json!(3_000_000_000_u32)), "must be -2147483648 to 2147483647");
        assert_eq!(message::<u32>(&json!(-1)), "must be 0 to 4294967295");
        assert_eq!(message::<i16>(&json!(1e20)), "must be -32768 to 32767");
        assert_eq!(message::<f64>(&json!("1.5")), "must be a number");
        assert_eq!(message::<String>(&json!(7)), "must be text");
        assert_eq!(message::<char>(&json!("ab")), "must be one character");
        assert_eq!(message::<bool>(&json!("true")), "must be true or false");
        assert_eq!(message::<Vec<u8>>(&json!(7)), "must be a list");
        assert_eq!(message::<[u8; 2]>(&json!(7)), "must be a list");
        assert_eq!(message::<Inner>(&json!(7)), "must be an object");
        assert_eq!(message::<Colour>(&json!("green")), "must be one of red, blue");
        assert_eq!(message::<Uuid>(&json!("7")), "must be a UUID");
        assert_eq!(message::<Uuid>(&json!(7)), "must be a UUID");
        assert_eq!(
            message::<std::num::NonZeroU8>(&json!(0)),
            "must be a whole number other than 0"
        );
        let [red, blue] = ["red", "blue"].map(|name| serde_json::from_value(json!(name)).unwrap());
        assert!(matches!((red, blue), (Colour::Red, Colour::Blue)));
    }
}
