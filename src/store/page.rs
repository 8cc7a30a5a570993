//! Pages of a list, by key and not by offset: a row that comes or goes never shifts the next page.

/// Which page of a list is wanted.
#[derive(Debug, Clone)]
pub struct Window {
    /// The last id of the page before; none for the first page.
    pub after: Option<String>,
    /// How many rows a page holds.
    pub limit: u32,
}

impl Window {
    /// One more than a page, which tells whether there is another.
    pub(super) fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Cuts what was fetched to a page.
    pub(super) fn page<T>(&self, mut rows: Vec<T>, id: impl Fn(&T) -> &str) -> Page<T> {
        let limit = self.limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| id(row).to_owned());
        Page { rows, next }
    }
}

/// One page, newest first: ids begin with their time (UUID version 7), so their order is a list's.
#[derive(Debug)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// What to ask for the next page with; none on the last.
    pub next: Option<String>,
}

/// A new id: 74 random bits behind its time, never used twice.
#[must_use]
pub fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}
