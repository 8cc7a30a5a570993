//! Serves the OpenAPI document and Swagger UI, from the binary and with no request to another host.
//! Nobody is asked here.

use actix_web::{
    HttpResponse, Route,
    http::header::LOCATION,
    web::{self, Data, Json, ServiceConfig},
};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{config::Switch, gate::cookie, openapi, routes, state::State};

/// What Swagger UI may do, which styles itself as it goes (CSP 3).
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Puts them into an application. Where there are no pages, browsers are led here.
pub fn serve(config: &mut ServiceConfig, state: &Data<State>) {
    if state.config.docs == Switch::Off {
        return;
    }
    let served = Data::new(openapi::document(cookie::name(state.site.is_secure())));
    let ui = SwaggerUi::new("/docs/{_:.*}").config(
        Config::from("/openapi.json")
            .try_it_out_enabled(true)
            .persist_authorization(false)
            .display_request_duration(true),
    );
    config.app_data(served).route("/openapi.json", get().to(show_document)).service(ui);
    config.route("/docs", get().to(to_docs));
    if state.config.pages == Switch::Off {
        config.route("/", get().to(to_docs));
    }
}

fn get() -> Route {
    web::route().guard(routes::get_or_head())
}

async fn show_document(document: Data<OpenApi>) -> Json<Data<OpenApi>> {
    Json(document)
}

async fn to_docs() -> HttpResponse {
    HttpResponse::Found().insert_header((LOCATION, "/docs/")).finish()
}
