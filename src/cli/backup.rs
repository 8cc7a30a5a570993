use std::{
    fs::{File, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use super::{Failure, print};
use crate::{
    config::Config,
    private_files::{explain, folder_of},
    store::{Location, backup},
};

const NOT_HERE: &str = "PostgreSQL makes its own backups, with pg_dump: \
    docs/how-to/back-up.md has the commands under \"Back up PostgreSQL\"";

/// Writes a copy of the database to a new file.
pub(super) fn run(config: &Config, file: &Path) -> Result<(), Failure> {
    let Location::Sqlite(database) = config.data.location()? else { return Err(NOT_HERE.into()) };
    let bytes = write(&database, file).map_err(|error| format!("{}: {error}", file.display()))?;
    print(format_args!("Wrote and verified {bytes} bytes: {}.", file.display()))
}

/// Writes to a temporary name beside the target first, so that a file under the final name is always complete.
fn write(database: &Path, file: &Path) -> Result<u64, Failure> {
    if file.symlink_metadata().is_ok() {
        return Err("the file exists already, and a backup overwrites none".into());
    }
    // SQLite would create one.
    if !database.try_exists()? {
        return Err(format!("there is no database in {}", database.display()).into());
    }
    let folder = folder_of(file);
    // Private regardless of the umask, because it contains emails and hashes; removed if anything below fails.
    let private = Permissions::from_mode(0o600);
    let copy = tempfile::Builder::new()
        .prefix(&format!(".{}-backup-", crate::name::get().slug))
        .permissions(private.clone())
        .tempfile_in(&folder)
        .map_err(|error| explain(&folder, error))?;
    copy.as_file().set_permissions(private)?;
    backup::copy(database, copy.path())?;
    let faults = backup::faults(copy.path())?;
    if !faults.is_empty() {
        return Err(
            format!("the copy is damaged, and so is the database: {}", faults.join("; ")).into()
        );
    }
    copy.as_file().sync_all()?;
    let kept = copy.persist_noclobber(file).map_err(|fault| fault.error)?;
    File::open(folder)?.sync_all()?;
    Ok(kept.metadata()?.len())
}
