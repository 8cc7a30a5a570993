//! Projects: the example of a component. Copy this folder for your own.

pub mod project;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use portcullis::{component::Component, operations, store::Tables};

const SQLITE: EmbeddedMigrations = embed_migrations!("src/projects/migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("src/projects/migrations/postgres");

/// Returns the component.
pub fn component() -> Component {
    let operations = operations! {
        gated {
            project::list_projects,
            project::create_project [Conflict],
            project::show_project,
            project::update_project [Conflict],
            project::delete_project,
        }
    };
    Component::new("projects")
        .operations(operations.in_folder("src/projects"))
        .tag("projects", "A resource that belongs to a user: the example to copy")
        .tables(Tables {
            // In a product, its own name: `schema_compatibility` compares the versions of each separately.
            component: "portcullis",
            version: env!("CARGO_PKG_VERSION"),
            sqlite: &SQLITE,
            postgres: &POSTGRES,
            constraints: &[project::CONSTRAINTS],
        })
}
