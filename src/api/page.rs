//! Cursor pagination (keyset pagination) of lists.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::{
    error::{Code, Error, FieldError},
    store::page::{self, Cursor, Start, Window},
};

/// One page of a list, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// What is on this page.
    pub items: Vec<T>,
    /// What to send as `before` for the previous page; null on the first.
    #[schema(required, example = json!(null))]
    pub previous_cursor: Option<String>,
    /// What to send as `cursor` for the next page; null on the last.
    #[schema(required, example = json!(null))]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Converts a page of rows to a page of items.
    pub fn of<R>(page: page::Page<R, impl ToString>, show: impl Fn(R) -> T) -> Self {
        let page = page.map(show);
        Self {
            items: page.rows,
            previous_cursor: page.previous.map(|cursor| cursor.to_string()),
            next_cursor: page.next.map(|cursor| cursor.to_string()),
        }
    }
}

/// Which page.
#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Paging {
    /// `nextCursor` of the page before; without it, the first page.
    #[param(value_type = Option<String>)]
    pub cursor: Option<Cursor>,
    /// `previousCursor` of the page after, for the page before it. Not together with `cursor`.
    #[param(value_type = Option<String>)]
    pub before: Option<Cursor>,
    /// The number of items on a page, 1 to 100.
    #[serde(default = "default_limit")]
    #[validate(range(min = 1, max = 100, message = "must be 1 to 100"))]
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: u32,
}

/// The default number of items on a page.
#[must_use]
#[doc(hidden)]
pub fn default_limit() -> u32 {
    20
}

/// Returns the store's window for one of two cursors, and a limit.
///
/// # Errors
/// When both cursors are given, because a page starts at one of them.
pub fn window<C>(cursor: Option<C>, before: Option<C>, limit: u32) -> Result<Window<C>, Error> {
    let start = match (cursor, before) {
        (None, None) => Start::First,
        (Some(last), None) => Start::After(last),
        (None, Some(first)) => Start::Before(first),
        (Some(_), Some(_)) => {
            let both = FieldError {
                field: "before".to_owned(),
                code: "exclusive".into(),
                message: "cannot be combined with cursor".into(),
            };
            return Err(Code::InvalidQuery.on(vec![both]));
        }
    };
    Ok(Window { start, limit })
}
