//! Shop: an application that was there before Portcullis.

mod shop;

use actix_web::web::{self, ServiceConfig};
use portcullis::{app::Gate, product::Product};

/// Returns the name under which Portcullis works here: of the settings, the cookie and the database file.
#[must_use]
pub fn product() -> Product {
    Product::new("Shop", env!("CARGO_PKG_VERSION"))
}

/// Adds the routes: one outside the gate, as before, and those of orders behind it.
pub fn routes(config: &mut ServiceConfig, gate: &Gate) {
    config
        .route("/", web::get().to(shop::show_window))
        .service(gate.resource("/greeting").get(shop::greet))
        .service(gate.resource("/orders").get(shop::list_orders).post(shop::order));
}
