//! Search for users by the words of their name and email, the same on both databases.
//!
//! The words are normalized in Rust and stored in a table of their own, so that a search reads ranges of one plain
//! index (`words.rs`, `index.rs`). A search reads a bounded number of rows, however common its words are
//! (`candidates.rs`, `find.rs`).

mod candidates;
mod find;
mod index;
mod words;

pub use find::{MOST, UserPage};
pub use index::{BATCH, index_some};

pub(in crate::store) use find::find;
pub(in crate::store) use index::IndexUsers;
