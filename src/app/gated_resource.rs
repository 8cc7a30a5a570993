//! Routes of an existing application, behind the gate.

use actix_web::{
    FromRequest, Handler, Resource, Responder,
    dev::{AppService, HttpServiceFactory},
    http::Method,
    web,
};

use super::embedded::Gate;
use crate::{gate::DeclaresAccess, operations::Operation, routes};

/// A path of an application that embeds the gate: the gate resolves the caller of each request to it.
///
/// The arguments of a handler say who may call it, as for an operation: [`Session`](crate::gate::Session),
/// `Option<Session>`, [`SiteAdmin`](crate::gate::SiteAdmin), with [`ByCookie`](crate::gate::ByCookie), and others. Handlers
/// are not in the OpenAPI document, and may take extractors of actix-web: `Json`, `Query`, `Path`, `Bytes` and `String`. GET
/// implies HEAD, and any other method results in 405.
///
/// A handler that takes no session does not compile here:
///
/// ```compile_fail,E0080
/// use portcullis::app::{Gate, GatedResource};
///
/// async fn show_window() -> &'static str {
///     "Open from 9 to 5"
/// }
///
/// fn window(gate: &Gate) -> GatedResource {
///     gate.resource("/window").get(show_window)
/// }
///
/// let _ = window as fn(&Gate) -> GatedResource;
/// ```
pub struct GatedResource {
    gate: Gate,
    resource: Resource,
    accepted: Vec<Method>,
}

impl GatedResource {
    pub(super) fn new(path: &str, gate: Gate) -> Self {
        Self { gate, resource: web::resource(path), accepted: Vec::new() }
    }

    /// Adds the handler of GET and HEAD.
    #[must_use]
    pub fn get<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + DeclaresAccess + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::GET, handler)
    }

    /// Adds the handler of POST.
    #[must_use]
    pub fn post<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + DeclaresAccess + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::POST, handler)
    }

    /// Adds the handler of PUT.
    #[must_use]
    pub fn put<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + DeclaresAccess + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::PUT, handler)
    }

    /// Adds the handler of PATCH.
    #[must_use]
    pub fn patch<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + DeclaresAccess + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::PATCH, handler)
    }

    /// Adds the handler of DELETE.
    #[must_use]
    pub fn delete<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + DeclaresAccess + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::DELETE, handler)
    }

    fn on<F, Args>(mut self, method: Method, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + DeclaresAccess + 'static,
        F::Output: Responder + 'static,
    {
        let row = Operation::undocumented("", handler);
        let accepted = routes::accepted(method, row.access);
        self.resource = self.gate.serve(self.resource, &accepted, &row);
        self.accepted.extend(accepted);
        self
    }
}

impl HttpServiceFactory for GatedResource {
    fn register(self, config: &mut AppService) {
        routes::rejecting_other_methods(self.resource, &self.accepted).register(config);
    }
}
