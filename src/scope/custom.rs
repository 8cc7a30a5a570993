//! Scopes that a product adds, each of which is declared by a type of handler argument.

use std::sync::OnceLock;

use super::Scope;

/// A scope of a product's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CustomScope {
    /// Its name, as in a token's list of scopes.
    pub name: &'static str,
    /// What it allows, in a few words, for the form in which users create tokens.
    pub meaning: &'static str,
}

/// A type of handler argument that declares a scope of a product's own: [`scope!`](crate::scope!) implements it.
pub trait DeclaresScope {
    /// The scope.
    const SCOPE: &'static CustomScope;
}

/// Declares a scope of a product's own: its name in a token, and what it allows, in a few words.
///
/// It is a type of handler argument. A token needs the scope for the operations that have it among their arguments, besides
/// `read` or `write`, which the method requires; a cookie has every scope. The component registers it:
/// [`Component::scope`](crate::component::Component::scope).
///
/// ```
/// use actix_web::HttpResponse;
/// use portcullis::{component::Component, gate::Session, operations, scope};
///
/// scope!(
///     /// Invoices and payment methods.
///     pub Billing = "billing", "see and pay invoices"
/// );
///
/// /// Pay what is due
/// #[utoipa::path(post, path = "/api/payments", responses((status = 204, description = "It is paid")))]
/// async fn pay(_: Session, _: Billing) -> HttpResponse {
///     HttpResponse::NoContent().finish()
/// }
///
/// let invoices =
///     Component::new("invoices").operations(operations! { gated { pay } }).scope::<Billing>();
/// ```
///
/// An operation has one scope of its own: two do not compile.
///
/// ```compile_fail,E0080
/// use actix_web::HttpResponse;
/// use portcullis::{operations::Operation, scope};
///
/// scope!(pub Billing = "billing", "see and pay invoices");
/// scope!(pub Reports = "reports", "see reports");
///
/// async fn report(_: Billing, _: Reports) -> HttpResponse {
///     HttpResponse::Ok().finish()
/// }
///
/// let _ = Operation::gated("report", report);
/// ```
///
/// It names `actix_web`, which must be among your dependencies.
#[macro_export]
macro_rules! scope {
    ($(#[$doc:meta])* $visibility:vis $name:ident = $scope:literal, $meaning:literal $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        $visibility struct $name;

        impl $crate::scope::DeclaresScope for $name {
            const SCOPE: &'static $crate::scope::CustomScope =
                &$crate::scope::CustomScope { name: $scope, meaning: $meaning };
        }

        impl $crate::gate::DeclaresAccess for $name {
            const ACCESS: $crate::gate::Access = $crate::gate::Access {
                scopes: $crate::scope::Scopes::custom(
                    <Self as $crate::scope::DeclaresScope>::SCOPE
                ),
                ..$crate::gate::Access::REQUIRES_AUTH
            };
        }

        impl ::actix_web::FromRequest for $name {
            type Error = <$crate::gate::Session as ::actix_web::FromRequest>::Error;
            type Future = ::std::future::Ready<::std::result::Result<Self, Self::Error>>;

            fn from_request(
                request: &::actix_web::HttpRequest,
                payload: &mut ::actix_web::dev::Payload,
            ) -> Self::Future {
                // The gate has already compared a token's scopes.
                let session =
                    <$crate::gate::Session as ::actix_web::FromRequest>::from_request(request, payload);
                ::std::future::ready(session.into_inner().map(|_| Self))
            }
        }
    };
}

/// Those of this process, which is one product. A global value, because a body and a row are parsed where there is nothing
/// but their text.
static REGISTERED: OnceLock<Vec<&'static CustomScope>> = OnceLock::new();

/// Sets the scopes of this process that a product has added.
///
/// # Errors
/// When it already has others.
pub(crate) fn register(all: &[&'static CustomScope]) -> Result<(), String> {
    if REGISTERED.get_or_init(|| all.to_vec()) == all {
        return Ok(());
    }
    Err("this process already runs a product with other scopes".to_owned())
}

/// Returns the scopes of this process that a product has added.
pub(crate) fn registered() -> &'static [&'static CustomScope] {
    REGISTERED.get().map(Vec::as_slice).unwrap_or_default()
}

/// Checks that a name can be that of a scope: it is stored, and written in a header, in a list separated by spaces (RFC
/// 6749, 3.3).
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let fits = |letter: char| matches!(letter, 'a'..='z' | '0'..='9' | '-' | ':');
    if name.parse::<Scope>().is_ok() {
        return Err(format!("the scope {name:?} is one of Portcullis"));
    }
    if (1..=30).contains(&name.len()) && name.chars().all(fits) {
        return Ok(());
    }
    Err(format!("the scope {name:?} must consist of 1 to 30 of a-z, 0-9, - and :"))
}
