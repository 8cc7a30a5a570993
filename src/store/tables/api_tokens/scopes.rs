//! How a column stores a token's scopes.

use diesel::{
    backend::Backend,
    deserialize::{self, FromSql, FromSqlRow},
    sql_types::Text,
};

use crate::{
    scope::{Scope, Scopes},
    store::engine::unreadable::note,
};

/// Stored scopes: their names separated by spaces, as in OAuth 2.0 (RFC 6749).
#[derive(Debug, Clone, PartialEq, Eq, Default, FromSqlRow)]
pub struct StoredScopes {
    /// The scopes that this binary knows. Unknown ones grant nothing.
    pub known: Scopes,
    unknown: Vec<String>,
}

impl StoredScopes {
    /// All names, unknown ones at the end.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let known = self.known.names().into_iter().map(ToOwned::to_owned);
        known.chain(self.unknown.iter().cloned()).collect()
    }
}

impl From<Scopes> for StoredScopes {
    fn from(known: Scopes) -> Self {
        Self { known, unknown: Vec::new() }
    }
}

impl From<&str> for StoredScopes {
    fn from(text: &str) -> Self {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for name in text.split_whitespace() {
            match name.parse::<Scope>() {
                Ok(scope) => known.push(scope),
                Err(_) => unknown.push(name.to_owned()),
            }
        }
        Self { known: known.into_iter().collect(), unknown }
    }
}

impl<DB> FromSql<Text, DB> for StoredScopes
where
    DB: Backend,
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        let scopes = Self::from(String::from_sql(value)?.as_str());
        for name in &scopes.unknown {
            note("api_tokens.scopes", name);
        }
        Ok(scopes)
    }

    fn from_nullable_sql(value: Option<DB::RawValue<'_>>) -> deserialize::Result<Self> {
        if let Some(value) = value {
            return Self::from_sql(value);
        }
        note("api_tokens.scopes", "NULL");
        Ok(Self::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_scope_is_shown_and_grants_nothing() {
        let scopes = StoredScopes::from("read Admin reports:write");
        assert_eq!(scopes.known, [Scope::Read].into_iter().collect());
        assert_eq!(scopes.names(), ["read", "Admin", "reports:write"]);
    }
}
