//! What the tables' constraints mean to a client. The author of a table declares its constraints once, beside its
//! queries, and the API answers 409 or 422 with the field. Breaking an undeclared constraint is a bug: 500.
//!
//! ```ignore
//! // In src/store/tables/tasks.rs, and `tasks::CONSTRAINTS` in the list in src/store/tables.rs:
//! pub(super) const CONSTRAINTS: &[Constraint] = &[
//!     // UNIQUE (list_id, title)
//!     Constraint::unique("tasks_list_id_title_key", "tasks.list_id, tasks.title", "title", "There is a task of this title already."),
//!     // CREATE UNIQUE INDEX tasks_by_any_case ON tasks (lower(title))
//!     Constraint::unique_index("tasks_by_any_case", "title", "There is a task of this title already."),
//!     // CONSTRAINT tasks_hours_check CHECK (hours >= 0): named in both migrations, as SQLite reports only that name
//!     Constraint::check("tasks_hours_check", "hours", "must not be negative"),
//!     Constraint::not_null("tasks.title", "title", "is missing"),
//!     // list_id REFERENCES lists (id)
//!     Constraint::foreign_key("tasks_list_id_fkey", "listId", "There is no such list."),
//!     // user_id REFERENCES users (id), where a task belongs to the user who creates it
//!     Constraint::own_user("tasks_user_id_fkey"),
//! ];
//! ```
//!
//! The names are PostgreSQL's. SQLite names a unique constraint by its columns, and a foreign key not at all: the
//! operation finds out which one it was, with `foreign_key!`. The test kit checks that each of them exists, in both databases. Foreign keys must not be DEFERRABLE: SQLite would report
//! one at the commit, which many writes share.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as QueryError};

/// A constraint, and what breaking it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Constraint {
    /// PostgreSQL's name for it.
    pub name: &'static str,
    /// SQLite's name for it.
    pub sqlite: &'static str,
    /// What breaking it means.
    pub meaning: Meaning,
    /// The field of the request body that it concerns, if any.
    pub field: Option<&'static str>,
    /// What is wrong, in words for people.
    pub message: &'static str,
}

/// What breaking a constraint means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Another row has this value: 409.
    Taken,
    /// The value is not allowed: 422.
    Invalid,
    /// The row that the value names does not exist: 422.
    NotFound,
    /// Other rows still refer to this one: 409.
    InUse,
    /// The user who makes the request has been deleted in the meantime: 401.
    OwnUserGone,
}

impl Constraint {
    /// UNIQUE or PRIMARY KEY; `columns` in SQLite's notation: `users.email`.
    #[must_use]
    pub const fn unique(
        name: &'static str,
        columns: &'static str,
        field: &'static str,
        message: &'static str,
    ) -> Self {
        Self { name, sqlite: columns, meaning: Meaning::Taken, field: Some(field), message }
    }

    /// A unique index on an expression.
    #[must_use]
    pub const fn unique_index(
        name: &'static str,
        field: &'static str,
        message: &'static str,
    ) -> Self {
        Self::unique(name, name, field, message)
    }

    /// CHECK, with the same explicit name in both databases.
    #[must_use]
    pub const fn check(name: &'static str, field: &'static str, message: &'static str) -> Self {
        Self { name, sqlite: name, meaning: Meaning::Invalid, field: Some(field), message }
    }

    /// NOT NULL of this `table.column`.
    #[must_use]
    pub const fn not_null(
        column: &'static str,
        field: &'static str,
        message: &'static str,
    ) -> Self {
        Self::check(column, field, message)
    }

    /// A foreign key to a row that the client names.
    #[must_use]
    pub const fn foreign_key(
        name: &'static str,
        field: &'static str,
        message: &'static str,
    ) -> Self {
        Self { meaning: Meaning::NotFound, ..Self::check(name, field, message) }
    }

    /// A foreign key that prevents a row from being deleted.
    #[must_use]
    pub const fn in_use(name: &'static str, message: &'static str) -> Self {
        Self { name, sqlite: name, meaning: Meaning::InUse, field: None, message }
    }

    /// The foreign key to the user who makes the request, and to no other user.
    #[must_use]
    pub const fn own_user(name: &'static str) -> Self {
        let message = "the user has been deleted";
        Self { name, sqlite: name, meaning: Meaning::OwnUserGone, field: None, message }
    }

    /// Whether breaking it means that another row has the value of this field.
    #[must_use]
    pub fn is_taken(&self, field: &str) -> bool {
        self.meaning == Meaning::Taken && self.field == Some(field)
    }
}

/// Returns the database's name for the constraint that was broken.
pub(super) fn broken(
    kind: DatabaseErrorKind,
    info: &(dyn DatabaseErrorInformation + Send + Sync),
) -> Option<String> {
    if let Some(name) = info.constraint_name() {
        return Some(name.to_owned());
    }
    if let (DatabaseErrorKind::NotNullViolation, Some(table), Some(column)) =
        (kind, info.table_name(), info.column_name())
    {
        return Some(format!("{table}.{column}"));
    }
    let (_, name) = info.message().split_once(" constraint failed: ")?;
    let index = name.strip_prefix("index '").and_then(|name| name.strip_suffix('\''));
    Some(index.unwrap_or(name).to_owned())
}

/// Returns the constraint with this name, in either database.
pub(super) fn find(
    tables: impl IntoIterator<Item = &'static [Constraint]>,
    name: &str,
) -> Option<&'static Constraint> {
    tables.into_iter().flatten().find(|declared| [declared.name, declared.sqlite].contains(&name))
}

/// Whether a foreign key was broken that SQLite does not name.
#[doc(hidden)]
#[must_use]
#[doc(hidden)]
pub fn is_unnamed_foreign_key(error: &QueryError) -> bool {
    // Diesel has no kind for a row that may not be deleted.
    matches!(error, QueryError::DatabaseError(_, info)
        if info.constraint_name().is_none() && info.message() == "FOREIGN KEY constraint failed")
}

/// Returns the error of the foreign key with this name.
#[doc(hidden)]
#[must_use]
#[doc(hidden)]
pub fn foreign_key_error(name: &'static str) -> QueryError {
    QueryError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, Box::new(Named(name)))
}

/// Within a transaction: returns the result of a statement. If a foreign key was broken that the database does not
/// name (SQLite) and the condition holds, which is evaluated only then, the error gets this name.
#[macro_export]
macro_rules! foreign_key {
    ($result:expr, $name:expr, if $condition:expr) => {
        match $result {
            Err(error) if $crate::store::constraints::is_unnamed_foreign_key(&error) => {
                let condition: bool = $condition;
                Err(if condition {
                    $crate::store::constraints::foreign_key_error($name)
                } else {
                    error
                })
            }
            result => result,
        }
    };
}

/// Within a transaction: returns the result of a statement that writes a row of the user who makes the request. If that
/// user has been deleted in the meantime, the error is that of the foreign key with this name, which the table declares
/// with [`Constraint::own_user`].
#[macro_export]
macro_rules! own_user_key {
    ($conn:ident, $result:expr, $name:expr, $user_id:expr) => {
        $crate::foreign_key!($result, $name, if {
            use $crate::store::{diesel_traits::*, schema::users, users::present};
            let owner = users::table.filter(present()).find($user_id).count();
            diesel_async::RunQueryDsl::get_result::<i64>(owner, $conn).await? == 0
        })
    };
}

struct Named(&'static str);

impl DatabaseErrorInformation for Named {
    fn message(&self) -> &'static str {
        "FOREIGN KEY constraint failed"
    }

    fn details(&self) -> Option<&str> {
        None
    }

    fn hint(&self) -> Option<&str> {
        None
    }

    fn table_name(&self) -> Option<&str> {
        None
    }

    fn column_name(&self) -> Option<&str> {
        None
    }

    fn constraint_name(&self) -> Option<&str> {
        Some(self.0)
    }

    fn statement_position(&self) -> Option<i32> {
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use diesel::{Connection, RunQueryDsl, SqliteConnection, connection::SimpleConnection};

    use super::*;

    /// The declarations of a product's table.
    const TASKS: &[Constraint] = &[
        Constraint::unique("tasks_title_key", "tasks.list_id, tasks.title", "title", "taken"),
        Constraint::unique_index("tasks_by_any_case", "title", "taken in another case"),
        Constraint::check("tasks_hours_check", "hours", "must not be negative"),
        Constraint::not_null("tasks.title", "title", "is missing"),
    ];

    #[test]
    fn sqlite_constraint_violation_finds_its_declaration_for_each_kind() {
        let mut conn = SqliteConnection::establish(":memory:").unwrap();
        conn.batch_execute(
            "CREATE TABLE tasks (
                 list_id TEXT NOT NULL,
                 title TEXT NOT NULL,
                 hours INTEGER CONSTRAINT tasks_hours_check CHECK (hours >= 0),
                 UNIQUE (list_id, title)
             );
             CREATE UNIQUE INDEX tasks_by_any_case ON tasks (lower(title));
             INSERT INTO tasks VALUES ('p', 'Write', 1)",
        )
        .unwrap();
        for (values, message) in [
            ("'p', 'Write', 1", "taken in another case"),
            ("'q', 'WRITE', 1", "taken in another case"),
            ("'q', 'Read', -1", "must not be negative"),
            ("'q', NULL, 1", "is missing"),
        ] {
            let sql = format!("INSERT INTO tasks VALUES ({values})");
            let QueryError::DatabaseError(kind, info) =
                diesel::sql_query(sql).execute(&mut conn).unwrap_err()
            else {
                panic!("{values}")
            };
            let found = find([TASKS], &broken(kind, info.as_ref()).unwrap());
            assert_eq!(found.unwrap().message, message, "{values}");
        }
        let unique = "UNIQUE constraint failed: tasks.list_id, tasks.title".to_owned();
        let name = broken(DatabaseErrorKind::UniqueViolation, &unique).unwrap();
        assert_eq!(find([TASKS], &name).unwrap().message, "taken");
    }
}
