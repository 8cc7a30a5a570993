//! How a column stores a token's scopes.

use diesel::{
    backend::Backend,
    deserialize::{self, FromSql, FromSqlRow},
    sql_types::Text,
};

use crate::{
    scope::{GrantableScope, Scope, Scopes},
    store::engine::unreadable::note,
};

/// Stored scopes: their names separated by spaces, as in OAuth 2.0 (RFC 6749).
#[derive(Debug, Clone, PartialEq, Eq, Default, FromSqlRow)]
pub struct StoredScopes {
    built_in: Scopes,
    /// Those of the product's own, and those that this binary does not know. The latter grant nothing, because no operation
    /// needs them.
    others: Vec<String>,
}

impl StoredScopes {
    /// All names, this library's first.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let others = self.others.iter().map(String::as_str);
        self.built_in.names().into_iter().chain(others).collect()
    }

    /// Returns whether this is one of them.
    #[must_use]
    pub fn contains(&self, scope: GrantableScope) -> bool {
        match scope {
            GrantableScope::BuiltIn(scope) => self.contain(Scopes::one(scope)),
            GrantableScope::Custom(scope) => self.contain(Scopes::custom(scope)),
        }
    }

    /// Returns whether these are among them.
    #[must_use]
    pub fn contain(&self, needed: Scopes) -> bool {
        self.built_in.contain_built_in(needed)
            && needed.custom.is_none_or(|custom| self.others.iter().any(|name| name == custom.name))
    }
}

impl From<Scopes> for StoredScopes {
    fn from(scopes: Scopes) -> Self {
        Self::from(scopes.to_text().as_str())
    }
}

impl FromIterator<GrantableScope> for StoredScopes {
    fn from_iter<I: IntoIterator<Item = GrantableScope>>(scopes: I) -> Self {
        scopes.into_iter().map(GrantableScope::name).collect()
    }
}

impl<'a> FromIterator<&'a str> for StoredScopes {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut scopes = Self::default();
        for name in names {
            match name.parse::<Scope>() {
                Ok(scope) => scopes.built_in = scopes.built_in.and(Scopes::one(scope)),
                Err(_) if scopes.others.iter().any(|known| known == name) => {}
                Err(_) => scopes.others.push(name.to_owned()),
            }
        }
        scopes
    }
}

impl From<&str> for StoredScopes {
    fn from(text: &str) -> Self {
        text.split_whitespace().collect()
    }
}

impl<DB> FromSql<Text, DB> for StoredScopes
where
    DB: Backend,
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        let scopes = Self::from(String::from_sql(value)?.as_str());
        for name in &scopes.others {
            if name.parse::<GrantableScope>().is_err() {
                note("api_tokens.scopes", name);
            }
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
        assert!(scopes.contains(Scope::Read.into()));
        assert!(!scopes.contains(Scope::Write.into()) && !scopes.contains(Scope::Admin.into()));
        assert_eq!(scopes.names(), ["read", "Admin", "reports:write"]);
    }
}
