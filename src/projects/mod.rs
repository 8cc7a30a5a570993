//! Projects: the example of a component. Copy this folder for your own.

mod api;
mod schema;
pub mod store;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use portcullis::{component::Component, operations, store::Tables};

const TAG: &str = "projects";

const SQLITE: EmbeddedMigrations = embed_migrations!("src/projects/migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("src/projects/migrations/postgres");

/// Returns the component.
pub fn component() -> Component {
    let operations = operations! {
        gated {
            api::list_projects,
            api::create_project [Conflict],
            api::show_project,
            api::update_project [Conflict],
            api::delete_project,
        }
    };
    Component::new("projects")
        .operations(operations.in_folder("src/projects"))
        .tag(TAG, "A resource that belongs to a user: the example to copy")
        .tables(Tables {
            // In a product, its own name: `schema_compatibility` compares the versions of each separately.
            component: "portcullis",
            version: env!("CARGO_PKG_VERSION"),
            sqlite: &SQLITE,
            postgres: &POSTGRES,
            constraints: &[store::CONSTRAINTS],
        })
}
