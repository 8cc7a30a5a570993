//! The tables of a component: how they are created, and what their constraints mean.

use std::collections::{BTreeMap, BTreeSet};

use diesel::{
    backend::Backend,
    migration::{Migration, MigrationSource},
    pg::Pg,
    sqlite::Sqlite,
};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use crate::store::{constraints::Constraint, tables};

/// The tables that a component adds to the database.
///
/// Its migrations run after those of the library, each time in the order of their versions, which is the number at the
/// beginning of a migration's name. A version must be unique among all components: begin the names of yours with the date and
/// time, such as `2026-12-01-143052_invoices`.
#[derive(Clone, Copy)]
pub struct Tables {
    /// The component, as it is recorded in `schema_compatibility`.
    pub component: &'static str,
    /// The version of the component, which its migrations may require.
    pub version: &'static str,
    /// The migrations for SQLite.
    pub sqlite: &'static EmbeddedMigrations,
    /// The migrations for PostgreSQL.
    pub postgres: &'static EmbeddedMigrations,
    /// What the constraints mean.
    pub constraints: &'static [&'static [Constraint]],
}

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// The tables of this library.
pub const TABLES: Tables = Tables {
    component: "portcullis",
    version: env!("CARGO_PKG_VERSION"),
    sqlite: &SQLITE,
    postgres: &POSTGRES,
    constraints: tables::CONSTRAINTS,
};

/// Checks that no two components have a migration of the same version, of which the second would be skipped, nor a
/// constraint of the same name.
pub(crate) fn check_tables(all: &[Tables]) -> Result<(), String> {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for tables in all {
        let migrations = tables.names()?;
        let postgres = versions::<Pg>(tables)?.into_iter().map(|(_, name)| name);
        if !postgres.eq(migrations.iter().map(|(_, name)| name.clone())) {
            return Err(format!(
                "{} has other migrations for SQLite than for PostgreSQL",
                tables.component
            ));
        }
        for (version, name) in migrations {
            let name = format!("{name} of {}", tables.component);
            if let Some(other) = names.insert(version, name.clone()) {
                return Err(format!(
                    "the migrations {other} and {name} have the same version: rename the newer one, and begin its \
                     name with the present date and time"
                ));
            }
        }
    }
    let mut known = BTreeMap::new();
    for tables in all {
        for constraint in tables.constraints.iter().copied().flatten() {
            for name in BTreeSet::from([constraint.name, constraint.sqlite]) {
                if let Some(other) = known.insert(name, tables.component) {
                    return Err(format!(
                        "the constraint {name} is declared twice, by {other} and by {}",
                        tables.component
                    ));
                }
            }
        }
    }
    Ok(())
}

impl Tables {
    /// Returns the version and name of each migration, in their order.
    ///
    /// # Errors
    /// When a name has no version.
    pub(in crate::store) fn names(&self) -> Result<Vec<(String, String)>, String> {
        versions::<Sqlite>(self)
    }
}

/// The version and name of each migration, for the backend.
fn versions<DB: Backend>(tables: &Tables) -> Result<Vec<(String, String)>, String>
where
    EmbeddedMigrations: MigrationSource<DB>,
    Tables: Migrations<DB>,
{
    let migrations: Vec<Box<dyn Migration<DB>>> = tables
        .migrations()
        .migrations()
        .map_err(|error| format!("the migrations of {}: {error}", tables.component))?;
    let mut names: Vec<(String, String)> = migrations
        .iter()
        .map(|migration| (migration.name().version().to_string(), migration.name().to_string()))
        .collect();
    names.sort_unstable();
    Ok(names)
}

/// The migrations for a backend.
pub(in crate::store) trait Migrations<DB> {
    fn migrations(&self) -> &'static EmbeddedMigrations;
}

impl Migrations<Sqlite> for Tables {
    fn migrations(&self) -> &'static EmbeddedMigrations {
        self.sqlite
    }
}

impl Migrations<Pg> for Tables {
    fn migrations(&self) -> &'static EmbeddedMigrations {
        self.postgres
    }
}
