//! Retention: deletes rows that have passed their retention period, in small batches.
//!
//! [`STEPS`] lists what is deleted: one step for each table and reason. A batch is one transaction of at most `limit`
//! rows, which it finds by an index. No other record of progress is needed: the remaining rows are the record, and an
//! interrupted step continues with them.
//!
//! No batch takes a right away, so none begins an epoch (`docs/explanation/credential-cache.md`): thousands of batches would otherwise
//! clear the credential cache thousands of times. For the same reason sessions are kept for [`CERTAIN`] after they
//! expire.

pub mod clock;
mod leavers;
mod owned;
mod steps;

use futures_util::future::LocalBoxFuture;

use crate::{
    store::{Error, Store},
    time::{Span, Timestamp},
};

pub use steps::{CERTAIN, STEPS};

/// What is old enough to be deleted.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    /// The current time.
    pub now: Timestamp,
    /// How long the activity log is kept.
    pub keep_activity: Span,
}

/// Deletes at most that many rows in one transaction, and returns how many it deleted.
pub type Batch = for<'a> fn(&'a Store, Due, i64) -> LocalBoxFuture<'a, Result<usize, Error>>;

/// One kind of rows to delete.
#[derive(Clone, Copy)]
pub struct Step {
    /// The name of these rows in the log.
    pub rows: &'static str,
    /// The table, and the column whose index finds them.
    pub found_by: (&'static str, &'static str),
    /// Whether the clock decides what is deleted: then nothing is deleted while the clock is not trusted.
    pub by_clock: bool,
    /// Deletes the next batch; when it deletes no row, none is left.
    pub batch: Batch,
}

/// Deletes everything that is due, in batches of at most `limit` rows and without a pause between them, for use while
/// no request waits for the store. Returns the number of rows.
///
/// # Errors
/// As every query: see [`Error`]. Rows that were deleted before the error stay deleted.
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
