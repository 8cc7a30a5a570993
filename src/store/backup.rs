//! A copy of the embedded database, taken while others write to it.

use std::{path::Path, time::Duration};

use diesel::{
    Connection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query, sql_types::Text,
};

use super::{Error, file_lock, sqlite};

/// Copies a database into a file that is empty or not there.
///
/// `VACUUM INTO` reads in one snapshot, as any reader does: nobody waits for it, and the copy holds
/// what was committed when it began.
///
/// # Errors
/// When the database cannot be read or the copy not be written.
pub fn copy(database: &Path, into: &Path) -> Result<(), Error> {
    file_lock::check_access(database)?;
    let mut connection = sqlite::connect(database, Duration::MAX)?;
    sql_query("VACUUM INTO ?").bind::<Text, _>(text(into)?).execute(&mut connection)?;
    Ok(())
}

/// What is wrong with a database file; nothing, if it is whole.
///
/// # Errors
/// When it is damaged beyond that, or cannot be read.
pub fn faults(file: &Path) -> Result<Vec<String>, Error> {
    // As it stands: the usual settings would be written into it.
    let mut connection = SqliteConnection::establish(text(file)?).map_err(Error::unavailable)?;
    let found: Vec<Finding> = sql_query("PRAGMA integrity_check").load(&mut connection)?;
    Ok(found.into_iter().map(|finding| finding.text).filter(|text| text != "ok").collect())
}

fn text(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| Error::unavailable("the path is not UTF-8"))
}

#[derive(QueryableByName)]
struct Finding {
    #[diesel(sql_type = Text, column_name = integrity_check)]
    text: String,
}
