//! A user's role, in its column.

use std::fmt;

use diesel::{
    backend::Backend,
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    serialize::{self, Output, ToSql},
    sql_types::Text,
};
use strum::{EnumString, IntoStaticStr};

use super::unreadable::note;

/// What a user may do beyond their own things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
#[diesel(sql_type = Text)]
pub enum Role {
    /// Nothing.
    User,
    /// Run the site: deactivate users, manage anyone's tokens.
    Admin,
}

impl<DB> ToSql<Text, DB> for Role
where
    DB: Backend,
    str: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        <&'static str>::from(self).to_sql(out)
    }
}

/// A role as it is stored. One that this binary does not know equals none that it knows: it grants nothing.
#[derive(Debug, Clone, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub enum StoredRole {
    /// A role of this binary's.
    Known(Role),
    /// Another.
    Unknown(String),
}

impl StoredRole {
    /// Its text in the column.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Known(role) => role.into(),
            Self::Unknown(name) => name,
        }
    }
}

impl fmt::Display for StoredRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl PartialEq<Role> for StoredRole {
    fn eq(&self, other: &Role) -> bool {
        *self == Self::Known(*other)
    }
}

impl From<Role> for StoredRole {
    fn from(role: Role) -> Self {
        Self::Known(role)
    }
}

impl<DB> ToSql<Text, DB> for StoredRole
where
    DB: Backend,
    str: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.name().to_sql(out)
    }
}

impl<DB> FromSql<Text, DB> for StoredRole
where
    DB: Backend,
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        let name = String::from_sql(value)?;
        Ok(name.parse().map_or_else(
            |_| {
                note("users.role", &name);
                Self::Unknown(name.clone())
            },
            Self::Known,
        ))
    }
}
