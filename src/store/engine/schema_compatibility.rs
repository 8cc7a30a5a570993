//! Checks that this binary may run on the database's tables, and beside the binaries that already do.

use diesel::{dsl::sql, prelude::*, sql_types::BigInt};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use semver::Version;

use crate::store::{Database, Error, Store, TABLES, query, schema::schema_compatibility};

/// Fails if a migration that this binary does not know has declared it too old.
///
/// Unknown migrations that it may run beside are normal during a rolling upgrade.
pub(in crate::store) async fn check(store: &Store) -> Result<(), Error> {
    if let Database::Postgres(postgres) = store.database() {
        refuse_older(postgres.read(older_instances).await?)?;
    }
    let rows: Vec<(String, String, String)> = query!(store, |conn| schema_compatibility::table
        .order(schema_compatibility::migration)
        .select((
            schema_compatibility::migration,
            schema_compatibility::component,
            schema_compatibility::oldest_binary
        ))
        .load(conn)
        .await)
    .map_err(|error| match error {
        Error::Bug { reason, .. } if reason.contains("schema_compatibility") => {
            Error::Incompatible(format!(
                "{reason}. Has this database been migrated? `{} migrate` does it",
                crate::name::get().slug
            ))
        }
        other => other,
    })?;
    for tables in store.tables.iter().filter(|tables| tables.component != TABLES.component) {
        for (_, name) in tables.names().map_err(Error::Incompatible)? {
            if !rows.iter().any(|(migration, of, _)| *migration == name && of == tables.component) {
                return Err(Error::Incompatible(format!(
                    "migration {name} was not applied, or does not record its oldest version as one of the component {}: \
                     see `{} migrate`, and INSERT INTO schema_compatibility in its up.sql",
                    tables.component,
                    crate::name::get().slug
                )));
            }
        }
    }
    for (migration, component, oldest) in rows {
        // The requirements of a component that was removed do not apply.
        let Some(present) = store.tables.iter().find(|tables| tables.component == component) else {
            continue;
        };
        if !allows(&oldest, present.version) {
            return Err(Error::Incompatible(format!(
                "migration {migration} of this database needs version {oldest} or newer of {component}, \
                 and this is {}",
                present.version,
            )));
        }
    }
    Ok(())
}

/// The number of connections to this database that instances of version 0.2 or older have.
///
/// These instances check the tables' version only when they start, so a migration cannot stop one that is running. An
/// instance to which `DATABASE_URL` gives another application name is not counted, nor one without an open connection;
/// but each polls for jobs every two seconds.
pub(in crate::store) async fn older_instances(conn: &mut AsyncPgConnection) -> QueryResult<i64> {
    let older = "count(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'portcullis'";
    diesel::select(sql::<BigInt>(older)).get_result(conn).await
}

/// Fails beside instances of version 0.2: they would still accept credentials that this binary revokes, since they
/// know no generations. On SQLite the lock on the file prevents this.
pub(in crate::store) fn refuse_older(instances: i64) -> Result<(), Error> {
    if instances == 0 {
        return Ok(());
    }
    Err(Error::Incompatible(format!(
        "an instance of Portcullis 0.2 or older is connected to this database \
         ({instances} connections), and would not see what this version revokes: \
         stop every older instance first"
    )))
}

/// A version that cannot be parsed counts as too new: a newer binary wrote it.
fn allows(oldest: &str, own: &str) -> bool {
    match (Version::parse(oldest), Version::parse(own)) {
        (Ok(oldest), Ok(own)) => oldest <= own,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::allows;

    #[test]
    fn binary_runs_on_a_schema_that_requires_it_or_an_older_one() {
        assert!(allows("0.1.0", "0.1.0"));
        assert!(allows("0.1.0", "0.10.0"));
        assert!(!allows("0.2.0", "0.1.9"));
        assert!(!allows("not a version", "0.1.0"));
    }
}
