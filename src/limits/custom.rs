//! Rate limits that a product adds, each of which is declared by a type of handler argument.

use std::{num::NonZeroU32, time::Duration};

use crate::config::Rate;

/// A rate limit of a product's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CustomLimit {
    /// Its name, as in the field `RateLimit` of responses. The name of its setting follows from it.
    pub name: &'static str,
    /// The rate, unless it is set.
    pub default: Rate,
}

/// A type of handler argument that declares a rate limit of a product's own:
/// [`rate_limit!`](crate::rate_limit!) implements it.
pub trait DeclaresLimit {
    /// The limit.
    const LIMIT: &'static CustomLimit;
}

/// Declares a rate limit of a product's own: its name, and how many requests of a user it allows, per `second`, `minute`,
/// `hour` or `day`. That many may be sent at once.
///
/// It is a type of handler argument. The gate counts the requests for the operations that have it among their arguments, per
/// user, and per IP address of anonymous callers; each instance counts for itself. The component registers it:
/// [`Component::rate_limit`](crate::component::Component::rate_limit). Its setting is `LEDGER_LIMIT_EXPORTS` for a limit
/// called `exports` of a product called Ledger.
///
/// ```
/// use actix_web::HttpResponse;
/// use portcullis::{component::Component, gate::Session, operations, rate_limit};
///
/// rate_limit!(
///     /// Limits exports, which are expensive.
///     pub Exports = "exports", 10 per hour
/// );
///
/// /// Export everything
/// #[utoipa::path(get, path = "/api/export", responses((status = 204, description = "Nothing")))]
/// async fn export(_: Session, _: Exports) -> HttpResponse {
///     HttpResponse::NoContent().finish()
/// }
///
/// let invoices =
///     Component::new("invoices").operations(operations! { gated { export } }).rate_limit::<Exports>();
/// ```
///
/// An operation has one limit of its own: two do not compile, and neither does one outside the gate.
///
/// ```compile_fail,E0080
/// use actix_web::HttpResponse;
/// use portcullis::{gate::Session, operations::Operation, rate_limit};
///
/// rate_limit!(pub Exports = "exports", 10 per hour);
/// rate_limit!(pub Imports = "imports", 10 per hour);
///
/// async fn sync(_: Session, _: Exports, _: Imports) -> HttpResponse {
///     HttpResponse::NoContent().finish()
/// }
///
/// let _ = Operation::gated("sync", sync);
/// ```
///
/// It names `actix_web`, which must be among your dependencies.
#[macro_export]
macro_rules! rate_limit {
    (@seconds second) => { 1 };
    (@seconds minute) => { 60 };
    (@seconds hour) => { 3600 };
    (@seconds day) => { 86400 };
    (
        $(#[$doc:meta])* $visibility:vis $name:ident = $limit:literal,
        $most:literal per $time:ident $(,)?
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        $visibility struct $name;

        impl $crate::limits::DeclaresLimit for $name {
            const LIMIT: &'static $crate::limits::CustomLimit = &$crate::limits::CustomLimit {
                name: $limit,
                default: $crate::limits::rate($most, $crate::rate_limit!(@seconds $time)),
            };
        }

        impl $crate::gate::DeclaresAccess for $name {
            const ACCESS: $crate::gate::Access = $crate::gate::Access {
                limit: ::std::option::Option::Some($crate::limits::Limit::Custom(
                    <Self as $crate::limits::DeclaresLimit>::LIMIT
                )),
                ..$crate::gate::Access::UNGATED
            };
        }

        impl ::actix_web::FromRequest for $name {
            type Error = $crate::error::Error;
            type Future = ::std::future::Ready<::std::result::Result<Self, Self::Error>>;

            fn from_request(
                _: &::actix_web::HttpRequest,
                _: &mut ::actix_web::dev::Payload,
            ) -> Self::Future {
                // The gate has already counted the request.
                ::std::future::ready(::std::result::Result::Ok(Self))
            }
        }
    };
}

/// Returns a rate, in constants. What [`rate_limit!`](crate::rate_limit!) expands to.
///
/// # Panics
/// When it allows nothing: for a constant, at compile time.
#[must_use]
#[expect(clippy::panic, reason = "it is evaluated where it is compiled")]
pub const fn rate(most: u32, seconds: u64) -> Rate {
    match NonZeroU32::new(most) {
        Some(most) => Rate::Of(most, Duration::from_secs(seconds)),
        None => panic!("a rate limit allows at least one request"),
    }
}

/// Checks that a name can be that of a limit: it is part of a setting's name, and of a header.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let fits = |letter: char| matches!(letter, 'a'..='z' | '0'..='9' | '-');
    let begins = name.starts_with(|letter: char| letter.is_ascii_lowercase());
    if begins && name.len() <= 30 && name.chars().all(fits) && !name.ends_with('-') {
        return Ok(());
    }
    Err(format!(
        "the rate limit {name:?} must consist of 1 to 30 of a-z, 0-9 and -, and begin with a letter"
    ))
}
