use std::fmt;

use diesel::result::{DatabaseErrorKind, Error as QueryError};

/// What the store answers when it has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The database cannot answer: gone, too busy, too slow, or broken. Try later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// Somebody else has what must be unique.
    #[error("taken already")]
    Taken,
    /// What it was to belong to is gone.
    #[error("what it belongs to is gone")]
    Gone,
    /// The tables belong to a newer Portcullis.
    #[error("{0}")]
    Incompatible(String),
}

impl Error {
    pub(super) fn unavailable(reason: impl fmt::Display) -> Self {
        Self::Unavailable(reason.to_string())
    }
}

impl From<QueryError> for Error {
    fn from(error: QueryError) -> Self {
        match error {
            // Which one, the caller knows: no table here has two that somebody's input can violate.
            QueryError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Self::Taken,
            QueryError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _) => Self::Gone,
            other => Self::unavailable(other),
        }
    }
}
