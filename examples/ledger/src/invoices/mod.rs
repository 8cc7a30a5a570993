//! Invoices, which belong to the user who created them.

mod api;
mod page;
mod reminder;
mod store;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use portcullis::{component::Component, operations, pages::Page, store::Tables};

const SQLITE: EmbeddedMigrations = embed_migrations!("src/invoices/migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("src/invoices/migrations/postgres");

/// Returns the component.
pub fn component() -> Component {
    let operations = operations! {
        gated {
            api::list_invoices,
            api::create_invoice [Conflict],
            api::show_invoice,
            api::update_invoice [Conflict],
            api::delete_invoice,
        }
    };
    Component::new("invoices")
        .operations(operations.in_folder("src/invoices"))
        .tag(api::TAG, "Your invoices")
        .page(Page::new("/invoices", page::show_invoices).in_navigation("Invoices"))
        .job::<reminder::Reminder>()
        .tables(Tables {
            component: "ledger",
            version: env!("CARGO_PKG_VERSION"),
            sqlite: &SQLITE,
            postgres: &POSTGRES,
            constraints: &[store::CONSTRAINTS],
        })
}
