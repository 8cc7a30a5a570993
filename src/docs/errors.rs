//! The list of error codes, as a page and as Markdown: both are generated from [`Code`](crate::error::Code).

use std::{borrow::Cow, fmt::Write};

use actix_web::http::StatusCode;
use askama::Template;

use super::MARK;
use crate::{error::CODES, name::in_text, product::Product, state::State};

/// The meaning of a code with one status.
struct Meaning {
    status: StatusCode,
    message: &'static str,
    explanation: Cow<'static, str>,
}

/// A code, and its meanings: the Better Auth protocol uses one name for several errors, which differ in their
/// status.
struct Entry {
    name: &'static str,
    meanings: Vec<Meaning>,
}

/// Returns every code, sorted by status.
fn entries(product: &Product) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for code in product.codes() {
        let meaning = Meaning {
            status: code.status(),
            message: code.message(),
            explanation: in_text(code.explanation()),
        };
        match entries.iter_mut().find(|entry| entry.name == code.name()) {
            Some(entry) => entry.meanings.push(meaning),
            None => entries.push(Entry { name: code.name(), meanings: vec![meaning] }),
        }
    }
    entries
}

#[derive(Template)]
#[template(path = "docs/errors.html")]
pub(super) struct Page {
    site: String,
    mark: &'static str,
    has_docs: bool,
    has_pages: bool,
    entries: Vec<Entry>,
}

impl Page {
    pub fn of(product: &Product, state: &State) -> Self {
        Self {
            site: state.site.name.clone(),
            mark: MARK,
            has_docs: state.config.site.has_swagger_ui(),
            has_pages: state.config.site.has_pages(),
            entries: entries(product),
        }
    }
}

/// Returns the list as Markdown, as it is committed.
#[must_use]
pub fn markdown(product: &Product) -> String {
    let mut text = format!(
        "\
# Error codes

An error is `application/problem+json` (RFC 9457). Its `code` says what went wrong and does not change; its `type` leads to this list as the server has it, at `{CODES}`. Codes in capitals are those of the Better Auth protocol, whose clients look for them.

`portcullis errors` prints this file.

| code | status | meaning |
| --- | --- | --- |
"
    );
    for entry in entries(product) {
        for Meaning { status, message, explanation } in entry.meanings {
            let name = entry.name;
            let _ = writeln!(text, "| `{name}` | {} | {message} {explanation} |", status.as_u16());
        }
    }
    in_text(&text).into_owned()
}
