//! Rows of the database, to see whether a request changed any.

use std::collections::BTreeMap;

use crate::{
    store::Database,
    testkit::{Server, select},
};

/// The tables of this library, as its schema declares them.
const LIBRARY: &str = include_str!("../../store/schema.rs");

/// Diesel's own table.
const MIGRATIONS: &str = "__diesel_schema_migrations";

/// An SQL expression for a row of each table, as text.
pub(super) struct Rows(BTreeMap<String, Table>);

struct Table {
    /// Whether it is the product's own.
    is_own: bool,
    has_id: bool,
    row: String,
}

impl Rows {
    /// Reads the schema of the database.
    pub(super) async fn of(server: &Server) -> Self {
        let (columns, quote): (_, fn(&str) -> String) = match server.state.store.database() {
            Database::Sqlite(_) => (
                "SELECT t.name || '.' || c.name AS value
                 FROM sqlite_schema t JOIN pragma_table_info(t.name) c
                 WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' ORDER BY t.name, c.cid",
                |column| format!("quote({column})"),
            ),
            Database::Postgres(_) => (
                "SELECT table_name || '.' || column_name AS value FROM information_schema.columns
                 WHERE table_schema = 'public' ORDER BY table_name, ordinal_position",
                |column| format!("quote_nullable({column}::text)"),
            ),
        };
        let mut tables = BTreeMap::new();
        for column in select(server, columns).await {
            let (table, column) = column.split_once('.').unwrap();
            if table == MIGRATIONS {
                continue;
            }
            let known = tables.entry(table.to_owned()).or_insert_with(|| Table {
                is_own: !LIBRARY.contains(&format!("\n    {table} (")),
                has_id: false,
                row: format!("'{table}'"),
            });
            known.has_id |= column == "id";
            known.row = format!("{} || ', ' || {}", known.row, quote(column));
        }
        Self(tables)
    }

    /// Returns the rows of the product's own tables, and the rows of any table with these ids.
    pub(super) async fn read(&self, server: &Server, ids: &[&str]) -> Snapshot {
        let mut own = Vec::new();
        for (name, Table { row, .. }) in self.0.iter().filter(|(_, table)| table.is_own) {
            let sql = format!("SELECT {row} AS value FROM {name} ORDER BY 1");
            own.push((name.clone(), select(server, &sql).await));
        }
        let mut items = Vec::new();
        for (name, Table { row, .. }) in self.0.iter().filter(|(_, table)| table.has_id) {
            for id in ids {
                let sql =
                    format!("SELECT {row} AS value FROM {name} WHERE CAST(id AS TEXT) = '{id}'");
                items.push((name.clone(), select(server, &sql).await));
            }
        }
        Snapshot { tables: own.into_iter().chain(items).collect() }
    }
}

/// Rows at one time.
#[derive(PartialEq, Eq)]
pub(super) struct Snapshot {
    tables: Vec<(String, Vec<String>)>,
}

impl Snapshot {
    /// Returns the first table whose rows have changed until the other snapshot.
    pub(super) fn difference(&self, after: &Self) -> Option<String> {
        let mut both = self.tables.iter().zip(&after.tables);
        let ((name, _), _) = both.find(|(before, after)| before != after)?;
        Some(format!("the table {name}"))
    }
}
