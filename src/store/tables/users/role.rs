//! A user's role, and how a column stores it.

use diesel::{
    backend::Backend,
    expression::AsExpression,
    serialize::{self, Output, ToSql},
    sql_types::Text,
};
use strum::{EnumString, IntoStaticStr};

use crate::store::engine::stored::{Column, Stored};

/// What a user may do beyond managing their own data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
#[diesel(sql_type = Text)]
pub enum Role {
    /// Nothing more.
    User,
    /// Administer the site: deactivate users, revoke any user's tokens.
    Admin,
}

impl Column for Role {
    const NAME: &'static str = "users.role";
}

/// A stored role. A role that this binary does not know grants nothing.
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
