use std::collections::HashSet;

use diesel::{
    Connection, RunQueryDsl, SqliteConnection, connection::SimpleConnection, sql_types::Text,
};

use crate::{contract::schema::declared, resilience::faults::integrity, support::connect};

/// A direct connection to the database, past the server.
pub enum Database {
    Sqlite(String),
    Postgres(tokio_postgres::Client),
}

/// Selects what exists, by the names that the journal uses.
const THINGS: &str = "
    SELECT 'user' AS kind, id FROM users
    UNION ALL SELECT 'session', id FROM sessions
    UNION ALL SELECT 'token', id FROM api_tokens WHERE revoked_at IS NULL
    UNION ALL SELECT 'lock-out', id FROM users WHERE deactivated_at IS NOT NULL";

/// Selects states that no transaction leaves behind, given that no test signs these users out or reactivates
/// them.
const HALVES: &str = "
    SELECT 'user without account' AS kind, id FROM users
        WHERE id NOT IN (SELECT user_id FROM accounts)
    UNION ALL SELECT 'user without session', id FROM users
        WHERE role = 'user' AND id NOT IN (SELECT user_id FROM sessions)
    UNION ALL SELECT 'lock-out without event', id FROM users WHERE deactivated_at IS NOT NULL
        AND id NOT IN (SELECT subject_id FROM activity WHERE action = 'user-deactivated')
    UNION ALL SELECT 'event without lock-out', id FROM activity WHERE action = 'user-deactivated'
        AND subject_id NOT IN (SELECT id FROM users WHERE deactivated_at IS NOT NULL)";

/// Selects the owners of rows that have no user, in every table whose rows belong to users.
fn orphans() -> String {
    let tables = declared().into_iter().filter(|(_, column, ..)| column == "user_id");
    let selects: Vec<_> = tables
        .map(|(table, ..)| {
            format!(
                "SELECT '{table} without user' AS kind, user_id AS id FROM {table}
                 WHERE user_id NOT IN (SELECT id FROM users)"
            )
        })
        .collect();
    assert!(selects.len() > 10, "{selects:?}");
    selects.join(" UNION ALL ")
}

/// Selects users who have signed up and have no job left: their mail must have been sent. Deactivated users get
/// no mail.
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

    /// Returns what is incomplete or corrupt.
    pub async fn faults(&self) -> Vec<String> {
        let halves = [self.rows(HALVES).await, self.rows(&orphans()).await].concat();
        let mut faults: Vec<_> =
            halves.into_iter().map(|(kind, id)| format!("{kind}: {id}")).collect();
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
