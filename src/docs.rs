//! Serves the OpenAPI document, Swagger UI and the list of error codes, from the binary and with no request to
//! another host. These routes do not pass through the gate.

mod errors;
mod route_table;
mod stored;
#[cfg(feature = "swagger-ui")]
mod ui;

use std::{
    future::ready,
    sync::{Arc, OnceLock},
};

use actix_web::{
    HttpRequest, HttpResponse, Resource,
    http::header::LOCATION,
    web::{self, Data, ServiceConfig},
};
use askama::Template;

use crate::{
    config::Switch,
    error::{CODES, Code, Error},
    gate::cookie,
    openapi,
    product::Product,
    routes,
    state::State,
};
use stored::Stored;

pub use errors::markdown as error_codes;
pub use route_table::markdown as route_table;

/// The Content-Security-Policy of Swagger UI, which sets styles at runtime (CSP 3).
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The logo, inlined into the pages: if the HTML pages are disabled, its file is not served.
const MARK: &str = include_str!("pages/mark.svg");

/// Adds these routes to an application.
///
/// The list of error codes is served whatever the settings: each error response links to it.
pub fn serve(config: &mut ServiceConfig, document: &Data<Document>, state: &Data<State>) {
    config.service(page(CODES, errors::Page::of(&document.product, state)));
    if state.config.site.docs == Switch::Off {
        return;
    }
    config
        .app_data(document.clone())
        .service(routes::read_only("/openapi.json", web::to(show_document)));
    #[cfg(feature = "swagger-ui")]
    config
        .service(routes::read_only("/docs", web::to(to_docs)))
        .service(page("/docs/", ui::Page::of(state)))
        .service(routes::read_only("/docs/{file}", web::to(ui::show_file)));
}

/// Adds `/` to an application, which redirects here if the HTML pages are disabled.
pub(crate) fn serve_root(config: &mut ServiceConfig, state: &Data<State>) {
    if state.config.site.has_swagger_ui() && !state.config.site.has_pages() {
        config.service(routes::read_only("/", web::to(to_docs)));
    }
}

/// The OpenAPI document of a product. It is generated and compressed once, for all threads, when it is first requested.
pub struct Document {
    product: Product,
    stored: OnceLock<Option<Stored>>,
}

impl Document {
    /// Creates the document of a product.
    #[must_use]
    pub fn of(product: Product) -> Self {
        Self { product, stored: OnceLock::new() }
    }

    fn stored(&self, state: &State) -> Option<&Stored> {
        let generate = || {
            let cookie = cookie::name(state.site.is_secure());
            let text = openapi::document(&self.product, cookie).to_json().ok()?;
            Stored::compress("application/json", text.into_bytes())
        };
        self.stored.get_or_init(generate).as_ref()
    }
}

async fn show_document(
    request: HttpRequest,
    state: Data<State>,
    document: Data<Document>,
) -> Result<HttpResponse, Error> {
    Ok(document.stored(&state).ok_or(Code::Internal)?.revalidated(&request))
}

/// Returns a route for a page that is rendered and compressed when it is first requested.
fn page(path: &str, template: impl Template + 'static) -> Resource {
    let rendered = Arc::new((template, OnceLock::new()));
    let show = move |request: HttpRequest| {
        let (template, page) = &*rendered;
        let page = page.get_or_init(|| {
            Stored::compress("text/html; charset=utf-8", template.render().ok()?.into_bytes())
        });
        let page = page.as_ref().ok_or_else(|| Error::from(Code::Internal));
        ready(page.map(|page| page.revalidated(&request)))
    };
    routes::read_only(path, web::to(show))
}

async fn to_docs() -> HttpResponse {
    HttpResponse::Found().insert_header((LOCATION, "/docs/")).finish()
}
