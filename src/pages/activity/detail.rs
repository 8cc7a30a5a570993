//! The details of an event, as words.

use serde_json::{Map, Value};

use crate::api::json::object;

/// The details of an event. Those that a sentence contains are removed, and the rest is listed.
#[derive(Default)]
pub(super) struct Detail(Map<String, Value>);

impl Detail {
    pub(super) fn of(text: &str) -> Self {
        match object(text) {
            Value::Object(members) => Self(members),
            _ => Self::default(),
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).and_then(Value::as_str).map(ToOwned::to_owned)
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    pub(super) fn take_text(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        self.0.remove(name);
        Some(text)
    }

    /// Takes the values from before and after a change.
    pub(super) fn take_change(&mut self) -> (Self, Self) {
        let mut part = |name| match self.take(name) {
            Some(Value::Object(members)) => Self(members),
            _ => Self::default(),
        };
        (part("before"), part("after"))
    }

    pub(super) fn rest(self) -> Vec<String> {
        let told = self.0.into_iter().filter(|(_, value)| !value.is_null());
        told.map(|(name, of)| format!("{}: {}", in_plain_words(&name), value(&of))).collect()
    }
}

/// Converts an identifier to words: `expiresInDays` and `expires-in-days` become "expires in days".
pub(super) fn in_plain_words(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        match letter {
            '-' | '_' => words.push(' '),
            letter => words.extend(letter.to_lowercase()),
        }
    }
    words
}

/// Formats a value without JSON's punctuation.
pub(super) fn value(of: &Value) -> String {
    match of {
        Value::Null => "none".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(value).collect::<Vec<_>>().join(", "),
        Value::Object(members) => {
            let pairs =
                members.iter().map(|(name, of)| format!("{} {}", in_plain_words(name), value(of)));
            pairs.collect::<Vec<_>>().join(", ")
        }
    }
}
