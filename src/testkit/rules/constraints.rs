//! The constraints that components declare exist in the database. One whose name is misspelled would not be found when it
//! is broken: 500 in place of 409 or 422.

use std::collections::BTreeSet;

use super::{AccessRules, Items, Violation};
use crate::{
    store::{
        Database,
        constraints::{Constraint, Meaning},
    },
    testkit::{Backend, Server, select},
};

/// What a constraint is in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Unique,
    Check,
    NotNull,
    ForeignKey,
}

impl Kind {
    fn of(constraint: &Constraint) -> Self {
        match constraint.meaning {
            Meaning::Taken => Self::Unique,
            Meaning::NotFound | Meaning::InUse | Meaning::OwnUserGone => Self::ForeignKey,
            // `Constraint::not_null` names a column.
            Meaning::Invalid if constraint.name.contains('.') => Self::NotNull,
            Meaning::Invalid => Self::Check,
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Unique => "unique index",
            Self::Check => "CHECK",
            Self::NotNull => "column with NOT NULL",
            Self::ForeignKey => "foreign key",
        }
    }
}

impl<I: Items> AccessRules<I> {
    pub(super) async fn missing_constraints(&self, backend: Backend) -> Vec<Violation> {
        let server = self.start(backend).await;
        let (existing, name): (_, fn(&Constraint) -> &'static str) =
            match server.state.store.database() {
                Database::Sqlite(_) => (in_sqlite(&server).await, |constraint| constraint.sqlite),
                Database::Postgres(_) => (in_postgres(&server).await, |constraint| constraint.name),
            };
        let mut missing = Vec::new();
        let tables = self.product.tables();
        // This library's own, which are the first, are checked by its tests.
        for tables in tables.iter().skip(usize::from(!self.with_library)) {
            for constraint in tables.constraints.iter().copied().flatten() {
                let (kind, name) = (Kind::of(constraint), name(constraint));
                if !existing.contains(&(kind, name.to_owned())) {
                    missing.push(format!(
                        "{} declares a constraint that does not exist in {backend:?}: there is no {} {name}",
                        tables.component,
                        kind.in_words(),
                    ));
                }
            }
        }
        missing
    }
}

/// Returns the constraints in SQLite, each by the name that its error contains.
async fn in_sqlite(server: &Server) -> BTreeSet<(Kind, String)> {
    // Of a unique index, SQLite names the columns, unless it is on an expression. A primary key that is an integer has no
    // index.
    let unique = "SELECT CASE WHEN count(c.name) = count(*)
             THEN group_concat(t.name || '.' || c.name, ', ' ORDER BY c.seqno) ELSE i.name END AS value
         FROM sqlite_schema t JOIN pragma_index_list(t.name) i JOIN pragma_index_info(i.name) c
         WHERE t.type = 'table' AND i.\"unique\" GROUP BY t.name, i.name
         UNION
         SELECT t.name || '.' || c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c
         WHERE t.type = 'table' AND c.pk = 1";
    let not_null = "SELECT t.name || '.' || c.name AS value
         FROM sqlite_schema t JOIN pragma_table_info(t.name) c
         WHERE t.type = 'table' AND c.\"notnull\"";
    // SQLite does not name a foreign key. This is the name that PostgreSQL gives it.
    let foreign_key =
        "SELECT t.name || '_' || group_concat(k.\"from\", '_' ORDER BY k.seq) || '_fkey' AS value
         FROM sqlite_schema t JOIN pragma_foreign_key_list(t.name) k
         WHERE t.type = 'table' GROUP BY t.name, k.id";
    let definitions = "SELECT sql AS value FROM sqlite_schema WHERE type = 'table' AND sql <> ''";
    let mut found = BTreeSet::new();
    for (kind, sql) in
        [(Kind::Unique, unique), (Kind::NotNull, not_null), (Kind::ForeignKey, foreign_key)]
    {
        found.extend(select(server, sql).await.into_iter().map(|name| (kind, name)));
    }
    for definition in select(server, definitions).await {
        found.extend(named_constraints(&definition));
    }
    found
}

/// Returns the constraints that have a name in the definition of a table: `CONSTRAINT name CHECK (…)`.
fn named_constraints(sql: &str) -> Vec<(Kind, String)> {
    let spaced = sql.replace('(', " ( ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let named = words.windows(3).filter(|three| three[0].eq_ignore_ascii_case("CONSTRAINT"));
    named
        .filter_map(|three| {
            let kind = match &*three[2].to_ascii_uppercase() {
                "CHECK" => Kind::Check,
                "REFERENCES" | "FOREIGN" => Kind::ForeignKey,
                _ => return None,
            };
            Some((kind, three[1].trim_matches(['"', '`', '[', ']']).to_owned()))
        })
        .collect()
}

/// Returns the constraints in PostgreSQL.
async fn in_postgres(server: &Server) -> BTreeSet<(Kind, String)> {
    let unique =
        "SELECT c.relname::text AS value FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         WHERE i.indisunique";
    let named =
        |kind| format!("SELECT conname::text AS value FROM pg_constraint WHERE contype = '{kind}'");
    let not_null = "SELECT table_name || '.' || column_name AS value
         FROM information_schema.columns WHERE is_nullable = 'NO'";
    let mut found = BTreeSet::new();
    for (kind, sql) in [
        (Kind::Unique, unique.to_owned()),
        (Kind::Check, named('c')),
        (Kind::ForeignKey, named('f')),
        (Kind::NotNull, not_null.to_owned()),
    ] {
        found.extend(select(server, &sql).await.into_iter().map(|name| (kind, name)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_constraints_are_read_from_the_definition_of_a_table() {
        let sql = "CREATE TABLE tasks (
            hours INTEGER CONSTRAINT tasks_hours_check CHECK (hours >= 0),
            days INTEGER CHECK (days >= 0),
            list_id TEXT constraint \"tasks_list_id_fkey\" REFERENCES lists (id),
            CONSTRAINT tasks_title_check CHECK(length(title) > 0)
        )";
        let named = |kind, name: &str| (kind, name.to_owned());
        assert_eq!(
            named_constraints(sql),
            [
                named(Kind::Check, "tasks_hours_check"),
                named(Kind::ForeignKey, "tasks_list_id_fkey"),
                named(Kind::Check, "tasks_title_check"),
            ]
        );
    }
}
