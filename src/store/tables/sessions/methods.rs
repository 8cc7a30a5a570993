//! How a user has authenticated in a session.

use std::fmt;

use diesel::{
    backend::Backend,
    deserialize::{self, FromSql, FromSqlRow},
    sql_types::Text,
};
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::store::engine::unreadable::note;

/// A way to authenticate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Method {
    /// A password, entered or chosen just now.
    Password,
    /// A link that works once: mailed to the user's email, or printed by the server for the first admin.
    MagicLink,
    /// A code of an authenticator app.
    Totp,
    /// A recovery code.
    RecoveryCode,
    /// A passkey, whose authenticator tested only that a user is present.
    Passkey,
    /// A passkey, whose authenticator verified the user, by a PIN or a fingerprint for instance. It stands for both
    /// factors: the authenticator, and what it verified.
    VerifiedPasskey,
    /// An account at an identity provider.
    Provider,
    /// A second factor that the provider asked for.
    ProviderSecondFactor,
}

impl Method {
    /// Returns the name, as in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the registered Authentication Method Reference values (RFC 8176).
    const fn references(self) -> &'static [&'static str] {
        match self {
            Self::Password => &["pwd"],
            // RFC 8176 has no value of their own for a mailed link and a recovery code. Both are passwords that work once.
            Self::MagicLink | Self::Totp | Self::RecoveryCode => &["otp"],
            // The possession of a key and the presence of a user. That the key is in hardware (hwk) or in software (swk)
            // would only be known from an attestation, which is not requested.
            Self::Passkey | Self::VerifiedPasskey => &["pop", "user"],
            // How the provider authenticated is its own matter, and it may have been long ago.
            Self::Provider | Self::ProviderSecondFactor => &[],
        }
    }
}

/// A set of methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, FromSqlRow)]
pub struct Methods(u16);

impl Methods {
    /// Returns a set of one method.
    #[must_use]
    pub const fn one(method: Method) -> Self {
        Self(1 << method as u16)
    }

    /// Returns this set and one more method.
    #[must_use]
    pub const fn and(self, method: Method) -> Self {
        Self(self.0 | Self::one(method).0)
    }

    /// Returns whether the set contains this method.
    #[must_use]
    pub const fn contains(self, method: Method) -> bool {
        self.0 & Self::one(method).0 != 0
    }

    fn iter(self) -> impl Iterator<Item = Method> {
        Method::VARIANTS.iter().copied().filter(move |method| self.contains(*method))
    }

    /// Returns the methods' names, in the order of their declaration.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        self.iter().map(Method::name).collect()
    }

    /// Returns the Authentication Method References of these methods (`amr`, RFC 8176).
    #[must_use]
    pub fn references(self) -> Vec<&'static str> {
        let mut references = Vec::new();
        for reference in self.iter().flat_map(Method::references) {
            if !references.contains(reference) {
                references.push(reference);
            }
        }
        if self.has_second_factor() {
            references.push("mfa");
        }
        references
    }

    /// Returns whether a second factor was proved: a sign-in asks for one only after a first one.
    #[must_use]
    pub const fn has_second_factor(self) -> bool {
        self.contains(Method::Totp)
            || self.contains(Method::RecoveryCode)
            || self.contains(Method::VerifiedPasskey)
            || self.contains(Method::ProviderSecondFactor)
    }
}

impl fmt::Display for Methods {
    /// The names separated by spaces, as in the database.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(" "))
    }
}

impl From<&str> for Methods {
    /// Ignores unknown names: a method of a newer version proves nothing here.
    fn from(text: &str) -> Self {
        let mut methods = Self::default();
        for name in text.split_whitespace() {
            match name.parse() {
                Ok(method) => methods = methods.and(method),
                Err(_) => note("sessions.methods", name),
            }
        }
        methods
    }
}

impl<DB> FromSql<Text, DB> for Methods
where
    DB: Backend,
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self::from(String::from_sql(value)?.as_str()))
    }

    fn from_nullable_sql(value: Option<DB::RawValue<'_>>) -> deserialize::Result<Self> {
        if let Some(value) = value {
            return Self::from_sql(value);
        }
        note("sessions.methods", "NULL");
        Ok(Self::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_stored_by_name_and_an_unknown_one_is_ignored() {
        let methods = Methods::from("telepathy password");
        assert_eq!(methods, Methods::one(Method::Password));
        assert_eq!(methods.to_string(), "password");
        assert_eq!(methods.references(), ["pwd"]);
        assert_eq!(Methods::from("").references(), [""; 0]);
    }

    #[test]
    fn second_factor_of_either_kind_is_a_one_time_password_and_multi_factor() {
        for names in ["password totp", "password recovery-code", "password totp recovery-code"] {
            assert_eq!(Methods::from(names).references(), ["pwd", "otp", "mfa"], "{names}");
        }
    }

    #[test]
    fn passkey_is_multi_factor_only_with_user_verification() {
        for (names, references) in [
            ("passkey", ["pop", "user"].as_slice()),
            ("verified-passkey", &["pop", "user", "mfa"]),
            ("passkey verified-passkey", &["pop", "user", "mfa"]),
            ("passkey totp", &["otp", "pop", "user", "mfa"]),
        ] {
            assert_eq!(Methods::from(names).references(), references, "{names}");
        }
    }

    #[test]
    fn provider_has_no_reference_and_its_second_factor_is_multi_factor() {
        assert_eq!(Methods::from("provider").references(), [""; 0]);
        assert_eq!(Methods::from("provider totp").references(), ["otp", "mfa"]);
        assert_eq!(Methods::from("provider provider-second-factor").references(), ["mfa"]);
    }
}
