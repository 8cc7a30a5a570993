//! A backup of the SQLite database, taken while other processes write to it.

use std::{path::Path, time::Duration};

use diesel::{
    Connection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query, sql_types::Text,
};

use crate::store::{
    Error,
    engine::{file_lock, sqlite},
};

/// Copies a database into a file that is empty or does not exist.
///
/// `VACUUM INTO` reads one snapshot, like any reader: no writer waits for it, and the copy contains what was committed
/// when it began.
///
/// # Errors
/// When the database cannot be read or the copy cannot be written.
pub fn copy(database: &Path, into: &Path) -> Result<(), Error> {
    file_lock::check_access(database)?;
    let mut connection = sqlite::connect(database, Duration::MAX)?;
    sql_query("VACUUM INTO ?").bind::<Text, _>(text(into)?).execute(&mut connection)?;
    Ok(())
}

/// Returns what is wrong with a database file; nothing, if it is intact.
///
/// # Errors
/// When it is too damaged to be checked, or cannot be read.
pub fn faults(file: &Path) -> Result<Vec<String>, Error> {
    // Opened without the usual settings, which would be written into the file.
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
