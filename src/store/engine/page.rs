//! Keyset (cursor) pagination: pages begin at a row's id, not at an offset, so rows that are added or deleted never
//! shift the next page.

use std::{cmp::Ordering, fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, de::Error};
use uuid::Uuid;

/// Where a page of a list begins.
#[derive(Debug, Clone, Default)]
pub enum Start<C = Cursor> {
    /// At the first row of the list.
    #[default]
    First,
    /// After this row: the next page.
    After(C),
    /// Before this row: the previous page. Its rows are read from there towards the start of the list.
    Before(C),
}

/// Which page of a list to load.
#[derive(Debug, Clone)]
pub struct Window<C = Cursor> {
    /// Where the page begins.
    pub start: Start<C>,
    /// The number of rows on a page.
    pub limit: u32,
}

impl<C> Window<C> {
    /// The first page of a list.
    #[must_use]
    pub fn first(limit: u32) -> Self {
        Self { start: Start::First, limit }
    }

    /// Whether this is the first page of a list.
    #[must_use]
    pub fn is_first(&self) -> bool {
        matches!(self.start, Start::First)
    }

    /// One row more than a page, to know whether there is another page.
    #[doc(hidden)]
    #[must_use]
    pub fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    pub(in crate::store) fn is_backward(&self) -> bool {
        matches!(self.start, Start::Before(_))
    }

    /// Cuts the rows, in the order in which they were read, to a page in the order of the list.
    ///
    /// Whether rows remain in the direction that the page was reached from is not looked up: the row that the window
    /// begins at was there. If it has been deleted in the meantime, with all beyond it, that page turns out to be
    /// empty.
    pub(in crate::store) fn cut<T>(
        &self,
        mut rows: Vec<T>,
        cursor: impl Fn(&T) -> C,
    ) -> Page<T, C> {
        let limit = self.limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        if self.is_backward() {
            rows.reverse();
        }
        let (has_previous, has_next) = match self.start {
            Start::First => (false, more),
            Start::After(_) => (true, more),
            Start::Before(_) => (more, true),
        };
        let previous = rows.first().filter(|_| has_previous).map(&cursor);
        let next = rows.last().filter(|_| has_next).map(&cursor);
        Page { rows, previous, next }
    }
}

impl Window {
    /// Whether a row belongs on the page or beyond it, in a list in the order of ids.
    pub(in crate::store) fn takes(&self, id: &str) -> bool {
        match &self.start {
            Start::First => true,
            Start::After(last) => id < last.id(),
            Start::Before(first) => id > first.id(),
        }
    }

    /// The order in which rows are read, in a list in the order of ids.
    pub(in crate::store) fn order(&self, one: &str, other: &str) -> Ordering {
        if self.is_backward() { one.cmp(other) } else { other.cmp(one) }
    }

    /// Cuts the rows to a page, of a list in the order of these ids.
    pub fn page<T>(&self, rows: Vec<T>, id: impl Fn(&T) -> &str) -> Page<T> {
        self.cut(rows, |row| Cursor::of(id(row)))
    }
}

/// One page, newest first: ids begin with their time (UUID version 7, RFC 9562), so their order is chronological.
#[derive(Debug)]
pub struct Page<T, C = Cursor> {
    /// The rows.
    pub rows: Vec<T>,
    /// The cursor of the previous page; none on the first page.
    pub previous: Option<C>,
    /// The cursor of the next page; none on the last page.
    pub next: Option<C>,
}

// Not derived, which would ask for the default of a row and of a cursor.
impl<T, C> Default for Page<T, C> {
    fn default() -> Self {
        Self { rows: Vec::new(), previous: None, next: None }
    }
}

impl<T, C> Page<T, C> {
    /// Returns the same page with converted rows.
    pub fn map<U>(self, show: impl FnMut(T) -> U) -> Page<U, C> {
        let Self { rows, previous, next } = self;
        Page { rows: rows.into_iter().map(show).collect(), previous, next }
    }
}

/// Loads the rows of a window from a boxed query, in the order of an id column. A macro, because it must be expanded
/// for each backend.
#[macro_export]
macro_rules! load_window {
    ($conn:ident, $query:expr, $id:expr, $window:expr) => {{
        use $crate::store::{diesel_traits::*, page::Start};
        let window: &$crate::store::page::Window = $window;
        let query = match &window.start {
            Start::First => $query.order($id.desc()),
            Start::After(id) => $query.filter($id.lt(id.id())).order($id.desc()),
            Start::Before(id) => $query.filter($id.gt(id.id())).order($id.asc()),
        };
        diesel_async::RunQueryDsl::load(query.limit(window.fetch()), $conn).await
    }};
}

pub(in crate::store) use crate::load_window;

/// The id of a page's first or last row, in a form that any URL can hold: a UUID as it is, and any other id in base64
/// after a tilde.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// The cursor of the row with this id.
    #[must_use]
    pub fn of(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// The row's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0
    }
}

/// The prefix of a base64 cursor.
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

/// The error for a cursor that no list has returned.
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
        // PostgreSQL rejects text that contains NUL.
        if id.contains('\0') { Err(NoCursor) } else { Ok(Self(id)) }
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Returns a new UUID of version 7 (RFC 9562): a timestamp and 74 random bits, never reused.
#[must_use]
pub fn new_id() -> String {
    Uuid::now_v7().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_holds_any_id_and_is_safe_in_a_url() {
        let id = "019ac8a0-1111-7222-8333-444455556666";
        assert_eq!(Cursor::of(id).to_string(), id);
        for id in [id, &id.to_uppercase(), "", "7", "a b&c=d", "~", "ünï/cödé", "old-1.5"] {
            let text = Cursor::of(id).to_string();
            let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte);
            assert!(text.bytes().all(safe), "{text}");
            assert_eq!(text.parse::<Cursor>().map(|cursor| cursor.0).ok().as_deref(), Some(id));
        }
    }

    #[test]
    fn malformed_cursor_is_rejected() {
        for text in ["", "x", "none", "~*", "~YQ==", "~gA", "~AA"] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }

    /// A page of two rows from the rows that were read; their ids are digits.
    fn page(start: Start<String>, read: &str) -> Page<String, String> {
        let rows = read.chars().map(String::from).collect();
        Window { start, limit: 2 }.cut(rows, Clone::clone)
    }

    #[test]
    fn pagination_finds_the_previous_and_next_page() {
        let (after, before) = (|| Start::After("7".into()), || Start::Before("2".into()));
        for (start, read, rows, previous, next) in [
            (Start::First, "9", "9", None, None),
            (Start::First, "987", "98", None, Some("8")),
            (after(), "654", "65", Some("6"), Some("5")),
            (after(), "6", "6", Some("6"), None),
            (after(), "", "", None, None),
            (before(), "345", "43", Some("4"), Some("3")),
            (before(), "34", "43", None, Some("3")),
        ] {
            let page = page(start.clone(), read);
            assert_eq!(page.rows.concat(), rows, "{start:?}");
            let neighbours = (page.previous.as_deref(), page.next.as_deref());
            assert_eq!(neighbours, (previous, next), "{start:?} {read}");
        }
    }
}
