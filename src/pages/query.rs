//! Query strings as forms send them: a field that is left empty is there, and means nothing.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, de::Error};
use validator::Validate;

use crate::{
    api::page::{self, default_limit},
    store::page::{Cursor, Window},
};

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

/// Which part of the list of sessions.
#[derive(Deserialize, Validate)]
pub(super) struct Paging {
    #[serde(default, deserialize_with = "filled")]
    pub sessions: Option<Cursor>,
}

/// The store's window for a cursor, as long as the API's when nobody says.
pub(super) fn window<C>(cursor: Option<C>) -> Window<C> {
    page::window(cursor, default_limit())
}
