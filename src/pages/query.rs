//! Query strings as forms send them: a field that is left empty is there, and means nothing.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, de::Error};
use uuid::Uuid;
use validator::Validate;

use crate::store::page::Window;

/// How many rows a page shows.
const ROWS: u32 = 20;

/// Reads a field, if there is anything in it.
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

/// Which part of a list.
#[derive(Deserialize, Validate)]
pub(super) struct Paging {
    #[serde(default, deserialize_with = "filled")]
    pub cursor: Option<Uuid>,
}

/// The store's window for a cursor.
pub(super) fn window(cursor: Option<Uuid>) -> Window {
    Window { after: cursor.map(|id| id.to_string()), limit: ROWS }
}
