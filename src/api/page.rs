//! Lists come in pages.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::store::page::{self, Cursor, Window};

/// One page of a list, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// What is on this page.
    pub items: Vec<T>,
    /// What to send as `cursor` for the next page; null on the last.
    #[schema(required, example = json!(null))]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page of rows, as they are shown.
    pub fn of<R>(page: page::Page<R, impl ToString>, show: impl Fn(R) -> T) -> Self {
        let next_cursor = page.next.map(|cursor| cursor.to_string());
        Self { items: page.rows.into_iter().map(show).collect(), next_cursor }
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
    /// How many a page holds, 1 to 100.
    #[serde(default = "default_limit")]
    #[validate(range(min = 1, max = 100, message = "must be 1 to 100"))]
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: u32,
}

/// How many a page holds when nobody says.
pub fn default_limit() -> u32 {
    20
}

/// The store's window for a cursor and a limit.
pub fn window<C>(after: Option<C>, limit: u32) -> Window<C> {
    Window { after, limit }
}
