//! Checks who may open a file: this process must, and other users must not.

use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::Path,
};

use rustix::{
    fs::{Access, access},
    io::Errno,
    process::geteuid,
};

use super::folder_of;

/// Checks that this process may read and write a file or folder, if it exists, without opening it: closing any
/// descriptor of a database file would release SQLite's locks on it.
///
/// A file that is immutable or on a read-only file system passes, because it can still be read.
///
/// # Errors
/// The owner, the mode and a remedy, in one line.
pub fn check_access(path: &Path) -> io::Result<()> {
    let mut wanted = Access::READ_OK | Access::WRITE_OK;
    if path.is_dir() {
        wanted |= Access::EXEC_OK;
    }
    match access(path, wanted) {
        Err(Errno::ACCESS) => Err(io::Error::other(denied(path))),
        _ => Ok(()),
    }
}

/// Explains why this process cannot use a path, and what to do about it, if the error alone does not say so.
#[must_use]
pub fn explain(path: &Path, error: io::Error) -> io::Error {
    let here = |path| if path == Path::new("") { Path::new(".") } else { path };
    let nearest = path.ancestors().map(here).find(|path| path.symlink_metadata().is_ok());
    let (shown, user) = (nearest.unwrap_or(path).display(), geteuid().as_raw());
    io::Error::other(match (error.kind(), nearest) {
        (io::ErrorKind::PermissionDenied, Some(denying)) => denied(denying),
        (io::ErrorKind::NotFound, _) => {
            let from = std::env::current_dir().unwrap_or_default();
            format!(
                "{error}. This process runs as uid {user} in the folder {}: create it, or correct the path",
                from.display()
            )
        }
        (io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists, Some(file)) => format!(
            "{shown} is a file ({}), and a folder is needed there: choose another path, or move the file away",
            owner_and_mode(file)
        ),
        (io::ErrorKind::IsADirectory, Some(folder)) => format!(
            "{shown} is a folder ({}), and a file is needed there: choose another path",
            owner_and_mode(folder)
        ),
        (io::ErrorKind::ReadOnlyFilesystem, _) => format!(
            "{shown} is on a file system that this process (uid {user}) may only read: mount it for writing, or \
             choose another path"
        ),
        (io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded, _) => {
            format!("{error}. Make room where {shown} is, or choose another path (uid {user})")
        }
        _ => return error,
    })
}

fn owner_and_mode(path: &Path) -> String {
    match fs::metadata(path) {
        Ok(found) => format!("uid {}, mode {:04o}", found.uid(), mode(&found)),
        Err(error) => error.to_string(),
    }
}

fn denied(path: &Path) -> String {
    let (shown, user) = (path.display(), geteuid().as_raw());
    match fs::metadata(path) {
        Ok(found) if found.uid() == user => {
            let bits = if found.is_dir() { "u+rwx" } else { "u+rw" };
            format!(
                "{shown} has mode {:04o}, which keeps its owner (uid {user}) from reading or writing it: chmod {bits} {shown}",
                mode(&found),
            )
        }
        Ok(found) => format!(
            "{shown} belongs to uid {} (mode {:04o}), and this process runs as uid {user}, which may not \
             read and write it. A command that was run as another user (sudo) may have created it: chown {user} {shown}",
            found.uid(),
            mode(&found),
        ),
        Err(error) => format!("{shown}: {error} (this process runs as uid {user})"),
    }
}

fn mode(found: &Metadata) -> u32 {
    found.mode() & 0o7777
}

/// Returns a warning about a file that users other than its owner can read: its group or everyone, if they can
/// also enter its folder. `None` for a private file, or if the file does not exist.
#[must_use]
pub fn exposed(file: &Path) -> Option<String> {
    let (found, folder) = (fs::metadata(file).ok()?, fs::metadata(folder_of(file)).ok()?);
    let group = found.mode() & 0o040 != 0 && folder.mode() & 0o010 != 0;
    let everyone = found.mode() & 0o004 != 0 && folder.mode() & 0o001 != 0;
    (group || everyone).then(|| {
        let bits = if found.is_dir() { "700" } else { "600" };
        let shown = file.display();
        format!("other users can read {shown} (mode {:04o}): chmod {bits} {shown}", mode(&found))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn file_error_is_explained_with_cause_and_remedy() {
        let home = tempfile::TempDir::new().unwrap();
        let file = home.path().join("file");
        fs::write(&file, "x").unwrap();
        let user = geteuid().as_raw();
        let below = file.join("inner");
        for (path, errno, parts) in [
            (&below, Errno::NOTDIR, &["file is a file (uid ", "mode 0", "choose another path"][..]),
            (&file, Errno::EXIST, &["file is a file (uid ", "mode 0"]),
            (&home.path().to_owned(), Errno::ISDIR, &["is a folder (uid ", "choose another path"]),
            (&file, Errno::ROFS, &["may only read", "mount it for writing"]),
            (&file, Errno::NOSPC, &["No space left", "Make room"]),
            (&home.path().join("none"), Errno::NOENT, &["No such file", "create it"]),
            (&file, Errno::IO, &["Input/output error"]),
        ] {
            let text = explain(path, errno.into()).to_string();
            assert!(parts.iter().all(|part| text.contains(part)), "{errno}: {text}");
            let names_user = text.contains(&format!("uid {user}"));
            assert!(names_user || errno == Errno::IO, "{errno}: {text}");
            assert_eq!(text.lines().count(), 1, "{text}");
        }
    }

    #[test]
    fn file_is_exposed_if_others_can_read_it_and_enter_its_folder() {
        let home = tempfile::TempDir::new().unwrap();
        let file = home.path().join("secret");
        fs::write(&file, "x").unwrap();
        for (folder, mode, expected) in [
            (0o755, 0o644, true),
            (0o750, 0o640, true),
            (0o755, 0o600, false),
            (0o700, 0o644, false),
            (0o750, 0o604, false),
        ] {
            fs::set_permissions(home.path(), Permissions::from_mode(folder)).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let warning = exposed(&file);
            assert_eq!(warning.is_some(), expected, "{folder:o} {mode:o}");
            if let Some(warning) = warning {
                let shown = file.display();
                assert!(warning.contains(&format!("(mode {mode:04o}): chmod 600 {shown}")));
            }
        }
        assert_eq!(exposed(&home.path().join("none")), None);
    }
}
