//! A user's role, in its column.

use diesel::{
    backend::Backend,
    expression::AsExpression,
    serialize::{self, Output, ToSql},
    sql_types::Text,
};
use strum::{EnumString, IntoStaticStr};

use super::stored::{Column, Stored};

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

impl Column for Role {
    const NAME: &'static str = "users.role";
}

/// A role as it is stored. One that this binary does not know grants nothing.
pub type StoredRole = Stored<Role>;

impl<DB> ToSql<Text, DB> for Role
where
    DB: Backend,
    str: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        <&'static str>::from(self).to_sql(out)
    }
}
