//! What a column holds that this binary does not know: a newer one has written it, or an operator by hand.
//!
//! It is no reason to fail, since a whole list would fail with one row. It is shown as it is, it grants nothing, and
//! the log says so once, however often the row is read.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

static NOTED: Mutex<BTreeSet<(&str, String)>> = Mutex::new(BTreeSet::new());

/// Different values to note at the most: each is kept, and is a line in the log.
const MOST: usize = 100;

/// Logs that a column holds this, unless the log has it already.
pub(super) fn note(column: &'static str, value: &str) {
    let value: String = value.chars().take(64).collect();
    let mut noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    if noted.len() < MOST && noted.insert((column, value.clone())) {
        tracing::error!(column, ?value, "a row holds a value that this version does not know");
    }
}
