//! Parses query strings as HTML forms send them: an empty field is present, and means no value.

use std::{
    fmt::Display,
    future::{Ready, ready},
    str::FromStr,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use serde::{Deserialize, Deserializer, de::Error};
use url::form_urlencoded;

use crate::{
    api::page::default_limit,
    gate::{Access, DeclaresAccess, Query},
    store::page::{Page, Start, Window},
};

/// Deserializes a field, `None` if it is empty.
pub(super) fn filled<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
{
    let text = String::deserialize(deserializer)?;
    match text.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| D::Error::custom("this is not known here")),
    }
}

/// The fields of a filter's form, and the cursor of a list. Parsing never fails: an invalid field shows its
/// error next to itself, on the same page.
pub(super) struct FilterQuery(Vec<(String, String)>);

impl DeclaresAccess for FilterQuery {
    const ACCESS: Access = Access { query: Query::Own, ..Access::UNGATED };
}

impl FromRequest for FilterQuery {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pairs = form_urlencoded::parse(request.query_string().as_bytes());
        ready(Ok(Self(pairs.into_owned().collect())))
    }
}

impl FilterQuery {
    /// Returns the text of a field, trimmed.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// Returns a field whose text means a value.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, name: &str) -> Parsed<T> {
        let text = self.text(name).to_owned();
        let (value, error) = match text.parse() {
            _ if text.is_empty() => (None, String::new()),
            Ok(value) => (Some(value), String::new()),
            Err(error) => (None, format!("This {error}.")),
        };
        Parsed { text, value, error }
    }

    /// Returns a field with fixed choices.
    pub(super) fn choice<T: FromStr>(&self, name: &str) -> Choice<T> {
        let text = self.text(name);
        let value = text.parse().ok();
        let error = if value.is_some() || text.is_empty() {
            String::new()
        } else {
            format!("There is no choice “{text}”.")
        };
        Choice { value, error }
    }
}

/// A field of text: what was entered, what it means, and an error message, which is empty if there is none.
pub(super) struct Parsed<T> {
    pub text: String,
    pub value: Option<T>,
    pub error: String,
}

/// A field with fixed choices: the choice, or an error message, which is empty if there is none.
pub(super) struct Choice<T> {
    pub value: Option<T>,
    pub error: String,
}

impl<T: Into<&'static str> + Copy> Choice<T> {
    /// Returns the name of the choice; empty for any.
    pub(super) fn name(&self) -> &'static str {
        self.value.map_or("", Into::into)
    }
}

/// The pagination links of a list.
pub(super) struct Pager {
    pub first: Option<String>,
    pub previous: Option<String>,
    pub next: Option<String>,
}

/// The location of a list: its path, the fields of its filter, the names of its two cursors, and its anchor on
/// the page.
pub(super) struct List<'a> {
    path: &'a str,
    filter: &'a [(&'a str, &'a str)],
    cursor: &'a str,
    before: &'a str,
    place: &'a str,
}

impl<'a> List<'a> {
    /// Returns the main list of a page, with the fields of its filter.
    pub(super) fn of(path: &'a str, filter: &'a [(&'a str, &'a str)]) -> Self {
        Self { path, filter, cursor: "cursor", before: "before", place: "" }
    }

    /// Returns a user's sessions, on a page that also shows other content.
    pub(super) fn of_sessions(path: &'a str) -> Self {
        Self { path, filter: &[], cursor: "sessions", before: "sessions-before", place: "sessions" }
    }

    /// Returns the requested window, from one of the two cursors. An invalid cursor means the first page.
    pub(super) fn window<C: FromStr>(&self, query: &FilterQuery) -> Window<C> {
        let cursor_in = |name| query.text(name).parse().ok();
        let start = match (cursor_in(self.cursor), cursor_in(self.before)) {
            (Some(last), _) => Start::After(last),
            (None, Some(first)) => Start::Before(first),
            (None, None) => Start::First,
        };
        Window { start, limit: default_limit() }
    }

    /// Returns the links for the page that was loaded.
    pub(super) fn pager<T, C: ToString>(&self, window: &Window<C>, page: &Page<T, C>) -> Pager {
        let to = |name, cursor: &C| self.link(Some((name, cursor.to_string())));
        Pager {
            first: (!window.is_first()).then(|| self.link(None)),
            previous: page.previous.as_ref().map(|cursor| to(self.before, cursor)),
            next: page.next.as_ref().map(|cursor| to(self.cursor, cursor)),
        }
    }

    fn link(&self, cursor: Option<(&str, String)>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.filter.iter().filter(|(_, value)| !value.is_empty()));
        query.extend_pairs(cursor);
        let query = query.finish();
        let mark = if query.is_empty() { "" } else { "?" };
        let hash = if self.place.is_empty() { "" } else { "#" };
        format!("{}{mark}{query}{hash}{}", self.path, self.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pagination_links_lead_to_the_first_previous_and_next_page() {
        let filter = [("user", "Ada & Co"), ("state", "")];
        let list = List::of("/x", &filter);
        let page = |previous: Option<&str>, next: Option<&str>| Page::<(), String> {
            rows: Vec::new(),
            previous: previous.map(ToOwned::to_owned),
            next: next.map(ToOwned::to_owned),
        };
        let alone = list.pager(&Window::first(2), &page(None, None));
        assert!(alone.first.is_none() && alone.previous.is_none() && alone.next.is_none());
        let window = Window { start: Start::After("5".into()), limit: 2 };
        let middle = list.pager(&window, &page(Some("4"), Some("3")));
        assert_eq!(middle.first.as_deref(), Some("/x?user=Ada+%26+Co"));
        assert_eq!(middle.previous.as_deref(), Some("/x?user=Ada+%26+Co&before=4"));
        assert_eq!(middle.next.as_deref(), Some("/x?user=Ada+%26+Co&cursor=3"));
    }
}
