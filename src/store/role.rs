//! A user's role, in its column.

use diesel::{
    backend::Backend,
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    serialize::{self, Output, ToSql},
    sql_types::Text,
};
use strum::{EnumString, IntoStaticStr};

/// What a user may do beyond their own things.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow, EnumString, IntoStaticStr,
)]
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

impl<DB> FromSql<Text, DB> for Role
where
    DB: Backend,
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(String::from_sql(value)?.parse()?)
    }
}
