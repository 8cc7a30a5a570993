//! Pages of a list, by key and not by offset: a row that comes or goes never shifts the next page.

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, de::Error};
use uuid::Uuid;

/// Which page of a list is wanted.
#[derive(Debug, Clone)]
pub struct Window<C = Cursor> {
    /// The end of the page before; none for the first page.
    pub after: Option<C>,
    /// How many rows a page holds.
    pub limit: u32,
}

impl<C> Window<C> {
    /// One more than a page, which tells whether there is another.
    pub(super) fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Cuts what was fetched to a page.
    pub(super) fn cut<T>(&self, mut rows: Vec<T>, end: impl Fn(&T) -> C) -> Page<T, C> {
        let limit = self.limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(end);
        Page { rows, next }
    }
}

impl Window {
    /// The last id of the page before.
    pub(super) fn after_id(&self) -> Option<String> {
        self.after.as_ref().map(|cursor| cursor.0.clone())
    }

    /// Cuts what was fetched to a page, of a list in the order of these ids.
    pub(super) fn page<T>(&self, rows: Vec<T>, id: impl Fn(&T) -> &str) -> Page<T> {
        self.cut(rows, |row| Cursor::after(id(row)))
    }
}

/// One page, newest first: ids begin with their time (UUID version 7), so their order is a list's.
#[derive(Debug)]
pub struct Page<T, C = Cursor> {
    /// The rows.
    pub rows: Vec<T>,
    /// What to ask for the next page with; none on the last.
    pub next: Option<C>,
}

/// The id of a page's last row, in a form that any URL can hold: a UUID as it is, and what else somebody has
/// made an id in base64, behind a tilde.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// The cursor that leads to what comes after this row.
    #[must_use]
    pub fn after(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// The row's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0
    }
}

/// What stands before the base64.
const ENCODED: char = '~';

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if Uuid::try_parse(&self.0).is_ok_and(|id| id.to_string() == self.0) {
            f.write_str(&self.0)
        } else {
            write!(f, "{ENCODED}{}", BASE64_URL_SAFE_NO_PAD.encode(&self.0))
        }
    }
}

/// A cursor that no list has given.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("is not a cursor of this list")]
pub struct NoCursor;

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let Some(encoded) = text.strip_prefix(ENCODED) else {
            return Uuid::try_parse(text).map(|id| Self(id.to_string())).map_err(|_| NoCursor);
        };
        let id = BASE64_URL_SAFE_NO_PAD.decode(encoded).map_err(|_| NoCursor)?;
        let id = String::from_utf8(id).map_err(|_| NoCursor)?;
        // PostgreSQL has no text with a NUL in it, and would fail.
        if id.contains('\0') { Err(NoCursor) } else { Ok(Self(id)) }
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A new id: 74 random bits behind its time, never used twice.
#[must_use]
pub fn new_id() -> String {
    Uuid::now_v7().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_holds_any_id_and_is_safe_in_a_url() {
        let id = "019ac8a0-1111-7222-8333-444455556666";
        assert_eq!(Cursor::after(id).to_string(), id);
        for id in [id, &id.to_uppercase(), "", "7", "a b&c=d", "~", "ünï/cödé", "old-1.5"] {
            let text = Cursor::after(id).to_string();
            let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte);
            assert!(text.bytes().all(safe), "{text}");
            assert_eq!(text.parse::<Cursor>().map(|cursor| cursor.0).ok().as_deref(), Some(id));
        }
    }

    #[test]
    fn what_no_list_gives_is_no_cursor() {
        for text in ["", "x", "none", "~*", "~YQ==", "~gA", "~AA"] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }
}
