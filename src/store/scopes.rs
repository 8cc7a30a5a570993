//! A token's scopes, in their column.

use diesel::{
    backend::Backend,
    deserialize::{self, FromSql, FromSqlRow},
    sql_types::Text,
};

use crate::scope::Scopes;

/// Scopes in a column: their names with a space between, as OAuth writes them.
#[derive(Debug, Clone, Copy, FromSqlRow)]
pub struct StoredScopes(pub Scopes);

impl From<StoredScopes> for Scopes {
    fn from(stored: StoredScopes) -> Self {
        stored.0
    }
}

impl<DB> FromSql<Text, DB> for StoredScopes
where
    DB: Backend,
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(String::from_sql(value)?.parse()?))
    }
}
