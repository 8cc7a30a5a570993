//! Pages for people: a thin client of the API, which knows nothing of them.
//!
//! Each is rendered with what the store holds; whatever it changes, its one script asks of the API.
//! No rule lives here that the API does not enforce.

mod account;
mod admin;
mod assets;
mod device;
mod fault;
mod frame;
mod query;
mod settings;
mod tokens;

use actix_web::{
    HttpResponse,
    http::header::LOCATION,
    web::{self, Data, ServiceConfig},
};

use crate::{config::Switch, routes, secrets::SigningKeys, state::State};

pub(crate) use assets::PREFIX as ASSETS;
pub use fault::dress;

/// Puts the pages into an application.
pub fn serve(config: &mut ServiceConfig, state: &Data<State>, keys: &SigningKeys) {
    if state.config.pages == Switch::Off {
        return;
    }
    macro_rules! pages {
        ($($path:literal => $handler:path),* $(,)?) => {
            $(config.service(routes::page($path, $handler, state, keys));)*
        };
    }
    pages! {
        "/login" => account::login,
        "/signup" => account::sign_up,
        "/forgot-password" => account::forgot_password,
        "/reset-password" => account::reset_password,
        "/verify-email" => account::verify_email,
        "/delete-account" => account::delete_account,
        "/setup" => account::setup,
        "/dashboard" => account::dashboard,
        "/settings" => settings::settings,
        "/admin" => admin::users,
        "/admin/users/{id}" => admin::user,
        "/admin/tokens" => admin::tokens,
        "/admin/audit-events" => admin::audit_events,
        "/admin/jobs" => admin::jobs,
    }
    config.service(routes::read_only("/", web::to(start)));
    config.service(routes::read_only("/assets/{name}", web::to(assets::asset)));
}

async fn start() -> HttpResponse {
    HttpResponse::Found().insert_header((LOCATION, "/dashboard")).finish()
}
