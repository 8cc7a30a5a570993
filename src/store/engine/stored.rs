//! An enum that a text column stores by name. The author of a table writes one line:
//!
//! ```ignore
//! #[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray, ToSchema)]
//! #[strum(serialize_all = "lowercase")]
//! #[schema(rename_all = "lowercase")]
//! pub enum TaskStatus { Planned, Active, Done }
//!
//! impl Column for TaskStatus { const NAME: &str = "tasks.status"; }   // a row holds a Stored<TaskStatus>
//! read_by_name!(TaskStatus);                                             // a body may name it
//! ```

use std::{fmt, str::FromStr};

use diesel::{
    backend::Backend,
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    serialize::{self, Output, ToSql},
    sql_types::Text,
};
use serde::{Serialize, Serializer};

use crate::store::engine::unreadable::note;

/// An enum whose names a column stores.
pub trait Column: FromStr + Into<&'static str> + Copy {
    /// The column, as `table.column`, for the log.
    const NAME: &'static str;
}

/// A stored name. A name that this binary does not know equals no known one: a newer binary has written it, and it is
/// shown as it is.
#[derive(Debug, Clone, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub enum Stored<T: 'static> {
    /// A name that this binary knows.
    Known(T),
    /// Any other name.
    Unknown(String),
}

impl<T: Column> Stored<T> {
    /// Its text in the column.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Known(value) => (*value).into(),
            Self::Unknown(name) => name,
        }
    }
}

impl<T: Column> fmt::Display for Stored<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl<T: Column> Serialize for Stored<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<T: PartialEq> PartialEq<T> for Stored<T> {
    fn eq(&self, other: &T) -> bool {
        matches!(self, Self::Known(value) if value == other)
    }
}

impl<T> From<T> for Stored<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T, DB> ToSql<Text, DB> for Stored<T>
where
    T: Column + fmt::Debug,
    DB: Backend,
    str: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.name().to_sql(out)
    }
}

impl<T, DB> FromSql<Text, DB> for Stored<T>
where
    T: Column,
    DB: Backend,
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        let name = String::from_sql(value)?;
        Ok(name.parse().map_or_else(
            |_| {
                note(T::NAME, &name);
                Self::Unknown(name.clone())
            },
            Self::Known,
        ))
    }

    fn from_nullable_sql(value: Option<DB::RawValue<'_>>) -> deserialize::Result<Self> {
        if let Some(value) = value {
            return Self::from_sql(value);
        }
        note(T::NAME, "NULL");
        Ok(Self::Unknown(String::new()))
    }
}
