//! What a token may do. A cookie session may do all that its user may.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

// The only list of them: what a body may name, what the document and the command line say, and what an operation can
// demand (`gate::Needs`) follow from it.
/// One thing that a token may be allowed.
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

/// Reads an enum from its name and from nothing else.
///
/// serde's derive also takes `{"admin": null}`, and serde_json calls a number where a name belongs
/// broken JSON instead of a field that does not fit.
///
/// # Errors
/// When it is no text, or no name of this enum's.
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

/// Has an enum be read from its name in a body or a query string, as [`by_name`] does.
macro_rules! read_by_name {
    ($name:ty) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::scope::by_name(deserializer)
            }
        }
    };
}

pub(crate) use read_by_name;

impl Scope {
    /// Its name on the wire and in a column.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Which scope a request of this method needs: `read` if the method is safe (RFC 9110, 9.2.1).
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

    /// This one.
    #[must_use]
    pub const fn one(scope: Scope) -> Self {
        Self::numbered(scope as u8)
    }

    /// The scope of this number, `Scope::Read as u8` for example: where a constant is needed.
    ///
    /// # Panics
    /// When there is none: where it is compiled, for a constant.
    #[must_use]
    pub const fn numbered(number: u8) -> Self {
        assert!((number as usize) < Scope::VARIANTS.len(), "there is no such scope");
        Self(1 << number)
    }

    /// The scopes of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Every scope there is.
    #[must_use]
    pub fn all() -> Self {
        Scope::VARIANTS.iter().copied().collect()
    }

    /// Whether this one is among them.
    #[must_use]
    pub fn contains(self, scope: Scope) -> bool {
        self.contain(Self::one(scope))
    }

    /// Whether all of these are among them.
    #[must_use]
    pub fn contain(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// The scopes, in the order in which they are declared.
    #[must_use]
    pub fn to_vec(self) -> Vec<Scope> {
        Scope::VARIANTS.iter().copied().filter(|scope| self.contains(*scope)).collect()
    }

    /// Their names, in the same order.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        self.to_vec().into_iter().map(Scope::name).collect()
    }

    /// Their names with a space between, as OAuth writes them (RFC 6749, 3.3).
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
