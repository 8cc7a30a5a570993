//! Pages of a product's components.

use std::sync::Arc;

use actix_web::{
    FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, ResponseError,
    body::BoxBody, http::StatusCode, web::Data,
};
use askama::Template;

use super::{
    Asset, Directive,
    content_security_policy::policy,
    frame::{self, Frame},
    route,
};
use crate::{
    error::{Code, Error},
    gate::{Access, DeclaresAccess, session_of},
    secrets::SigningKeys,
    state::State,
};

/// A page of a component, at a path of its own outside `/api/`.
///
/// Its handler's arguments say who may see it, as for an operation, and one of them resolves the caller: `Session`
/// redirects an anonymous browser to the sign-in page, `Option<Session>` does not, `SiteAdmin` is for admins.
///
/// ```
/// use portcullis::{
///     component::Component,
///     error::Error,
///     gate::Session,
///     pages::{Page, View},
/// };
///
/// #[derive(askama::Template)]
/// #[template(source = "<h1>The ledger of {{ name }}</h1>", ext = "html")]
/// struct Ledger<'a> {
///     name: &'a str,
/// }
///
/// async fn show_ledger(session: Session) -> Result<View, Error> {
///     View::new("Ledger", &Ledger { name: &session.user.name })
/// }
///
/// let component = Component::new("ledger").page(Page::new("/ledger", show_ledger).in_navigation("Ledger"));
/// ```
#[derive(Clone)]
pub struct Page {
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    pub(crate) label: Option<&'static str>,
    pub(crate) added: Vec<(Directive, &'static str)>,
    resource: Arc<MakeResource>,
}

/// Returns the page's route.
type MakeResource = dyn Fn(&Data<State>, &SigningKeys) -> Resource + Send + Sync;

/// What the handler's response needs to know of its page.
struct Served {
    path: &'static str,
    policy: String,
}

impl Page {
    /// Creates a page. The path may have placeholders, such as `/ledger/{id}`. GET and HEAD are accepted.
    #[must_use]
    pub fn new<F, Args>(path: &'static str, handler: F) -> Self
    where
        F: Handler<Args> + Send + Sync,
        Args: FromRequest + DeclaresAccess + 'static,
        F::Output: Responder + 'static,
    {
        Self {
            path,
            access: Args::ACCESS,
            label: None,
            added: Vec::new(),
            resource: Arc::new(move |state, keys| route::page(path, handler.clone(), state, keys)),
        }
    }

    /// Adds a link to it, with this text, to the navigation at the top of all pages, for those who may see the page.
    #[must_use]
    pub fn in_navigation(self, label: &'static str) -> Self {
        Self { label: Some(label), ..self }
    }

    /// Adds a source to the Content-Security-Policy of this page: an origin, `https://images.example.com`; for
    /// [`Directive::ImgSrc`] also `data:`, and for [`Directive::ConnectSrc`] also one with `wss:`. Anything else is an error
    /// at start-up.
    #[must_use]
    pub fn allow(mut self, directive: Directive, source: &'static str) -> Self {
        self.added.push((directive, source));
        self
    }

    pub(super) fn resource(&self, state: &Data<State>, keys: &SigningKeys) -> Resource {
        let served = Served { path: self.path, policy: policy(&self.added) };
        (self.resource)(state, keys).app_data(served)
    }

    pub(crate) fn link(&self) -> Option<NavigationLink> {
        let Self { path, access, label, .. } = *self;
        Some(NavigationLink { path, label: label?, access })
    }
}

/// A link to a page of a product, in the navigation.
#[derive(Clone, Copy)]
pub(crate) struct NavigationLink {
    pub path: &'static str,
    pub label: &'static str,
    access: Access,
}

impl NavigationLink {
    /// Returns whether it is shown to a signed-in user, an admin or not, or else to an anonymous visitor.
    pub(super) const fn is_shown(&self, is_admin: Option<bool>) -> bool {
        match is_admin {
            Some(is_admin) => is_admin || !self.access.admin,
            None => !self.access.required,
        }
    }
}

/// The response of a page: HTML in the layout of this site.
pub struct View {
    title: String,
    main: String,
    scripts: Vec<&'static Asset>,
    styles: Vec<&'static Asset>,
}

impl View {
    /// Renders what the page shows between the navigation and the end, with its `<h1>`. The title is text.
    ///
    /// The template must be one for HTML, so that it escapes values: its name ends in `.html`. A browser runs no script and
    /// applies no style that stands in the page itself: use [`Self::script`] and [`Self::style`].
    ///
    /// # Errors
    /// An internal error, if the template cannot be rendered.
    pub fn new(title: impl Into<String>, main: &impl Template) -> Result<Self, Error> {
        Ok(Self {
            title: title.into(),
            main: frame::rendered(main)?,
            scripts: Vec::new(),
            styles: Vec::new(),
        })
    }

    /// Adds a script: a module, which runs when the page has been read.
    #[must_use]
    pub fn script(mut self, asset: &'static Asset) -> Self {
        self.scripts.push(asset);
        self
    }

    /// Adds a stylesheet, after that of the layout.
    #[must_use]
    pub fn style(mut self, asset: &'static Asset) -> Self {
        self.styles.push(asset);
        self
    }

    fn response(self, request: &HttpRequest) -> Result<HttpResponse, Error> {
        let state = State::of(request)?;
        let Some(page) = request.app_data::<Served>() else {
            tracing::error!("a view is the response of a route that is not a page");
            return Err(Code::Internal.into());
        };
        let frame = Frame::of(state, session_of(request).as_ref(), page.path);
        let template = InLayout { frame, view: self };
        frame::page_with_policy(StatusCode::OK, &template, &page.policy)
    }
}

impl Responder for View {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        self.response(request).unwrap_or_else(|error| error.error_response())
    }
}

#[derive(Template)]
#[template(path = "pages/view.html")]
struct InLayout {
    frame: Frame,
    view: View,
}
