//! An enum that a text column stores by name.

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

/// Declares an enum that a text column stores by name, and that a body names. The names are those of the variants in kebab
/// case: `InProgress` is `in-progress`.
///
/// ```
/// use portcullis::{stored_enum, store::Stored};
///
/// stored_enum! {
///     /// The status of a task.
///     pub enum Status in tasks.status {
///         /// It has not begun.
///         Planned,
///         /// Work on it has begun.
///         InProgress,
///     }
/// }
///
/// // The row has `status: Stored<Status>`: also a name that only a newer version knows.
/// assert_eq!(Stored::from(Status::InProgress).name(), "in-progress");
/// ```
///
/// It names the crates `serde`, `strum` and `utoipa`, which must be among your dependencies.
#[macro_export]
macro_rules! stored_enum {
    (
        $(#[$attr:meta])*
        pub enum $name:ident in $table:ident.$column:ident { $($variants:tt)+ }
    ) => {
        $(#[$attr])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantArray,
            utoipa::ToSchema,
        )]
        #[strum(serialize_all = "kebab-case")]
        #[schema(rename_all = "kebab-case")]
        pub enum $name { $($variants)+ }

        impl $crate::store::Column for $name {
            const NAME: &'static str = concat!(stringify!($table), ".", stringify!($column));
        }

        $crate::read_by_name!($name);
    };
}

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
