//! Deletes rows whose time is over, a few at a time.
//!
//! [`STEPS`] is the list of what is deleted: one step for each table and reason. A batch of a step is one
//! transaction of at most so many rows, which it finds by an index. Nothing else notes how far a step has come:
//! the rows that are left say so, and a step that was interrupted goes on with them.
//!
//! No batch takes a right away, so none begins an epoch (`docs/lock-out.md`): with thousands of them, memory would
//! be emptied thousands of times. Sessions therefore wait [`CERTAIN`] after their end.

pub mod clock;
mod leavers;
mod owned;
mod steps;

use futures_util::future::LocalBoxFuture;

use super::{Error, Store};
use crate::time::{Span, Timestamp};

pub use steps::{CERTAIN, STEPS};

/// What is old enough to be deleted.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    /// The present moment.
    pub now: Timestamp,
    /// How long audit events are kept.
    pub keep_audit_events: Span,
}

/// Deletes at most so many rows in one transaction, and returns how many.
pub type Batch = for<'a> fn(&'a Store, Due, i64) -> LocalBoxFuture<'a, Result<usize, Error>>;

/// One kind of rows to delete.
#[derive(Clone, Copy)]
pub struct Step {
    /// What the log calls them.
    pub rows: &'static str,
    /// The table, and the column by whose index it finds them.
    pub found_by: (&'static str, &'static str),
    /// Whether a clock decides what is deleted: then nothing is while the clock is not trusted.
    pub by_clock: bool,
    /// Deletes the next of them; when it deletes none, none is left.
    pub batch: Batch,
}

/// Deletes everything that is due, in batches of at most so many rows and without a pause between them: where
/// nobody waits for the store. Returns the number of rows.
///
/// # Errors
/// When the store is unavailable; what was deleted until then stays deleted.
pub async fn complete(store: &Store, due: Due, limit: i64) -> Result<usize, Error> {
    let mut deleted = 0;
    for step in STEPS {
        loop {
            match (step.batch)(store, due, limit).await? {
                0 => break,
                rows => deleted += rows,
            }
        }
    }
    Ok(deleted)
}
