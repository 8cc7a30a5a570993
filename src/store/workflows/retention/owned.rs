//! Finds the rows that belong to a user, from the database's own catalogue: every table with a foreign key to `users`
//! with ON DELETE CASCADE, or to a table that has one. Tables of a product need no list.

use diesel::{
    QueryableByName, sql_query,
    sql_types::{Nullable, Text},
};
use diesel_async::RunQueryDsl;

use crate::store::{Database, Error, Store, query};

/// A foreign key of one column with ON DELETE CASCADE.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
struct Reference {
    /// The table whose rows are deleted.
    #[diesel(sql_type = Text)]
    child: String,
    /// The column of `child` that refers to the parent.
    #[diesel(sql_type = Text)]
    child_column: String,
    /// The table that it refers to.
    #[diesel(sql_type = Text)]
    parent: String,
    /// The column of `parent` that it refers to; on SQLite `None` means the primary key.
    #[diesel(sql_type = Nullable<Text>)]
    parent_column: Option<String>,
    /// What identifies one row of the child.
    #[diesel(sql_type = Text)]
    key: String,
}

/// Quotes names, so that a product may call a table `order`.
const POSTGRES: &str = "
    SELECT c.conrelid::regclass::text AS child, quote_ident(a.attname) AS child_column,
        c.confrelid::regclass::text AS parent, quote_ident(b.attname) AS parent_column,
        'ctid'::text AS key
    FROM pg_constraint c
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = c.confkey[1]
    WHERE c.contype = 'f' AND c.confdeltype = 'c' AND cardinality(c.conkey) = 1
        AND c.conparentid = 0
    ORDER BY 1, 2";

const SQLITE: &str = r#"
    SELECT '"' || m.name || '"' AS child, '"' || f."from" || '"' AS child_column,
        '"' || f."table" || '"' AS parent,
        coalesce('"' || f."to" || '"', (
            SELECT '"' || p.name || '"' FROM pragma_table_info(f."table") p WHERE p.pk = 1
        )) AS parent_column,
        CASE WHEN m.wr THEN (
            SELECT '(' || group_concat('"' || i.name || '"') || ')'
            FROM pragma_table_info(m.name) i WHERE i.pk > 0
        ) ELSE 'rowid' END AS key
    FROM pragma_table_list m JOIN pragma_foreign_key_list(m.name) f
    WHERE m.schema = 'main' AND m.type = 'table' AND f.on_delete = 'CASCADE'
        AND NOT EXISTS (
            SELECT 1 FROM pragma_foreign_key_list(m.name) g WHERE g.id = f.id AND g.seq > 0
        )
    ORDER BY 1, 2"#;

/// Returns a statement for each table, dependent rows before the rows they refer to; `$1` is the user, `$2` the most
/// rows to delete.
pub(super) async fn statements(store: &Store) -> Result<Vec<String>, Error> {
    let (catalogue, users) = match store.database() {
        Database::Postgres(_) => (POSTGRES, "users"),
        Database::Sqlite(_) => (SQLITE, "\"users\""),
    };
    let references: Vec<Reference> = query!(store, |conn| sql_query(catalogue).load(conn).await)?;
    let mut statements = Vec::new();
    add_statements(&references, users, "$1", &mut Vec::new(), &mut statements);
    Ok(statements)
}

/// Adds the statements for all rows that depend on some rows of a table. `parents` selects those rows' referenced
/// column.
fn add_statements<'a>(
    references: &'a [Reference],
    parent: &str,
    parents: &str,
    path: &mut Vec<&'a str>,
    statements: &mut Vec<String>,
) {
    for reference in references.iter().filter(|reference| reference.parent == parent) {
        let Reference { child, child_column, key, .. } = reference;
        // If a table refers to itself, the database's own cascade deletes the rest.
        if path.contains(&child.as_str()) {
            continue;
        }
        let select_rows = |column: &str| {
            format!("SELECT {column} FROM {child} WHERE {child_column} IN ({parents}) LIMIT $2")
        };
        path.push(child);
        let further = references.iter().filter(|further| further.parent == *child);
        let mut columns: Vec<&String> =
            further.filter_map(|further| further.parent_column.as_ref()).collect();
        columns.dedup();
        for column in columns {
            add_statements(references, child, &select_rows(column), path, statements);
        }
        path.pop();
        let rows = select_rows(key.trim_start_matches('(').trim_end_matches(')'));
        // PostgreSQL fetches rows directly for an array, and might scan the table for a subquery.
        let condition =
            if key == "ctid" { format!("= ANY (ARRAY({rows}))") } else { format!("IN ({rows})") };
        statements.push(format!("DELETE FROM {child} WHERE {key} {condition}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(child: &str, parent: &str) -> Reference {
        Reference {
            child: child.to_owned(),
            child_column: format!("{parent}_id"),
            parent: parent.to_owned(),
            parent_column: Some("id".to_owned()),
            key: "rowid".to_owned(),
        }
    }

    #[test]
    fn dependent_rows_are_deleted_first_and_cycles_are_skipped() {
        let references = [
            reference("folders", "users"),
            reference("folders", "folders"),
            reference("files", "folders"),
            reference("others", "elsewhere"),
        ];
        let mut statements = Vec::new();
        add_statements(&references, "users", "$1", &mut Vec::new(), &mut statements);
        assert_eq!(
            statements,
            [
                "DELETE FROM files WHERE rowid IN (SELECT rowid FROM files WHERE folders_id IN \
                 (SELECT id FROM folders WHERE users_id IN ($1) LIMIT $2) LIMIT $2)",
                "DELETE FROM folders WHERE rowid IN (SELECT rowid FROM folders WHERE users_id IN \
                 ($1) LIMIT $2)",
            ]
        );
    }
}
