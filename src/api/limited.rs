//! Extractors that declare an operation's rate limit, as others declare its access rules.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload};

use crate::{
    error::Error,
    gate::{Access, DeclaresAccess},
    limits::Limit,
};

macro_rules! limited {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        pub struct $name;

        impl DeclaresAccess for $name {
            const ACCESS: Access = Access { limit: Some(Limit::$name), ..Access::UNGATED };
        }

        impl FromRequest for $name {
            type Error = Error;
            type Future = Ready<Result<Self, Error>>;

            fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
                ready(Ok(Self))
            }
        }
    )*};
}

limited! {
    /// Limits attempts at a password.
    SignIn
    /// Limits the creation of accounts.
    SignUp
    /// Limits requested emails.
    Mail
    /// Limits the creation of API tokens.
    Tokens
}
