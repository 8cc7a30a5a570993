//! What is counted of an operation: said by an argument, like who may call it.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload};

use crate::{
    error::Error,
    gate::{Access, Declares},
    limits::Limit,
};

macro_rules! limited {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        pub struct $name;

        impl Declares for $name {
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
    /// A password is tried.
    SignIn
    /// An account is made.
    SignUp
    /// A mail is asked for.
    Mail
    /// A token is made.
    Tokens
}
