//! Why a query has no result: the database cannot answer now, the data breaks a constraint, or the code is wrong.

mod transient;

use std::fmt;

use diesel::result::{DatabaseErrorKind, Error as QueryError};

use super::{
    Tables,
    constraints::{self, Constraint},
};
use transient::is_transient;

/// Why a query has no result. Any function that runs a query can return [`Unavailable`](Self::Unavailable) and, for a
/// mistake in the code, [`Bug`](Self::Bug); [`Violated`](Self::Violated) only if its table declares a constraint.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The database cannot answer: it is unreachable, too busy, too slow, full or read-only. A later retry may
    /// succeed.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The data breaks a constraint that its table declares.
    #[error("{}", .0.message)]
    Violated(&'static Constraint),
    /// The code or the tables are wrong: the same statement will fail again.
    #[error("{operation}: {reason}")]
    Bug {
        /// The function of the store that ran the statement.
        operation: String,
        /// The database's message, without the value that it quotes.
        reason: String,
        /// The database's name for the constraint that was broken, if any.
        constraint: Option<String>,
    },
    /// The database cannot be used: its tables belong to a newer Portcullis, or a connection pool in front of it does
    /// not keep sessions.
    #[error("{0}")]
    Incompatible(String),
}

impl Error {
    pub(super) fn unavailable(reason: impl fmt::Display) -> Self {
        Self::Unavailable(reason.to_string())
    }

    /// Whether another row has the value that must be unique in this field.
    #[must_use]
    pub fn is_taken(&self, field: &str) -> bool {
        matches!(self, Self::Violated(constraint) if constraint.is_taken(field))
    }

    /// Whether the store failed, as opposed to the data breaking a constraint.
    pub(super) fn is_fault(&self) -> bool {
        !matches!(self, Self::Violated(_))
    }

    /// Adds the name of the function that ran the statement.
    #[doc(hidden)]
    #[must_use]
    pub fn in_operation(self, name: &str) -> Self {
        match self {
            Self::Bug { reason, constraint, .. } => {
                Self::Bug { operation: shortened(name), reason, constraint }
            }
            other => other,
        }
    }

    /// Gives a broken constraint the meaning that one of these tables declares; if none does, it stays a bug.
    pub(super) fn explained_by(self, tables: &[Tables]) -> Self {
        match &self {
            Self::Bug { constraint: Some(name), .. } => {
                let declared = tables.iter().flat_map(|tables| tables.constraints.iter().copied());
                constraints::find(declared, name).map_or(self, Self::Violated)
            }
            _ => self,
        }
    }

    fn bug(reason: impl fmt::Display) -> Self {
        Self::bug_in(reason, None)
    }

    fn bug_in(reason: impl fmt::Display, constraint: Option<String>) -> Self {
        let reason = reason.to_string();
        // PostgreSQL quotes a value after a colon: it may be a user's email.
        let reason = reason.split_once(": \"").map_or(reason.as_str(), |(before, _)| before);
        Self::Bug { operation: "store".to_owned(), reason: reason.to_owned(), constraint }
    }
}

/// Shortens `portcullis::store::tables::jobs::add::{{closure}}::here` to `tables::jobs::add`.
fn shortened(name: &str) -> String {
    let name = name.split("::{{closure}}").next().unwrap_or(name);
    let name = name.strip_suffix("::here").unwrap_or(name);
    name.rsplit_once("::store::").map_or(name, |(_, rest)| rest).to_owned()
}

impl From<QueryError> for Error {
    fn from(error: QueryError) -> Self {
        match &error {
            QueryError::DatabaseError(kind, info) => {
                let transient = matches!(
                    kind,
                    DatabaseErrorKind::ClosedConnection
                        | DatabaseErrorKind::SerializationFailure
                        | DatabaseErrorKind::ReadOnlyTransaction
                );
                if transient || is_transient(*kind, info.as_ref()) {
                    return Self::unavailable(error);
                }
                Self::bug_in(&error, constraints::broken(*kind, info.as_ref()))
            }
            // Only the lost connection knows the outcome of the transaction.
            QueryError::BrokenTransactionManager
            | QueryError::AlreadyInTransaction
            | QueryError::NotInTransaction => Self::unavailable(error),
            QueryError::RollbackErrorOnCommit { .. } => match error {
                QueryError::RollbackErrorOnCommit { rollback_error, commit_error } => {
                    match Self::from(*rollback_error) {
                        unavailable @ Self::Unavailable(_) => unavailable,
                        _ => Self::from(*commit_error),
                    }
                }
                other => Self::bug(other),
            },
            _ => Self::bug(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: DatabaseErrorKind, message: &str) -> Error {
        QueryError::DatabaseError(kind, Box::new(message.to_owned())).into()
    }

    #[test]
    fn transient_database_error_is_unavailable() {
        for message in [
            "database is locked",
            "database or disk is full",
            "attempt to write a readonly database",
            "disk I/O error",
            "deadlock detected",
            "canceling statement due to statement timeout",
            "canceling statement due to lock timeout",
            "terminating connection due to administrator command",
            "the database system is shutting down",
            "sorry, too many clients already",
            "could not extend file \"base/5/16400\": No space left on device",
        ] {
            let error = of(DatabaseErrorKind::Unknown, message);
            assert!(matches!(error, Error::Unavailable(_)), "{message}: {error:?}");
        }
        let closed = of(DatabaseErrorKind::UnableToSendCommand, "connection closed");
        assert!(matches!(closed, Error::Unavailable(_)), "{closed:?}");
        let read_only = of(DatabaseErrorKind::ReadOnlyTransaction, "cannot execute INSERT");
        assert!(matches!(read_only, Error::Unavailable(_)), "{read_only:?}");
    }

    #[test]
    fn permanent_statement_error_is_a_bug_and_quotes_no_value() {
        use DatabaseErrorKind as Kind;
        for (kind, message) in [
            (Kind::Unknown, "no such column: nickname"),
            (Kind::Unknown, "no such table: sessions"),
            (Kind::Unknown, "relation \"sessions\" does not exist"),
            (Kind::Unknown, "column \"nickname\" does not exist"),
            (Kind::Unknown, "division by zero"),
            (Kind::Unknown, "near \"SELEC\": syntax error"),
            (Kind::Unknown, "cannot store TEXT value in INTEGER column jobs.created_at"),
            (Kind::UnableToSendCommand, "error serializing parameter 0"),
            (Kind::CheckViolation, "CHECK constraint failed: undeclared"),
            (Kind::ForeignKeyViolation, "FOREIGN KEY constraint failed"),
            (Kind::UniqueViolation, "UNIQUE constraint failed: jobs.id"),
        ] {
            let error = of(kind, message);
            assert!(matches!(error, Error::Bug { .. }), "{message}: {error:?}");
        }
        let error = of(Kind::Unknown, "invalid input syntax for type bigint: \"ada@example.com\"");
        assert_eq!(error.to_string(), "store: invalid input syntax for type bigint");
        assert!(matches!(QueryError::NotFound.into(), Error::Bug { .. }));
    }

    #[test]
    fn bug_names_the_function_of_its_statement() {
        let error = of(DatabaseErrorKind::Unknown, "no such column: x")
            .in_operation("portcullis::store::users::create::{{closure}}::here");
        assert_eq!(error.to_string(), "users::create: no such column: x");
    }
}
