//! The routes of HTML pages.

use actix_web::{
    FromRequest, Handler, Resource, Responder,
    http::Method,
    web::{self, Data},
};

use crate::{
    gate::{Access, DeclaresAccess},
    operations::Operation,
    routes::{accepted, rejecting_other_methods, serve},
    secrets::SigningKeys,
    state::State,
};

/// Returns the route of an HTML page, behind the gate, which is not an operation of the document.
pub fn page<F, Args>(path: &str, handler: F, state: &Data<State>, keys: &SigningKeys) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + DeclaresAccess + 'static,
    F::Output: Responder + 'static,
{
    let row = Operation::gated("", handler);
    let accepted = accepted(Method::GET, row.access);
    rejecting_other_methods(serve(web::resource(path), &accepted, &row, state, keys), &accepted)
}

/// Who may call a handler, from its arguments.
pub(super) fn access<F, Args>(_: &F) -> Access
where
    F: Handler<Args>,
    Args: FromRequest + DeclaresAccess + 'static,
{
    Args::ACCESS
}
