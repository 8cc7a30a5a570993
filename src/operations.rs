//! The operations of a part of the API: the rows that its table of routes declares, and what utoipa documents of them.

use actix_web::{FromRequest, Handler, Responder, Route, middleware::from_fn, web};
use utoipa::openapi::OpenApi;

use crate::{
    error::Code,
    gate::{self, Access, DeclaresAccess},
};

/// Declares operations: one row per handler, in two groups, outside the gate and behind it.
///
/// A row is a handler; its method and path are declared above it with [`utoipa::path`], its access rules by its
/// arguments. The codes in brackets are those that the handler itself can return; those that follow from its arguments
/// are left out. A name without a path is a [`Code`] of this library.
///
/// ```
/// use actix_web::HttpResponse;
/// use portcullis::{error::{Code, Error}, gate::Session, operations, operations::Operations};
///
/// /// Ring the bell
/// #[utoipa::path(post, path = "/api/bell", responses((status = 204, description = "It rang")))]
/// async fn ring_bell(_: Session) -> Result<HttpResponse, Error> {
///     Err(Code::Conflict.into())
/// }
///
/// fn of_the_bell() -> Operations {
///     operations! {
///         gated { ring_bell [Conflict] }
///     }
/// }
/// # assert_eq!(of_the_bell().rows()[0].id, "ring_bell");
/// ```
///
/// It names `utoipa`, which must be among your dependencies.
#[macro_export]
macro_rules! operations {
    (
        $(open { $($open:ident $(:: $open_rest:ident)* $([$($open_code:expr),* $(,)?])?),* $(,)? })?
        $(gated { $($gated:ident $(:: $gated_rest:ident)* $([$($code:expr),* $(,)?])?),* $(,)? })?
    ) => {{
        #[derive(::utoipa::OpenApi)]
        #[openapi(paths(
            $($($open $(:: $open_rest)*,)*)?
            $($($gated $(:: $gated_rest)*),*)?
        ))]
        struct Documented;

        $crate::operations::Operations::new(<Documented as ::utoipa::OpenApi>::openapi, || {
            #[allow(unused_imports, reason = "a table may list no code")]
            use $crate::error::Code::*;
            vec![
                $($($crate::operations::Operation::open(
                    stringify!($open $(:: $open_rest)*), $open $(:: $open_rest)*
                )$($(.answering($open_code))*)?,)*)?
                $($($crate::operations::Operation::gated(
                    stringify!($gated $(:: $gated_rest)*), $gated $(:: $gated_rest)*
                )$($(.answering($code))*)?,)*)?
            ]
        })
    }};
}

/// The operations of one table.
#[derive(Clone, Copy)]
pub struct Operations {
    documented: fn() -> OpenApi,
    rows: fn() -> Vec<Operation>,
    folder: &'static str,
}

impl Operations {
    /// What `operations!` expands to.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(documented: fn() -> OpenApi, rows: fn() -> Vec<Operation>) -> Self {
        Self { documented, rows, folder: "src" }
    }

    /// Sets the folder that holds the modules of the handlers, to which the list of routes links: `src`, unless it is set.
    #[must_use]
    pub const fn in_folder(self, folder: &'static str) -> Self {
        Self { folder, ..self }
    }

    /// Returns the rows.
    #[must_use]
    pub fn rows(&self) -> Vec<Operation> {
        let mut rows = (self.rows)();
        for row in &mut rows {
            row.folder = self.folder;
        }
        rows
    }

    /// Returns a number that differs from that of other tables, in this process.
    #[cfg(feature = "testkit")]
    pub(crate) fn number(&self) -> usize {
        self.documented as usize
    }

    /// Returns the document that utoipa generates from the handlers, without the access rules.
    pub(crate) fn documented(&self) -> OpenApi {
        (self.documented)()
    }
}

/// A row: a handler and its name, which is its operation id.
pub struct Operation {
    /// The operation id.
    pub id: &'static str,
    /// The access rules, from the handler's arguments.
    pub access: Access,
    /// The codes that the handler itself can return.
    pub codes: Vec<Code>,
    /// The path of the handler, as the table writes it.
    handler: &'static str,
    folder: &'static str,
    route: Box<dyn Fn() -> Route>,
}

impl Operation {
    /// A handler outside the gate. One whose arguments need a session, or are not in the document, does not compile here.
    #[doc(hidden)]
    pub fn open<F, Args>(path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + DeclaresAccess + 'static,
        F::Output: Responder + 'static,
    {
        const {
            assert!(!Args::ACCESS.gated, "this handler belongs behind the gate");
            assert!(Args::ACCESS.limit.is_none(), "a limit of its own is counted by the gate");
            assert!(
                !Args::ACCESS.undocumented,
                "the document does not declare this extractor's errors"
            );
        }
        let route = Box::new(move || web::to(handler.clone()));
        let access = Args::ACCESS;
        Self { id: id(path), access, codes: Vec::new(), handler: path, folder: "src", route }
    }

    /// A handler behind the gate. One whose arguments do not need the gate, or are not in the document, does not compile
    /// here:
    ///
    /// ```compile_fail,E0080
    /// use actix_web::{HttpResponse, web::Json};
    /// use portcullis::{gate::Session, operations::Operation};
    ///
    /// async fn order(_: Session, _: Json<u32>) -> HttpResponse {
    ///     HttpResponse::Created().finish()
    /// }
    ///
    /// let _ = Operation::gated("order", order);
    /// ```
    #[doc(hidden)]
    pub fn gated<F, Args>(path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + DeclaresAccess + 'static,
        F::Output: Responder + 'static,
    {
        const {
            assert!(
                !Args::ACCESS.undocumented,
                "the document does not declare this extractor's errors"
            );
        }
        Self::undocumented(path, handler)
    }

    /// A handler behind the gate, which may have arguments that are not in the document.
    pub(crate) fn undocumented<F, Args>(path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + DeclaresAccess + 'static,
        F::Output: Responder + 'static,
    {
        const { assert!(Args::ACCESS.gated, "this handler takes no session") }
        let access = Args::ACCESS;
        let gate = move |request, next| gate::pass(access, request, next);
        let route = Box::new(move || web::to(handler.clone()).wrap(from_fn(gate)));
        Self { id: id(path), access, codes: Vec::new(), handler: path, folder: "src", route }
    }

    /// Returns the route, without a guard.
    pub(crate) fn route(&self) -> Route {
        (self.route)()
    }

    /// The source file of the handler.
    #[must_use]
    pub fn file(&self) -> String {
        let modules: Vec<&str> = self.handler.split("::").map(str::trim).collect();
        let module = modules.split_last().map_or(&[][..], |(_, modules)| modules);
        format!("{}/{}.rs", self.folder, module.join("/"))
    }

    /// Adds codes that the handler itself can return.
    #[doc(hidden)]
    #[must_use]
    pub fn answering(mut self, answer: impl Answer) -> Self {
        self.codes.extend(answer.codes());
        self
    }
}

/// A code of a row, or a group of codes.
pub trait Answer {
    /// Returns the codes.
    fn codes(self) -> Vec<Code>;
}

impl Answer for Code {
    fn codes(self) -> Vec<Code> {
        vec![self]
    }
}

impl<const N: usize> Answer for [Code; N] {
    fn codes(self) -> Vec<Code> {
        self.into()
    }
}

fn id(path: &'static str) -> &'static str {
    path.rsplit(':').next().map_or(path, str::trim)
}
