//! The HTML pages: a thin client of the API, which does not know them.
//!
//! Each is rendered from the store's data; for changes, its one script calls the API. The pages contain no rule
//! that the API does not enforce. A [`Page`] of a product is like those of this library, in the same layout.

mod account;
mod activity;
mod admin;
mod asset;
mod assets;
mod content_security_policy;
mod device;
mod fault;
mod frame;
mod native_form;
mod page;
#[cfg(feature = "passkeys")]
mod passkeys;
mod providers;
mod qr_code;
mod query;
mod route;
mod settings;
#[cfg(feature = "providers")]
mod sign_in_error;
mod tokens;
mod two_factor;

use actix_web::{
    HttpResponse,
    guard::{GuardContext, fn_guard},
    http::{Method, header::LOCATION},
    web::{self, Data, ServiceConfig},
};

use crate::{
    error::Error,
    gate::{Access, Session, cookie},
    product::Product,
    routes,
    secrets::SigningKeys,
    state::State,
};

pub use asset::Asset;
pub use content_security_policy::Directive;
pub(crate) use fault::render_error_pages;
pub(crate) use native_form::accept_native_forms;
pub(crate) use page::NavigationLink;
pub use page::{Page, View};

#[doc(hidden)]
pub use route::page;

use asset::ProductAssets;

/// From one list of pages: what is served, and who may see each.
macro_rules! pages {
    ($($(#[$feature:meta])? $path:literal => $handler:path),* $(,)?) => {
        fn serve_pages(config: &mut ServiceConfig, state: &Data<State>, keys: &SigningKeys) {
            $($(#[$feature])? config.service(route::page($path, $handler, state, keys));)*
        }

        /// The path of each page of this library, and who may see it.
        pub(crate) fn accesses() -> Vec<(&'static str, Access)> {
            vec![$($(#[$feature])? ($path, route::access(&$handler))),*]
        }
    };
}
pages! {
    "/login" => account::login,
    #[cfg(feature = "providers")]
    "/sign-in-error" => sign_in_error::sign_in_error,
    "/two-factor" => two_factor::second_step,
    "/signup" => account::sign_up,
    "/forgot-password" => account::forgot_password,
    "/reset-password" => account::reset_password,
    "/verify-email" => account::verify_email,
    "/suspend-access" => account::suspend_access,
    "/restore-access" => account::restore_access,
    "/delete-account" => account::delete_account,
    "/magic-link" => account::magic_link,
    "/setup" => account::setup,
    "/dashboard" => account::dashboard,
    "/settings" => settings::settings,
    "/settings/tokens" => settings::tokens,
    "/settings/two-factor" => two_factor::settings,
    #[cfg(feature = "passkeys")]
    "/settings/passkeys" => passkeys::settings,
    "/settings/activity" => settings::activity::activity,
    "/admin" => admin::users,
    "/admin/users/{id}" => admin::user,
    "/admin/tokens" => admin::tokens,
    "/admin/activity" => admin::activity::activity,
    "/admin/jobs" => admin::jobs,
}

/// Adds the pages to an application: those of this library, and those of a product.
pub(crate) fn serve(
    config: &mut ServiceConfig,
    product: &Product,
    state: &Data<State>,
    keys: &SigningKeys,
) {
    if !state.config.site.has_pages() {
        return;
    }
    serve_pages(config, state, keys);
    let mut own: Vec<&Page> = product.own_pages().collect();
    // The first match is served, so /ledger/new must come before /ledger/{id}.
    own.sort_by_key(|page| page.path.contains('{'));
    for page in own {
        config.service(page.resource(state, keys));
    }
    config.service(routes::read_only("/assets/{name}", web::to(assets::asset)));
    let own_assets = Data::new(ProductAssets(product.assets().collect()));
    config.service(
        routes::read_only("/assets/{component}/{name}", web::to(asset::asset)).app_data(own_assets),
    );
}

/// Adds to an application `/`, which leads to the dashboard, and the error page of every path that nothing serves.
pub(crate) fn serve_root(config: &mut ServiceConfig, state: &Data<State>, keys: &SigningKeys) {
    if !state.config.site.has_pages() {
        return;
    }
    config.service(routes::read_only("/", web::to(start)));
    let browsers = {
        let state = state.clone();
        fn_guard(move |context| is_browsers(context, &state))
    };
    config.service(route::page(routes::ANY_PATH, nothing, state, keys).guard(browsers));
}

/// Returns whether a request for a missing page comes from a browser that may be signed in: its error page then
/// shows the user, as all pages do. The response to any other request needs no lookup in the store.
fn is_browsers(context: &GuardContext<'_>, state: &State) -> bool {
    let head = context.head();
    matches!(head.method, Method::GET | Method::HEAD)
        && !head.uri.path().starts_with(fault::API)
        && cookie::is_presented(head, state)
}

async fn nothing(_: Option<Session>) -> Result<HttpResponse, Error> {
    routes::nothing().await
}

async fn start() -> HttpResponse {
    HttpResponse::Found().insert_header((LOCATION, "/dashboard")).finish()
}
