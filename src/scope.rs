//! The scopes of API tokens. A cookie session may do whatever its user may.

mod custom;
mod grantable;

use std::str::FromStr;

use serde::{Deserialize, Deserializer, de::Error};
use strum::{EnumString, IntoStaticStr, VariantArray};

#[cfg(feature = "testkit")]
pub(crate) use custom::registered;
pub use custom::{CustomScope, DeclaresScope};
pub(crate) use custom::{check_name, register};
pub use grantable::GrantableScope;

/// A permission of a token that this library defines. A product adds its own with [`scope!`](crate::scope!).
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Scope {
    /// Requests that change nothing: GET and HEAD.
    Read,
    /// Requests that change something.
    Write,
    /// The admin's routes, together with `read` or `write`, for as long as its owner is an admin.
    Admin,
}

/// Deserializes an enum from its name and from nothing else.
///
/// serde's derive also accepts `{"admin": null}`, and serde_json reports a number in place of a name as
/// malformed JSON instead of an invalid field.
///
/// # Errors
/// When the value is not a string, or not a name of this enum.
#[doc(hidden)]
pub fn by_name<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr + VariantArray + Copy + Into<&'static str>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        let names: Vec<&str> = T::VARIANTS.iter().map(|variant| (*variant).into()).collect();
        D::Error::custom(format!("must be one of {}", names.join(", ")))
    })
}

/// Implements `Deserialize` for an enum by its name, with [`by_name`].
#[macro_export]
macro_rules! read_by_name {
    ($name:ty) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::scope::by_name(deserializer)
            }
        }
    };
}

pub(crate) use crate::read_by_name;

impl Scope {
    /// Returns the name, as in JSON and in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the scope that a request of this method needs: `read` if the method is safe (RFC 9110, 9.2.1).
    #[must_use]
    pub fn of_method(safe: bool) -> Self {
        if safe { Self::Read } else { Self::Write }
    }
}

/// A set of scopes: any of this library's, and at most one of a product's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes {
    built_in: u8,
    pub(crate) custom: Option<&'static CustomScope>,
}

impl Scopes {
    /// No scope.
    pub const NONE: Self = Self { built_in: 0, custom: None };

    /// Returns a set of one scope.
    #[must_use]
    pub const fn one(scope: Scope) -> Self {
        Self { built_in: 1 << scope as u8, custom: None }
    }

    /// Returns a set of one scope of a product's own.
    #[must_use]
    pub const fn custom(scope: &'static CustomScope) -> Self {
        Self { built_in: 0, custom: Some(scope) }
    }

    /// Returns the union of both sets.
    ///
    /// # Panics
    /// When both have a scope of a product's own: for the arguments of a handler, at compile time.
    #[must_use]
    #[expect(clippy::panic, reason = "it is evaluated where it is compiled")]
    pub const fn and(self, other: Self) -> Self {
        Self {
            built_in: self.built_in | other.built_in,
            custom: match (self.custom, other.custom) {
                (None, custom) | (custom, None) => custom,
                _ => panic!("an operation has one scope of its own: these arguments say two"),
            },
        }
    }

    /// Returns whether the set contains this scope.
    #[must_use]
    pub fn contains(self, scope: Scope) -> bool {
        self.contain_built_in(Self::one(scope))
    }

    /// Returns whether the set contains all of these scopes, apart from that of a product's own.
    pub(crate) fn contain_built_in(self, others: Self) -> bool {
        self.built_in & others.built_in == others.built_in
    }

    /// Returns the names of the scopes, in the order of their declaration.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let built_in = Scope::VARIANTS.iter().copied().filter(|scope| self.contains(*scope));
        built_in.map(Scope::name).chain(self.custom.map(|custom| custom.name)).collect()
    }

    /// Returns their names separated by spaces, as OAuth writes them (RFC 6749, 3.3).
    #[must_use]
    pub fn to_text(self) -> String {
        self.names().join(" ")
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::NONE, |all, scope| all.and(Self::one(scope)))
    }
}
