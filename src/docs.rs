//! Serves the OpenAPI document and Swagger UI, from the binary and with no request to another host.
//! Nobody is asked here.

use actix_web::{
    HttpResponse,
    http::header::{ContentEncoding, LOCATION},
    web::{self, Data, Json, Path, ServiceConfig},
};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::Config;

use crate::{
    config::Switch,
    error::{Code, Error},
    gate::cookie,
    openapi, routes,
    state::State,
};

/// What Swagger UI may do, which styles itself as it goes (CSP 3).
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Puts them into an application. Where there are no pages, browsers are led here.
pub fn serve(config: &mut ServiceConfig, state: &Data<State>) {
    if state.config.docs == Switch::Off {
        return;
    }
    let served = Data::new(openapi::document(cookie::name(state.site.is_secure())));
    let ui = Config::from("/openapi.json")
        .try_it_out_enabled(true)
        .persist_authorization(false)
        .display_request_duration(true);
    config.app_data(served).app_data(Data::new(ui));
    config.service(routes::read_only("/openapi.json", web::to(show_document)));
    config.service(routes::read_only("/docs", web::to(to_docs)));
    config.service(routes::read_only("/docs/{file:.*}", web::to(show_file)));
    if state.config.pages == Switch::Off {
        config.service(routes::read_only("/", web::to(to_docs)));
    }
}

async fn show_document(document: Data<OpenApi>) -> Json<Data<OpenApi>> {
    Json(document)
}

/// A file of Swagger UI's. Its own service for actix answers neither HEAD nor another method as we do.
async fn show_file(file: Path<String>, ui: Data<Config<'static>>) -> Result<HttpResponse, Error> {
    let found = utoipa_swagger_ui::serve(&file, ui.into_inner());
    let file = found.map_err(|_| Code::Internal)?.ok_or(Code::NotFound)?;
    let mut answer = HttpResponse::Ok();
    if file.gzpipped {
        answer.insert_header(ContentEncoding::Gzip);
    }
    Ok(answer.content_type(file.content_type).body(file.bytes.into_owned()))
}

async fn to_docs() -> HttpResponse {
    HttpResponse::Found().insert_header((LOCATION, "/docs/")).finish()
}
