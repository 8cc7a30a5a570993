//! The lock on SQLite's file, by which one server knows that no other uses it, and the watch that the file is
//! still the one at its path.
//!
//! The lock is `flock` on a descriptor of the database file itself, so a symbolic or hard link leads to the same
//! lock. On Linux it does not conflict with the POSIX locks (`fcntl`) that SQLite takes on the same file. But
//! the kernel drops all POSIX locks of a process on a file as soon as the process closes any descriptor of it.
//! So this descriptor is opened before SQLite's and closed after them (each of SQLite's threads holds a
//! reference), and nothing else in a server opens the file: what needs to know about it asks `stat`.
//!
//! Elsewhere the two kinds of lock do conflict, also within a process. There a file beside the database is
//! locked, which a hard link from another folder does not lead to.

mod legacy;

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use backon::{BlockingRetryable, ConstantBuilder};

use super::Error;
use crate::private_files;

pub(super) use legacy::refuse_beside_older_server;

/// A server that has just been stopped may need a moment to close the file.
const RETRY: Duration = Duration::from_millis(50);
const RETRIES: usize = 20;

/// Which file this is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    fn of(metadata: &fs::Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    fn at(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| Self::of(&metadata))
    }
}

/// Holds the lock on a database file, and watches that the path still leads to it.
#[derive(Debug)]
pub struct FileLock {
    path: PathBuf,
    database: FileId,
    /// SQLite's write-ahead log, where what is committed goes first.
    log: OnceLock<(PathBuf, FileId)>,
    lost: AtomicBool,
    _locked: File,
    _legacy: Vec<File>,
}

impl FileLock {
    /// Takes the lock, on a file that is created where there is none, without changing what is in it.
    ///
    /// # Errors
    /// When another server holds it, an older version's server runs on the file, or this user may not use it.
    pub(super) fn acquire(file: &Path) -> Result<Self, Error> {
        let fail = |error: &dyn std::fmt::Display| {
            Error::unavailable(format!("{}: {error}", file.display()))
        };
        let legacy = refuse_beside_older_server(file)?;
        prepare(file)?;
        let locked =
            open_to_lock(file).map_err(|error| fail(&private_files::explain(file, error)))?;
        let attempt = || locked.try_lock();
        attempt
            .retry(ConstantBuilder::new().with_delay(RETRY).with_max_times(RETRIES))
            .when(|error| matches!(error, TryLockError::WouldBlock))
            .call()
            .map_err(|error| match error {
                TryLockError::WouldBlock => fail(&"another server is running on this file"),
                TryLockError::Error(error) => fail(&error),
            })?;
        let database = FileId::at(file).map_err(|error| fail(&error))?;
        if cfg!(target_os = "linux") {
            let held = locked.metadata().map_err(|error| fail(&error))?;
            if FileId::of(&held) != database {
                return Err(fail(&"it was replaced while the server started: start it again"));
            }
        }
        Ok(Self {
            path: file.to_owned(),
            database,
            log: OnceLock::new(),
            lost: AtomicBool::new(false),
            _locked: locked,
            _legacy: legacy,
        })
    }

    /// Watches the write-ahead log too, which exists from the moment when all connections are open to the
    /// moment when the last one is closed.
    pub(super) fn watch_log(&self) {
        let [_, log, _] = files_of(&self.path);
        if let Ok(id) = FileId::at(&log) {
            let _ = self.log.set((log, id));
        }
    }

    /// Checks that the database file and its log are still those that were opened. What is written to a file
    /// without a name, or beside another that took its name, is lost.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when they were deleted or replaced.
    pub(super) fn check(&self) -> Result<(), Error> {
        let lost = is_lost(&self.path, self.database)
            || self.log.get().is_some_and(|(path, id)| is_lost(path, *id));
        let was_lost = self.lost.swap(lost, Ordering::Relaxed);
        if !lost {
            return Ok(());
        }
        if !was_lost {
            tracing::error!(
                file = %self.path.display(),
                "the database file was deleted or replaced: requests are answered 503 until it is put back or the server is started again"
            );
        }
        Err(Error::unavailable(format!("{} was deleted or replaced", self.path.display())))
    }
}

/// Whether another file, or none, is at this path now. Where that cannot be told the file counts as present.
fn is_lost(path: &Path, expected: FileId) -> bool {
    match FileId::at(path) {
        Ok(found) => found != expected,
        Err(error) => {
            matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        }
    }
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The database and the files that SQLite keeps beside it, which is where a symbolic link leads to.
#[must_use]
pub fn files_of(database: &Path) -> [PathBuf; 3] {
    let target = fs::read_link(database).and_then(|_| fs::canonicalize(database));
    let target = target.unwrap_or_else(|_| database.to_owned());
    ["", "-wal", "-shm"].map(|suffix| with_suffix(&target, suffix))
}

/// Creates a database's folder and the empty file, both private, where they do not exist: SQLite would make the
/// file as readable as the umask allows, and gives its `-wal` and `-shm` the same mode. Checks that this user
/// may use what exists.
///
/// # Errors
/// One line that names the file, and what to do.
pub(super) fn prepare(file: &Path) -> Result<(), Error> {
    let fail = |error: io::Error| {
        let error = private_files::explain(file, error);
        Error::unavailable(format!("{}: {error}", file.display()))
    };
    private_files::create_folder(&private_files::folder_of(file)).map_err(fail)?;
    check_access(file)?;
    if file.is_dir() {
        return Err(fail(io::ErrorKind::IsADirectory.into()));
    }
    create_target(file).map_err(fail)
}

/// Checks that this user may use a database, what SQLite keeps beside it, and their folder, as far as they exist.
///
/// # Errors
/// One line that names the file, and what to do.
pub(super) fn check_access(file: &Path) -> Result<(), Error> {
    let [database, log, shared] = files_of(file);
    for path in [&private_files::folder_of(&database), &database, &log, &shared] {
        private_files::check_access(path).map_err(Error::unavailable)?;
    }
    Ok(())
}

/// Creates the empty file, or the one that a symbolic link without a target leads to.
fn create_target(file: &Path) -> io::Result<()> {
    match private_files::create(file) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        created => return created.map(drop),
    }
    match (fs::metadata(file), fs::read_link(file)) {
        (Err(missing), Ok(target)) if missing.kind() == io::ErrorKind::NotFound => {
            create_target(&private_files::folder_of(file).join(target))
        }
        _ => Ok(()),
    }
}

/// Opens the file that is locked: the database itself where its POSIX locks are another kind.
fn open_to_lock(file: &Path) -> io::Result<File> {
    if !cfg!(target_os = "linux") {
        let beside = with_suffix(&fs::canonicalize(file)?, ".lock");
        return OpenOptions::new().write(true).create(true).truncate(false).open(beside);
    }
    match OpenOptions::new().read(true).write(true).open(file) {
        // One that cannot be written can still be served from, and locked.
        Err(error) if is_read_only(&error) => File::open(file),
        opened => opened,
    }
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}
