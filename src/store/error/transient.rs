//! Which errors of a database are transient.
//!
//! Diesel exposes neither SQLSTATE nor SQLite's code, so errors are recognized by their messages. SQLite's are always
//! in English, PostgreSQL's on every connection that may ask for that: `postgres::ENGLISH`.
//!
//! There is no other way to PostgreSQL's code yet. diesel-async wraps the driver's error, which has the code, in a
//! private type that cannot be downcast and that implements [`DatabaseErrorInformation`], whose methods do not return
//! it. Only violated constraints, serialization failures and read-only transactions have a kind of their own. Running
//! every statement without Diesel, or rewriting the protocol on the wire, would mean a driver of our own for the sake
//! of one field. <https://github.com/diesel-rs/diesel/pull/5232> adds an accessor: with it the list of messages here,
//! `is_lost`, `is_deadlock` and `postgres::ENGLISH` become one list of SQLSTATE classes.
//!
//! A missing table or column is not transient: the schema is not the one that this binary was built for.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind};

/// How SQLite's messages begin, with its codes.
const SQLITE: [&str; 14] = [
    "database is locked",                   // SQLITE_BUSY
    "database table is locked",             // SQLITE_LOCKED
    "database schema is locked",            // SQLITE_LOCKED
    "database or disk is full",             // SQLITE_FULL
    "attempt to write a readonly database", // SQLITE_READONLY
    "disk I/O error",                       // SQLITE_IOERR
    "database disk image is malformed",     // SQLITE_CORRUPT
    "malformed database schema",            // SQLITE_CORRUPT
    "file is not a database",               // SQLITE_NOTADB
    "unable to open database file",         // SQLITE_CANTOPEN
    "locking protocol",                     // SQLITE_PROTOCOL
    "database schema has changed",          // SQLITE_SCHEMA
    "out of memory",                        // SQLITE_NOMEM
    "interrupted",                          // SQLITE_INTERRUPT
];

/// How PostgreSQL's messages begin, with their SQLSTATEs.
const POSTGRES: [&str; 24] = [
    "canceling ",              // 57014, 55P03, 40001: a timeout, or a standby's conflict
    "terminating connection",  // 57P01 to 57P05, 25P03
    "the database system is ", // 57P03
    "sorry, too many clients", // 53300
    "remaining connection slots",
    "too many connections for ",
    "out of memory", // 53200
    "out of shared memory",
    "could not extend file", // 53100
    "could not write ",      // 53100, 58030
    "could not read ",
    "could not open file",
    "could not create file",
    "could not fsync file",
    "could not access ", // 58P01, XX001
    "could not resize shared memory",
    "could not obtain lock",                   // 55P03
    "could not serialize ",                    // 40001
    "deadlock detected",                       // 40P01
    "cached plan must not change result type", // 0A000: after a migration, until the connection is a new one
    "prepared statement ",                     // 26000, 42P05: a pooler has changed the connection
    "invalid page in block",                   // XX001
    "unexpected data beyond EOF",
    "tuple concurrently updated",
];

/// The driver's errors that no connection causes: it could not encode or decode the statement's values.
const DRIVER_BUGS: [&str; 4] = [
    "error serializing parameter",
    "error deserializing column",
    "error encoding message",
    "expected ",
];

/// Whether the same statement may succeed later.
pub(super) fn is_transient(
    kind: DatabaseErrorKind,
    info: &(dyn DatabaseErrorInformation + Send + Sync),
) -> bool {
    let message = info.message();
    let begins = |list: &[&str]| list.iter().any(|start| message.starts_with(start));
    match kind {
        DatabaseErrorKind::UnableToSendCommand => !begins(&DRIVER_BUGS),
        DatabaseErrorKind::Unknown => begins(&SQLITE) || begins(&POSTGRES),
        _ => false,
    }
}
