use std::collections::HashSet;

use diesel::{
    Connection, RunQueryDsl, SqliteConnection, connection::SimpleConnection, sql_types::Text,
};

use crate::{resilience::faults::integrity, support::connect};

/// The database behind the server's back.
pub enum Database {
    Sqlite(String),
    Postgres(tokio_postgres::Client),
}

/// What is there, in the journal's words.
const THINGS: &str = "
    SELECT 'user' AS kind, id FROM users
    UNION ALL SELECT 'session', id FROM sessions
    UNION ALL SELECT 'token', id FROM api_tokens WHERE revoked_at IS NULL
    UNION ALL SELECT 'project', id FROM projects
    UNION ALL SELECT 'lock-out', id FROM users WHERE deactivated_at IS NOT NULL";

/// What no transaction leaves behind, where nobody ends their first session or is let in again.
const HALVES: &str = "
    SELECT 'user without account' AS kind, id FROM users
        WHERE id NOT IN (SELECT user_id FROM accounts)
    UNION ALL SELECT 'user without session', id FROM users
        WHERE role = 'user' AND id NOT IN (SELECT user_id FROM sessions)
    UNION ALL SELECT 'account without user', id FROM accounts
        WHERE user_id NOT IN (SELECT id FROM users)
    UNION ALL SELECT 'session without user', id FROM sessions
        WHERE user_id NOT IN (SELECT id FROM users)
    UNION ALL SELECT 'token without user', id FROM api_tokens
        WHERE user_id NOT IN (SELECT id FROM users)
    UNION ALL SELECT 'project without user', id FROM projects
        WHERE user_id NOT IN (SELECT id FROM users)
    UNION ALL SELECT 'lock-out without event', id FROM users WHERE deactivated_at IS NOT NULL
        AND id NOT IN (SELECT subject_id FROM audit_events WHERE action = 'user-deactivated')
    UNION ALL SELECT 'event without lock-out', id FROM audit_events WHERE action = 'user-deactivated'
        AND subject_id NOT IN (SELECT id FROM users WHERE deactivated_at IS NOT NULL)";

/// Users who have signed up and for whom no job waits: their mail must have left. Nobody writes to those
/// who are locked out.
const SETTLED: &str = "
    SELECT 'email' AS kind, email AS id FROM users
    WHERE role = 'user' AND deactivated_at IS NULL
        AND id NOT IN (SELECT user_id FROM jobs WHERE user_id IS NOT NULL)";

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    id: String,
}

impl Database {
    pub async fn at(url: &str) -> Self {
        if let Some(file) = url.strip_prefix("sqlite:") {
            return Self::Sqlite(file.to_owned());
        }
        let client = connect(url).await;
        Self::Postgres(client)
    }

    pub async fn things(&self) -> HashSet<(String, String)> {
        self.rows(THINGS).await.into_iter().collect()
    }

    /// What is half done or broken.
    pub async fn faults(&self) -> Vec<String> {
        let halves = self.rows(HALVES).await.into_iter();
        let mut faults: Vec<_> = halves.map(|(kind, id)| format!("{kind}: {id}")).collect();
        if let Self::Sqlite(file) = self {
            let found = integrity(&mut open(file));
            if found != "ok" {
                faults.push(found);
            }
        }
        faults
    }

    pub async fn users_without_a_job(&self) -> Vec<String> {
        self.rows(SETTLED).await.into_iter().map(|(_, email)| email).collect()
    }

    pub async fn execute(&self, sql: &str) {
        match self {
            Self::Sqlite(file) => open(file).batch_execute(sql).unwrap(),
            Self::Postgres(client) => client.batch_execute(sql).await.unwrap(),
        }
    }

    pub async fn rows(&self, sql: &str) -> Vec<(String, String)> {
        match self {
            Self::Sqlite(file) => {
                let rows: Vec<Row> = diesel::sql_query(sql).load(&mut open(file)).unwrap();
                rows.into_iter().map(|row| (row.kind, row.id)).collect()
            }
            Self::Postgres(client) => {
                let rows = client.query(sql, &[]).await.unwrap();
                rows.iter().map(|row| (row.get(0), row.get(1))).collect()
            }
        }
    }
}

fn open(file: &str) -> SqliteConnection {
    let mut connection = SqliteConnection::establish(file).unwrap();
    connection.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
    connection
}
