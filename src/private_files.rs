//! Files and folders that only the server's own user may open: they contain password hashes, the signing
//! secret, and emails with links that give access to accounts.
//!
//! Their modes are set when they are created, and do not depend on the umask or on the mode of the folder.

mod access;

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

pub use access::{check_access, explain, exposed};

const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// Creates a folder, and its parents, with mode 0700. An existing one is left as it is.
///
/// # Errors
/// The operating system's error, or why this user may not create it.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    // The parent of a bare file name is the empty path, and there is nothing to create.
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new()
        .mode(FOLDER_MODE)
        .recursive(true)
        .create(folder)
        .map_err(|error| explain(folder, error))?;
    fs::set_permissions(folder, Permissions::from_mode(FOLDER_MODE))
}

/// Creates a file with mode 0600.
///
/// # Errors
/// The operating system's error; [`io::ErrorKind::AlreadyExists`] if the file exists, which is then not opened.
pub fn create(file: &Path) -> io::Result<File> {
    let created =
        OpenOptions::new().read(true).write(true).create_new(true).mode(FILE_MODE).open(file)?;
    // The umask may have removed bits that the owner needs.
    created.set_permissions(Permissions::from_mode(FILE_MODE))?;
    Ok(created)
}

/// Writes a file with mode 0600, replacing an existing one, and returns when it is synced to disk.
///
/// The content is written to a temporary name first and then renamed, so that a crash never leaves an
/// incomplete file.
///
/// # Errors
/// The operating system's error.
pub fn write(file: &Path, contents: &[u8]) -> io::Result<()> {
    let draft = file.with_extension("new");
    // Left over from a crash, and perhaps with another mode.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut written = create(&draft)?;
    written.write_all(contents)?;
    written.sync_all()?;
    fs::rename(draft, file)?;
    File::open(folder_of(file))?.sync_all()
}

/// Returns the folder of a file; for a bare file name, the current folder.
#[must_use]
pub fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn folder_is_created_private_and_an_existing_one_keeps_its_mode() {
        let home = tempfile::TempDir::new().unwrap();
        let folder = home.path().join("new/inner");
        create_folder(&folder).unwrap();
        assert_eq!((mode(&folder), mode(&home.path().join("new"))), (0o700, 0o700));
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        create_folder(&folder).unwrap();
        assert_eq!(mode(&folder), 0o755);
        create_folder(Path::new("")).unwrap();
    }

    #[test]
    fn file_is_written_private_despite_a_public_draft() {
        let home = tempfile::TempDir::new().unwrap();
        let (file, draft) = (home.path().join("mail.eml"), home.path().join("mail.new"));
        fs::write(&draft, "half").unwrap();
        fs::set_permissions(&draft, Permissions::from_mode(0o666)).unwrap();
        write(&file, b"whole").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"whole");
        assert_eq!(mode(&file), 0o600);
        assert!(!draft.exists());
    }
}
