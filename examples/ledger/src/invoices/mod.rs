//! Invoices, which belong to the user who created them.

mod invoice;
mod page;
mod reminder;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use portcullis::{component::Component, operations, pages::Page, store::Tables};

const SQLITE: EmbeddedMigrations = embed_migrations!("src/invoices/migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("src/invoices/migrations/postgres");

/// Returns the component.
pub fn component() -> Component {
    let operations = operations! {
        gated {
            invoice::list_invoices,
            invoice::create_invoice [Conflict],
            invoice::show_invoice,
            invoice::update_invoice [Conflict],
            invoice::delete_invoice,
        }
    };
    Component::new("invoices")
        .operations(operations.in_folder("src/invoices"))
        .tag("invoices", "Your invoices")
        .page(Page::new("/invoices", page::show_invoices).in_navigation("Invoices"))
        .job::<reminder::Reminder>()
        .tables(Tables {
            component: "ledger",
            version: env!("CARGO_PKG_VERSION"),
            sqlite: &SQLITE,
            postgres: &POSTGRES,
            constraints: &[invoice::CONSTRAINTS],
        })
}
