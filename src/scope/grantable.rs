//! What a token can be given.

use std::{borrow::Cow, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use strum::VariantArray;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use super::{CustomScope, Scope, custom::registered};

/// A scope that a token can have: one of this library, or one that the product has added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantableScope {
    /// One of this library.
    BuiltIn(Scope),
    /// One of the product's own.
    Custom(&'static CustomScope),
}

impl GrantableScope {
    /// Returns every scope of this process, this library's first.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::with(registered().iter().copied())
    }

    /// Returns this library's scopes, and then these.
    pub(crate) fn with(
        custom: impl Iterator<Item = &'static CustomScope>,
    ) -> impl Iterator<Item = Self> {
        Scope::VARIANTS.iter().copied().map(Self::BuiltIn).chain(custom.map(Self::Custom))
    }

    /// Returns the name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BuiltIn(scope) => scope.name(),
            Self::Custom(scope) => scope.name,
        }
    }

    /// Returns what it allows, in a few words.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::BuiltIn(Scope::Read) => "see, and change nothing",
            Self::BuiltIn(Scope::Write) => "create, change and delete",
            Self::BuiltIn(Scope::Admin) => "what this site’s admins may",
            Self::Custom(scope) => scope.meaning,
        }
    }

    /// Returns the schema of these scopes.
    pub(crate) fn schema_of(all: impl Iterator<Item = Self>) -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A permission of a token."))
            .enum_values(Some(all.map(Self::name)))
            .into()
    }
}

impl From<Scope> for GrantableScope {
    fn from(scope: Scope) -> Self {
        Self::BuiltIn(scope)
    }
}

impl FromStr for GrantableScope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::all().find(|scope| scope.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::all().map(Self::name).collect();
            format!("must be one of {}", names.join(", "))
        })
    }
}

impl Serialize for GrantableScope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for GrantableScope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl PartialSchema for GrantableScope {
    fn schema() -> RefOr<Schema> {
        Self::schema_of(Self::with(std::iter::empty()))
    }
}

impl ToSchema for GrantableScope {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Scope")
    }
}
