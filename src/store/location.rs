//! `DATABASE_URL`: where the database is.

use std::path::PathBuf;

use crate::store::{
    Error,
    engine::{file_lock::FileLock, postgres::Target},
};

/// Where the database is.
#[derive(Clone)]
pub enum Location {
    /// A local file.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(Box<Target>),
}

impl Location {
    /// Parses a `DATABASE_URL`: `postgres://…`, or `sqlite:` and a path.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it: it may contain a password.
    pub fn parse(url: &str, authority: Option<PathBuf>) -> Result<Self, String> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Target::parse(url, authority).map(Box::new).map(Self::Postgres);
        }
        match url.strip_prefix("sqlite:").map(|path| path.trim_start_matches("//")) {
            // SQLite would otherwise take them for a part of the file's name, and create a new file.
            Some(path) if path.contains('?') || path.starts_with("file:") => {
                Err("DATABASE_URL: after sqlite: comes the path of a file, without options".into())
            }
            Some(path) if !path.is_empty() && path != ":memory:" => Ok(Self::Sqlite(path.into())),
            _ => Err("DATABASE_URL must begin with postgres:// or be sqlite: and a file".into()),
        }
    }

    /// Names the database for the start-up banner, without credentials.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Sqlite(file) => format!("SQLite in {}", file.display()),
            Self::Postgres(target) => target.describe(),
        }
    }

    /// Locks a SQLite file, so that no other server uses it while the lock is held. A PostgreSQL server takes any
    /// number of instances, and needs no lock.
    ///
    /// # Errors
    /// When another server holds the lock, or the file cannot be locked.
    pub fn lock(&self) -> Result<Option<FileLock>, Error> {
        match self {
            Self::Sqlite(file) => FileLock::acquire(file).map(Some),
            Self::Postgres(_) => Ok(None),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn database_url_is_parsed_to_its_location_or_rejected() {
        for (url, place) in [
            ("sqlite:data/app.db", "SQLite in data/app.db"),
            ("sqlite://data/app.db", "SQLite in data/app.db"),
            ("sqlite:///var/app.db", "SQLite in /var/app.db"),
            ("postgres://u:secret@db.example.com/app", "PostgreSQL app at db.example.com"),
            ("postgresql://db.example.com/app", "PostgreSQL app at db.example.com"),
        ] {
            assert_eq!(Location::parse(url, None).map(|place| place.describe()).unwrap(), place);
        }
        for nowhere in [
            "",
            "sqlite:",
            "sqlite://",
            "sqlite::memory:",
            "sqlite:app.db?mode=rwc",
            "sqlite:file:app.db",
            "mysql://localhost/app",
        ] {
            assert!(Location::parse(nowhere, None).is_err(), "{nowhere}");
        }
    }
}
