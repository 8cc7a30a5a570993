//! Compares `schema.rs` with both databases after all migrations.

use std::collections::BTreeSet;

use portcullis::store::{Location, Store, constraints::Constraint};

use crate::support::*;

/// Table, column, type, nullability.
pub type Column = (String, String, String, bool);

/// Returns the columns that `schema.rs` declares, which is regular enough to be read line by line, and those of the example.
pub fn declared() -> BTreeSet<Column> {
    let mut table = String::new();
    let mut columns = BTreeSet::new();
    let schemas = [include_str!("../../../src/store/schema.rs"), EXAMPLE_SCHEMA];
    for line in schemas.iter().flat_map(|schema| schema.lines()).map(str::trim) {
        if let Some((name, _)) = line.strip_suffix(" {").and_then(|line| line.split_once(" (")) {
            table = name.to_owned();
        } else if let Some((column, kind)) =
            line.strip_suffix(',').and_then(|line| line.split_once(" -> "))
        {
            let inner = kind.strip_prefix("Nullable<").and_then(|kind| kind.strip_suffix('>'));
            columns.insert((
                table.clone(),
                column.to_owned(),
                inner.unwrap_or(kind).to_owned(),
                inner.is_some(),
            ));
        }
    }
    columns
}

/// Whether a database's type stands for the declared type. SQLite has one integer type for four of ours.
fn same(declared: &str, found: &str) -> bool {
    match found {
        // SQLite has no type for dates.
        "TEXT" => ["Text", "Date"].contains(&declared),
        "text" => declared == "Text",
        "date" => declared == "Date",
        "BLOB" | "bytea" => declared == "Binary",
        "INTEGER" => ["Bool", "Integer", "BigInt", "Moment"].contains(&declared),
        "boolean" => declared == "Bool",
        "integer" => declared == "Integer",
        "bigint" => declared == "BigInt",
        "timestamp with time zone" => declared == "Moment",
        _ => false,
    }
}

#[apply(on_both_databases)]
async fn diesel_schema_matches_the_migrated_tables(backend: Backend) {
    let folder = tempfile::TempDir::new().unwrap();
    let url = backend.empty_database(folder.path()).await;
    Store::migrate(&Location::parse(&url, None).unwrap(), &product().tables()).await.unwrap();
    let found = match backend {
        Backend::Sqlite => sqlite_columns(&url),
        Backend::Postgres => postgres_columns(&url).await,
    };
    let declared = declared();
    assert!(declared.len() > 50, "schema.rs was not parsed: {declared:?}");
    let names = |columns: &BTreeSet<Column>| -> BTreeSet<(String, String, bool)> {
        columns
            .iter()
            .map(|(table, column, _, null)| (table.clone(), column.clone(), *null))
            .collect()
    };
    assert_eq!(names(&declared), names(&found));
    for ((table, column, ours, _), (_, _, theirs, _)) in declared.iter().zip(&found) {
        assert!(
            same(ours, theirs),
            "{table}.{column} is {ours} in schema.rs and {theirs} in the database"
        );
    }
}

/// Returns all columns except those of the table that only triggers use.
fn sqlite_columns(url: &str) -> BTreeSet<Column> {
    use diesel::{
        Connection, QueryableByName, RunQueryDsl, sql_query,
        sql_types::{Bool, Text},
    };
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        tbl: String,
        #[diesel(sql_type = Text)]
        col: String,
        #[diesel(sql_type = Text)]
        kind: String,
        #[diesel(sql_type = Bool)]
        required: bool,
    }
    let mut connection =
        diesel::SqliteConnection::establish(url.trim_start_matches("sqlite:")).unwrap();
    let rows: Vec<Row> = sql_query(
        "SELECT t.name AS tbl, c.name AS col, c.type AS kind, c.\"notnull\" AS required
         FROM pragma_table_list t JOIN pragma_table_info(t.name) c
         WHERE t.type = 'table' AND t.name <> 'replaced' AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE '\\_\\_diesel%' ESCAPE '\\'",
    )
    .load(&mut connection)
    .unwrap();
    rows.into_iter().map(|row| (row.tbl, row.col, row.kind, !row.required)).collect()
}

async fn postgres_columns(url: &str) -> BTreeSet<Column> {
    let client = connect(url).await;
    let rows = client
        .query(
            "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES'
             FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_diesel%'",
            &[],
        )
        .await
        .unwrap();
    rows.into_iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}

#[test]
fn migration_records_its_oldest_compatible_binary_for_both_databases() {
    let versions = |side: &str| -> BTreeSet<String> {
        migration_folders(side)
            .into_iter()
            .map(|folder| {
                let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
                let up = std::fs::read_to_string(folder.join("up.sql")).unwrap();
                let record = format!("(migration, oldest_binary) VALUES ('{name}', '");
                assert!(up.contains(&record), "{side}/{name}/up.sql records no oldest binary");
                name
            })
            .collect()
    };
    assert_eq!(versions("sqlite"), versions("postgres"));
}

#[apply(on_both_databases)]
async fn declared_constraints_all_exist_in_the_migrated_database(backend: Backend) {
    let server = backend.start().await;
    let sql = match backend {
        Backend::Sqlite => "SELECT coalesce(sql, '') AS value FROM sqlite_schema",
        Backend::Postgres => {
            "SELECT conname::text AS value FROM pg_constraint
             UNION ALL SELECT relname::text FROM pg_class WHERE relkind = 'i'
             UNION ALL SELECT attrelid::regclass::text || '.' || attname::text FROM pg_attribute"
        }
    };
    let found = select(&server, sql).await;
    let is_there = |declared: &Constraint| match backend {
        // SQLite gives a foreign key no name, and reports a column without its table.
        Backend::Sqlite => {
            let columns = declared.sqlite.split(", ");
            let mut names = columns.map(|name| name.rsplit('.').next().unwrap_or(name));
            declared.name.ends_with("_fkey")
                || names.all(|name| found.iter().any(|sql| sql.contains(name)))
        }
        Backend::Postgres => found.iter().any(|name| name == declared.name),
    };
    let declared = product().tables().into_iter().flat_map(|tables| tables.constraints.concat());
    for declared in declared {
        assert!(is_there(&declared), "{declared:?}");
    }
}
