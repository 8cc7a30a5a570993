//! What a token may do. A cookie session may do all that its user may.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

/// One thing that a token may be allowed.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
    ToSchema,
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

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// Every scope there is.
    #[must_use]
    pub fn all() -> Self {
        Scope::VARIANTS.iter().copied().collect()
    }

    /// Whether this one is among them.
    #[must_use]
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// The scopes, in the order in which they are declared.
    #[must_use]
    pub fn to_vec(self) -> Vec<Scope> {
        Scope::VARIANTS.iter().copied().filter(|scope| self.contains(*scope)).collect()
    }

    /// Their names with a space between, as OAuth writes them (RFC 6749, 3.3).
    #[must_use]
    pub fn to_text(self) -> String {
        self.to_vec().into_iter().map(Scope::name).collect::<Vec<_>>().join(" ")
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl FromStr for Scopes {
    type Err = strum::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split_whitespace().map(Scope::from_str).collect()
    }
}
