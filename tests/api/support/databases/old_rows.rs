//! Thousands of expired rows.

use portcullis::time::Timestamp;

use crate::support::Backend;

/// Formats a moment as SQL.
pub fn moment(backend: Backend, at: Timestamp) -> String {
    match backend {
        Backend::Sqlite => at.micros().to_string(),
        Backend::Postgres => format!("'{at}'"),
    }
}

/// Returns SQL that adds this many sessions of a user which ended at this moment.
pub fn add_sessions(backend: Backend, user_id: &str, count: usize, end: Timestamp) -> String {
    let end = moment(backend, end);
    let (hash, yes) = match backend {
        Backend::Sqlite => ("randomblob(32)", "1"),
        Backend::Postgres => ("sha256(('old' || i)::bytea)", "true"),
    };
    format!(
        "WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {count})
         INSERT INTO sessions (id, user_id, secret_hash, expires_at, authenticated_at, last_seen_at,
             remember, created_at, updated_at)
         SELECT 'old-' || i, '{user_id}', {hash}, {end}, {end}, {end}, {yes}, {end}, {end} FROM numbers"
    )
}
