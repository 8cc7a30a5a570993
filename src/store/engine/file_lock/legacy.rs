//! The lock of servers up to version 0.2: a file beside the database, with the database's name and the extension
//! `lock`.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use super::FileId;
use crate::store::Error;

/// Fails while an older server uses this database. The result keeps an older server from starting while it is held: it
/// is a shared lock, which does not exclude servers and commands of this version.
///
/// The file is neither created nor changed.
///
/// # Errors
/// When an older server holds its lock.
pub(in crate::store) fn refuse_beside_older_server(database: &Path) -> Result<Vec<File>, Error> {
    let mut locks = Vec::new();
    for path in lock_files(database) {
        let Ok(file) = File::open(&path) else { continue };
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {
                return Err(Error::unavailable(format!(
                    "an older Portcullis server is running on {}: stop it first (it holds {})",
                    database.display(),
                    path.display(),
                )));
            }
            _ => locks.push(file),
        }
    }
    Ok(locks)
}

/// Returns the lock files that exist. An older server empties its lock file, so a file with content is something else,
/// such as a database with that name, and is not opened.
fn lock_files(database: &Path) -> Vec<PathBuf> {
    let database_id = FileId::at(database).ok();
    let mut names = vec![database.with_extension("lock")];
    if let Ok(real) = fs::canonicalize(database) {
        names.push(real.with_extension("lock"));
    }
    names.dedup();
    names.retain(|name| {
        fs::metadata(name).is_ok_and(|found| {
            found.is_file() && found.len() == 0 && Some(FileId::of(&found)) != database_id
        })
    });
    names
}
