//! The scopes of API tokens. A cookie session may do whatever its user may.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

// The only list of scopes: the values in a body, in the document and at the command line, and the scopes that
// an operation can require (`gate::Needs`) are derived from it.
/// A permission of a token.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, IntoStaticStr, VariantArray, ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Scope {
    /// Requests that change nothing: GET and HEAD.
    Read,
    /// Requests that change something.
    Write,
    /// The admin's routes, together with `read` or `write`, for as long as its owner is an admin.
    Admin,
}

read_by_name!(Scope);

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

/// A set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// No scope.
    pub const NONE: Self = Self(0);

    /// Returns a set of one scope.
    #[must_use]
    pub const fn one(scope: Scope) -> Self {
        Self::numbered(scope as u8)
    }

    /// Returns the scope with this number, for example `Scope::Read as u8`, in constants.
    ///
    /// # Panics
    /// When there is no such scope: for a constant, at compile time.
    #[must_use]
    pub const fn numbered(number: u8) -> Self {
        assert!((number as usize) < Scope::VARIANTS.len(), "there is no such scope");
        Self(1 << number)
    }

    /// Returns the union of both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns all scopes.
    #[must_use]
    pub fn all() -> Self {
        Scope::VARIANTS.iter().copied().collect()
    }

    /// Returns whether the set contains this scope.
    #[must_use]
    pub fn contains(self, scope: Scope) -> bool {
        self.contain(Self::one(scope))
    }

    /// Returns whether the set contains all of these scopes.
    #[must_use]
    pub fn contain(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Returns the scopes, in the order of their declaration.
    #[must_use]
    pub fn to_vec(self) -> Vec<Scope> {
        Scope::VARIANTS.iter().copied().filter(|scope| self.contains(*scope)).collect()
    }

    /// Returns their names, in the same order.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        self.to_vec().into_iter().map(Scope::name).collect()
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

impl FromStr for Scopes {
    type Err = strum::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split_whitespace().map(Scope::from_str).collect()
    }
}
