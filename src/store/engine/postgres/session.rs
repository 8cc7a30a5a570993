//! Checks that each connection has a session of its own on the server, which keeps its settings.
//!
//! Settings, prepared statements and advisory locks belong to a session. A connection pool in transaction or statement
//! mode, such as PgBouncer's, gives each transaction any free session: a server behind one would start, and then fail
//! in parts or run without its settings.

use tokio_postgres::{Client, SimpleQueryMessage};
use uuid::Uuid;

use super::target::Target;
use crate::store::Error;

/// How many connections are compared. With two, a pool of several processes might keep them apart.
const CONNECTIONS: usize = 3;

const NO_SESSION: &str = "DATABASE_URL leads to a connection pool in transaction or statement mode (such as \
     PgBouncer's), where settings, prepared statements and locks do not stay with their connection: use the \
     database's direct URL, or a pool in session mode (pool_mode = session)";

impl Target {
    /// Checks that connections keep the settings of their sessions.
    ///
    /// # Errors
    /// When they do not, or the server cannot be reached.
    pub(in crate::store) async fn check_sessions(&self) -> Result<(), Error> {
        check(self).await
    }
}

/// Checks that a session keeps its settings, and that the `options` in the URL have arrived.
///
/// Each connection stores a unique name in its session, and reads it in a later transaction. If the pool hands out
/// sessions in turn, the second transaction already has another session. If the pool hands out the session that was
/// used last, all connections share one, and the first connection reads the last one's name. No other setting is
/// changed, because it would stay in sessions that other applications use.
///
/// # Errors
/// When a setting is lost, or the server does not answer.
async fn check(target: &Target) -> Result<(), Error> {
    let late = || {
        Error::unavailable(format!(
            "PostgreSQL, or a connection pool before it, did not answer on {CONNECTIONS} connections in time"
        ))
    };
    let mut sessions = Vec::new();
    for _ in 0..CONNECTIONS {
        let client = target.connect_plainly().await.map_err(Error::unavailable)?;
        sessions.push((client, Uuid::now_v7().to_string()));
    }
    tokio::time::timeout(target.timeout(), compare(&sessions, target))
        .await
        .unwrap_or_else(|_| Err(late()))
}

async fn compare(sessions: &[(Client, String)], target: &Target) -> Result<(), Error> {
    for (client, name) in sessions {
        ask(client, &format!("SELECT set_config('portcullis.session', '{name}', false)")).await?;
        confirm(client, name).await?;
    }
    for (client, name) in sessions {
        confirm(client, name).await?;
    }
    match sessions.first() {
        Some((client, _)) => options_have_arrived(client, target).await,
        None => Ok(()),
    }
}

async fn confirm(client: &Client, name: &str) -> Result<(), Error> {
    let found = ask(client, "SELECT current_setting('portcullis.session', true)").await?;
    if found.as_deref() == Some(name) {
        return Ok(());
    }
    Err(Error::Incompatible(NO_SESSION.to_owned()))
}

/// Checks that a pool has not dropped the settings in `options`, as PgBouncer does when it is configured to ignore
/// them.
async fn options_have_arrived(client: &Client, target: &Target) -> Result<(), Error> {
    let names = names_of(target.options());
    if names.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    let dropped = format!(
        "SELECT string_agg(name, ', ') FROM pg_settings WHERE source <> 'client' AND name IN ({})",
        list.join(", ")
    );
    match ask(client, &dropped).await? {
        None => Ok(()),
        Some(dropped) => Err(Error::Incompatible(format!(
            "the settings in the options of DATABASE_URL have no effect ({dropped}), since a connection pool \
             drops them: set them for the role or the database instead"
        ))),
    }
}

/// Returns the settings that a session's command-line options name: `-c name=value` or `--name=value`.
fn names_of(options: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut follows = false;
    for word in options.split_whitespace() {
        let setting = match (follows, word.strip_prefix("--").or_else(|| word.strip_prefix("-c"))) {
            (true, _) => word,
            (false, Some(setting)) => setting,
            (false, None) => continue,
        };
        follows = setting.is_empty();
        let name = setting.split('=').next().unwrap_or_default().replace('-', "_");
        let name = name.to_ascii_lowercase();
        if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            names.push(name);
        }
    }
    names
}

/// Returns the first column of the first row, by the simple query protocol, which prepares nothing.
async fn ask(client: &Client, sql: &str) -> Result<Option<String>, Error> {
    let messages = client
        .simple_query(sql)
        .await
        .map_err(|error| Error::unavailable(super::error_text::describe(&error)))?;
    Ok(messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}

#[cfg(test)]
mod tests {
    use super::names_of;

    #[test]
    fn url_options_yield_their_setting_names_in_both_forms() {
        for (options, names) in [
            ("", &[][..]),
            ("endpoint=ep-cool-1", &[]),
            ("-c statement_timeout=5s", &["statement_timeout"]),
            ("-cwork_mem=4MB --lock-timeout=1s", &["work_mem", "lock_timeout"]),
            ("-c search_path=a\\ b -c geqo=off", &["search_path", "geqo"]),
        ] {
            assert_eq!(names_of(options), names, "{options}");
        }
    }
}
