//! Which rows go with a user: the database's own catalogue says so, wherever a table has a foreign key to `users` with ON
//! DELETE CASCADE, or to a table that has one. A product's tables need no list.

use diesel::{
    QueryableByName, sql_query,
    sql_types::{Nullable, Text},
};
use diesel_async::RunQueryDsl;

use super::super::{Database, Error, Store, query};

/// A foreign key with ON DELETE CASCADE, of one column.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
struct Reference {
    /// Whose row goes.
    #[diesel(sql_type = Text)]
    child: String,
    /// By this column of it.
    #[diesel(sql_type = Text)]
    child_column: String,
    /// With whose row.
    #[diesel(sql_type = Text)]
    parent: String,
    /// By this column of that; none is the primary key, on SQLite.
    #[diesel(sql_type = Nullable<Text>)]
    parent_column: Option<String>,
    /// What names one row of the child.
    #[diesel(sql_type = Text)]
    key: String,
}

/// Names are quoted here, so that a product may call a table `order`.
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

/// A statement for each table, rows that hang on others' before those; `$1` is the user, `$2` how many rows at most.
pub(super) async fn statements(store: &Store) -> Result<Vec<String>, Error> {
    let (catalogue, users) = match store.database() {
        Database::Postgres(_) => (POSTGRES, "users"),
        Database::Sqlite(_) => (SQLITE, "\"users\""),
    };
    let references: Vec<Reference> = query!(store, |conn| sql_query(catalogue).load(conn).await)?;
    let mut statements = Vec::new();
    follow(&references, users, "$1", &mut Vec::new(), &mut statements);
    Ok(statements)
}

/// Adds the statements for all that goes with some rows of a table; `parents` are those rows, by the column that is
/// referred to.
fn follow<'a>(
    references: &'a [Reference],
    parent: &str,
    parents: &str,
    path: &mut Vec<&'a str>,
    statements: &mut Vec<String>,
) {
    for reference in references.iter().filter(|reference| reference.parent == parent) {
        let Reference { child, child_column, key, .. } = reference;
        // Of a table that refers to itself the database deletes the rest.
        if path.contains(&child.as_str()) {
            continue;
        }
        let some = |column: &str| {
            format!("SELECT {column} FROM {child} WHERE {child_column} IN ({parents}) LIMIT $2")
        };
        path.push(child);
        let further = references.iter().filter(|further| further.parent == *child);
        let mut columns: Vec<&String> =
            further.filter_map(|further| further.parent_column.as_ref()).collect();
        columns.dedup();
        for column in columns {
            follow(references, child, &some(column), path, statements);
        }
        path.pop();
        let rows = some(key.trim_start_matches('(').trim_end_matches(')'));
        // PostgreSQL goes straight to rows that an array names, and might read the table for those of a query.
        let named =
            if key == "ctid" { format!("= ANY (ARRAY({rows}))") } else { format!("IN ({rows})") };
        statements.push(format!("DELETE FROM {child} WHERE {key} {named}"));
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
    fn rows_go_before_those_that_they_refer_to_and_a_circle_is_left() {
        let references = [
            reference("folders", "users"),
            reference("folders", "folders"),
            reference("files", "folders"),
            reference("others", "elsewhere"),
        ];
        let mut statements = Vec::new();
        follow(&references, "users", "$1", &mut Vec::new(), &mut statements);
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
