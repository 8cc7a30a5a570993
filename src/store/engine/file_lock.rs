//! The lock on SQLite's file, which ensures that one server uses it, and the check that the path still leads to the
//! open file.
//!
//! The lock is `flock` on a descriptor of the database file itself, so a symbolic or hard link leads to the same lock.
//! On Linux it does not conflict with the POSIX locks (`fcntl`) that SQLite takes on the same file. But the kernel
//! drops all POSIX locks of a process on a file as soon as the process closes any descriptor of it. Therefore this
//! descriptor is opened before SQLite's and closed after them (each of SQLite's threads holds a reference), and
//! nothing else in a server opens the file: other code calls `stat`.
//!
//! On other systems the two kinds of lock conflict, even within one process. There the lock is on a separate file
//! beside the database, which a hard link from another folder does not lead to.

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

use crate::{private_files, store::Error};

pub(in crate::store) use legacy::refuse_beside_older_server;

/// A server that has just been stopped may need a moment to close the file.
const RETRY_DELAY: Duration = Duration::from_millis(50);
const MAX_RETRIES: usize = 20;

/// The identity of a file, whatever its name.
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

/// Holds the lock on a database file, and checks that the path still leads to it.
#[derive(Debug)]
pub struct FileLock {
    path: PathBuf,
    database: FileId,
    /// SQLite's write-ahead log, to which commits go first.
    log: OnceLock<(PathBuf, FileId)>,
    lost: AtomicBool,
    _locked: File,
    _legacy: Vec<File>,
}

impl FileLock {
    /// Takes the lock. Creates the file if it does not exist, and does not change its contents otherwise.
    ///
    /// # Errors
    /// When another server holds the lock, a server of an older version uses the file, or the operating-system user
    /// may not.
    pub(in crate::store) fn acquire(file: &Path) -> Result<Self, Error> {
        let fail = |error: &dyn std::fmt::Display| {
            Error::unavailable(format!("{}: {error}", file.display()))
        };
        let legacy = refuse_beside_older_server(file)?;
        prepare(file)?;
        let locked =
            open_to_lock(file).map_err(|error| fail(&private_files::explain(file, error)))?;
        let attempt = || locked.try_lock();
        attempt
            .retry(ConstantBuilder::new().with_delay(RETRY_DELAY).with_max_times(MAX_RETRIES))
            .when(|error| matches!(error, TryLockError::WouldBlock))
            .call()
            .map_err(|error| match error {
                TryLockError::WouldBlock => fail(&"another server is running on this file"),
                TryLockError::Error(error) => fail(&error),
            })?;
        let database = FileId::at(file).map_err(|error| fail(&error))?;
        if cfg!(target_os = "linux") {
            let opened = locked.metadata().map_err(|error| fail(&error))?;
            if FileId::of(&opened) != database {
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

    /// Starts to check the write-ahead log too, which exists from when all connections are open until the last one is
    /// closed.
    pub(in crate::store) fn watch_log(&self) {
        let [_, log, _] = files_of(&self.path);
        if let Ok(id) = FileId::at(&log) {
            let _ = self.log.set((log, id));
        }
    }

    /// Checks that the database file and its log are still those that were opened. Writes to a file without a name, or
    /// with a log that another file replaced, are lost.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when they were deleted or replaced.
    pub(in crate::store) fn check(&self) -> Result<(), Error> {
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

/// Whether the path leads to another file or to none. If that cannot be determined, the file counts as present.
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

/// Creates a database's folder and the empty file, both private, if they do not exist: SQLite would create the file
/// with the mode that the umask allows, and gives its `-wal` and `-shm` the same mode. Checks that the
/// operating-system user may use the existing ones.
///
/// # Errors
/// One line that names the file and says what to do.
pub(in crate::store) fn prepare(file: &Path) -> Result<(), Error> {
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

/// Checks that the operating-system user may use the database, SQLite's files beside it, and their folder, if they
/// exist.
///
/// # Errors
/// One line that names the file and says what to do.
pub(in crate::store) fn check_access(file: &Path) -> Result<(), Error> {
    let [database, log, shared] = files_of(file);
    for path in [&private_files::folder_of(&database), &database, &log, &shared] {
        private_files::check_access(path).map_err(Error::unavailable)?;
    }
    Ok(())
}

/// Creates the empty file, or the one that a dangling symbolic link leads to.
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

/// Opens the file to lock: the database itself on systems where `flock` does not conflict with POSIX locks.
fn open_to_lock(file: &Path) -> io::Result<File> {
    if !cfg!(target_os = "linux") {
        let lock_file = with_suffix(&fs::canonicalize(file)?, ".lock");
        return OpenOptions::new().write(true).create(true).truncate(false).open(lock_file);
    }
    match OpenOptions::new().read(true).write(true).open(file) {
        // A file that is not writable can still be served from, and locked.
        Err(error) if is_read_only(&error) => File::open(file),
        opened => opened,
    }
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}
