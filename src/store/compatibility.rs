//! Whether this binary may run on these tables.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use semver::Version;

use super::{Error, Store, read, schema::schema_compatibility};

/// Refuses when a migration that this binary does not know has said that it is too old for it.
///
/// Migrations that it does not know but may run beside are what a rolling upgrade looks like.
pub(super) async fn check(store: &Store) -> Result<(), Error> {
    let rows: Vec<(String, String)> = read!(store, |conn| schema_compatibility::table
        .order(schema_compatibility::migration)
        .select((schema_compatibility::migration, schema_compatibility::oldest_binary))
        .load(conn)
        .await)
    .map_err(|error| match error {
        Error::Unavailable(reason) if reason.contains("schema_compatibility") => {
            Error::Incompatible(format!(
                "{reason}. Has this database been migrated? `portcullis migrate` does it"
            ))
        }
        other => other,
    })?;
    for (migration, oldest) in rows {
        if !allows(&oldest, env!("CARGO_PKG_VERSION")) {
            return Err(Error::Incompatible(format!(
                "migration {migration} of this database needs Portcullis {oldest} or newer, \
                 and this is {}",
                env!("CARGO_PKG_VERSION"),
            )));
        }
    }
    Ok(())
}

/// A version that cannot be read counts as too new: it was written by somebody who knows better.
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
    fn a_binary_runs_on_tables_that_ask_for_it_or_an_older_one() {
        assert!(allows("0.1.0", "0.1.0"));
        assert!(allows("0.1.0", "0.10.0"));
        assert!(!allows("0.2.0", "0.1.9"));
        assert!(!allows("not a version", "0.1.0"));
    }
}
