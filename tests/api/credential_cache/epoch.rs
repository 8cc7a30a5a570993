//! The epoch, with SQL as an operator types it: which changes begin one, and which users they affect.

use std::collections::BTreeSet;

use diesel::{
    Connection, QueryableByName, RunQueryDsl, SqliteConnection,
    connection::SimpleConnection,
    sql_query,
    sql_types::{BigInt, Text},
};
use portcullis::store::{Location, Store};
use tempfile::TempDir;
use tokio_postgres::Client;

use crate::support::*;

/// A migrated database, and a connection to it without any of our session settings.
struct Shell {
    url: String,
    backend: Backend,
    sqlite: Option<SqliteConnection>,
    postgres: Option<Client>,
    _folder: TempDir,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    value: String,
}

impl Shell {
    async fn new(backend: Backend) -> Self {
        let folder = TempDir::new().unwrap();
        let url = backend.empty_database(folder.path()).await;
        Store::migrate(&Location::parse(&url, None).unwrap(), &product().tables()).await.unwrap();
        let (mut sqlite, mut postgres) = (None, None);
        match backend {
            Backend::Sqlite => {
                let file = url.trim_start_matches("sqlite:");
                sqlite = Some(SqliteConnection::establish(file).unwrap());
            }
            Backend::Postgres => postgres = Some(connect(&url).await),
        }
        let mut shell = Self { url, backend, sqlite, postgres, _folder: folder };
        for user in ["ada", "bob", "eve"] {
            shell.run(&insert_user(user)).await;
        }
        for (id, user) in [("s1", "ada"), ("s2", "ada"), ("s3", "bob")] {
            shell.run(&shell.insert_session(id, user)).await;
        }
        for (id, user) in [("t1", "ada"), ("t2", "bob")] {
            shell.run(&shell.insert_token(id, user)).await;
        }
        assert_eq!(shell.number().await, 0, "an insertion takes no rights away");
        shell
    }

    async fn run(&mut self, sql: &str) {
        match (&mut self.sqlite, &self.postgres) {
            (Some(sqlite), _) => sqlite.batch_execute(&self.backend.of(sql)),
            (_, Some(client)) => {
                client.batch_execute(&self.backend.of(sql)).await.unwrap();
                Ok(())
            }
            _ => unreachable!(),
        }
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    async fn number(&mut self) -> i64 {
        let sql = "SELECT number AS value FROM epoch";
        match (&mut self.sqlite, &self.postgres) {
            (Some(sqlite), _) => sql_query(sql).get_result::<Count>(sqlite).unwrap().value,
            (_, Some(client)) => client.query_one(sql, &[]).await.unwrap().get(0),
            _ => unreachable!(),
        }
    }

    async fn names(&mut self, sql: &str) -> Vec<String> {
        match (&mut self.sqlite, &self.postgres) {
            (Some(sqlite), _) => {
                let rows: Vec<Name> = sql_query(sql).load(sqlite).unwrap();
                rows.into_iter().map(|row| row.value).collect()
            }
            (_, Some(client)) => {
                client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
            }
            _ => unreachable!(),
        }
    }

    /// Returns the users whom the changes of a statement affect. Where possible, the statement is rolled back.
    async fn affected_users(&mut self, sql: &str) -> Vec<String> {
        let before = self.number().await;
        self.run(sql).await;
        let log = format!(
            "SELECT DISTINCT concerns AS value FROM changes WHERE number > {before} ORDER BY 1"
        );
        let affected_users = self.names(&log).await;
        assert_eq!(self.number().await > before, !affected_users.is_empty(), "{sql}");
        let gaps = "SELECT 'a gap' AS value FROM changes c WHERE number > 1 AND NOT EXISTS \
                    (SELECT 1 FROM changes b WHERE b.number = c.number - 1 AND b.after = c.before)";
        assert!(self.names(gaps).await.is_empty(), "{sql}");
        affected_users
    }

    fn insert_session(&self, id: &str, user: &str) -> String {
        let (secret, text) = (self.backend.bytes(id), "'x'");
        format!(
            "INSERT INTO sessions (id, user_id, secret_hash, expires_at, authenticated_at, last_seen_at,
                remember, ip_address, user_agent, created_at, updated_at)
            VALUES ('{id}', '{user}', {secret}, FUTURE, PAST, PAST, TRUE, {text}, {text}, PAST, PAST)"
        )
    }

    fn insert_token(&self, id: &str, user: &str) -> String {
        let hash = self.backend.bytes(id);
        format!(
            "INSERT INTO api_tokens (id, user_id, token_hash, display_prefix, name, scopes, expires_at, created_at)
            VALUES ('{id}', '{user}', {hash}, 'x', 'x', 'read', FUTURE, PAST)"
        )
    }
}

fn insert_user(id: &str) -> String {
    format!(
        "INSERT INTO users (id, name, email, email_verified, role, created_at, updated_at)
        VALUES ('{id}', '{id}', '{id}@example.com', TRUE, 'user', PAST, PAST)"
    )
}

/// SQL of a database's own.
trait Dialect {
    /// Replaces the placeholders of these tests by a database's own SQL.
    fn of(self, sql: &str) -> String;

    fn bytes(self, text: &str) -> String;
}

impl Dialect for Backend {
    fn of(self, sql: &str) -> String {
        match self {
            Self::Sqlite => sql
                .replace("LONG_AGO", "(unixepoch() - 7200) * 1000000")
                .replace("PAST", "(unixepoch() - 60) * 1000000")
                .replace("FUTURE", "(unixepoch() + 60) * 1000000")
                .replace("SECOND", "1000000"),
            Self::Postgres => sql
                .replace("LONG_AGO", "now() - INTERVAL '2 hours'")
                .replace("PAST", "now() - INTERVAL '1 minute'")
                .replace("FUTURE", "now() + INTERVAL '1 minute'")
                .replace("SECOND", "INTERVAL '1 second'"),
        }
    }

    fn bytes(self, text: &str) -> String {
        let hex: Vec<String> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        let hex = hex.concat();
        match self {
            Self::Sqlite => format!("x'{hex}'"),
            Self::Postgres => format!("'\\x{hex}'::bytea"),
        }
    }
}

/// The value to set each column to, and whether that begins an epoch.
const COLUMNS: [(&str, &str, &str, bool); 47] = [
    ("users", "id", "'adam'", true),
    ("users", "name", "'Adam'", true),
    ("users", "email", "'adam@example.com'", true),
    ("users", "email_verified", "NOT email_verified", true),
    ("users", "image", "'https://example.com/'", true),
    ("users", "role", "'admin'", true),
    ("users", "deactivated_at", "PAST", true),
    ("users", "created_at", "created_at + SECOND", true),
    ("users", "updated_at", "updated_at + SECOND", true),
    ("users", "session_generation", "session_generation + 1", true),
    ("users", "token_generation", "token_generation + 1", true),
    ("users", "link_generation", "link_generation + 1", true),
    ("users", "deleted_at", "PAST", true),
    ("users", "search_indexed", "NOT search_indexed", false),
    ("users", "suspended_at", "PAST", true),
    ("users", "two_factor_enabled", "NOT two_factor_enabled", true),
    ("sessions", "id", "'other'", true),
    ("sessions", "user_id", "'eve'", true),
    ("sessions", "secret_hash", "BYTES", true),
    ("sessions", "expires_at", "expires_at - SECOND", true),
    ("sessions", "expires_at", "expires_at + SECOND", false),
    ("sessions", "authenticated_at", "authenticated_at + SECOND", true),
    ("sessions", "last_seen_at", "last_seen_at + SECOND", false),
    ("sessions", "remember", "NOT remember", true),
    ("sessions", "ip_address", "NULL", true),
    ("sessions", "user_agent", "NULL", true),
    ("sessions", "created_at", "created_at + SECOND", true),
    ("sessions", "updated_at", "updated_at + SECOND", false),
    ("sessions", "methods", "'odd'", true),
    ("sessions", "second_factor_at", "PAST", true),
    ("sessions", "generation", "generation + 1", true),
    ("api_tokens", "id", "'other'", true),
    ("api_tokens", "user_id", "'eve'", true),
    ("api_tokens", "token_hash", "BYTES", true),
    ("api_tokens", "display_prefix", "'y'", true),
    ("api_tokens", "name", "'y'", true),
    ("api_tokens", "scopes", "'write'", true),
    ("api_tokens", "expires_at", "expires_at - SECOND", true),
    ("api_tokens", "expires_at", "expires_at + SECOND", false),
    ("api_tokens", "expires_at", "NULL", false),
    ("api_tokens", "expires_at", "FUTURE", true),
    ("api_tokens", "last_used_at", "PAST", false),
    ("api_tokens", "revoked_at", "PAST", true),
    ("api_tokens", "created_at", "created_at + SECOND", true),
    ("api_tokens", "expires_at", "NULL", false),
    ("api_tokens", "revoked_at", "NULL", true),
    ("api_tokens", "generation", "generation + 1", true),
];

#[apply(on_both_databases)]
async fn column_change_begins_an_epoch_only_if_cached_rows_must_be_invalidated(backend: Backend) {
    let mut shell = Shell::new(backend).await;
    shell.run("DELETE FROM sessions WHERE id = 's3'").await;
    shell.run("DELETE FROM api_tokens WHERE id = 't2'").await;
    // The id of a user with credentials cannot be changed, so the rows of users are those of one without any.
    let row = |table| match table {
        "users" => "name IN ('bob', 'Adam')",
        _ => "user_id IN ('ada', 'eve') AND id NOT IN ('s2')",
    };
    for (table, column, value, counts) in COLUMNS {
        let value = value.replace("BYTES", &backend.bytes("other"));
        let sql = format!("UPDATE {table} SET {column} = {value} WHERE {}", row(table));
        let affected_users = shell.affected_users(&sql).await;
        assert_eq!(!affected_users.is_empty(), counts, "{sql}");
        let idle = format!("UPDATE {table} SET {column} = {column}");
        assert!(shell.affected_users(&idle).await.is_empty(), "{idle}");
    }
}

#[apply(on_both_databases)]
async fn epoch_test_covers_every_column_of_users_sessions_and_tokens(backend: Backend) {
    let mut shell = Shell::new(backend).await;
    for table in ["users", "sessions", "api_tokens"] {
        let catalog = match backend {
            Backend::Sqlite => format!("SELECT name AS value FROM pragma_table_info('{table}')"),
            Backend::Postgres => format!(
                "SELECT column_name::text AS value FROM information_schema.columns WHERE table_name = '{table}'"
            ),
        };
        for column in shell.names(&catalog).await {
            let tried = COLUMNS.iter().any(|(name, tried, ..)| (*name, *tried) == (table, &column));
            assert!(tried, "whether a change of {table}.{column} begins an epoch");
        }
    }
}

#[apply(on_both_databases)]
async fn invalidation_log_records_exactly_the_affected_users(backend: Backend) {
    let mut shell = Shell::new(backend).await;
    let affected_users = [
        ("UPDATE sessions SET remember = FALSE WHERE id = 's3'", vec!["bob"]),
        ("UPDATE sessions SET user_id = 'eve' WHERE id = 's3'", vec!["bob", "eve"]),
        ("UPDATE api_tokens SET user_id = 'eve' WHERE id = 't2'", vec!["bob", "eve"]),
        ("DELETE FROM sessions WHERE id = 's1'", vec!["ada"]),
        ("DELETE FROM api_tokens WHERE id = 't2'", vec!["eve"]),
        ("UPDATE users SET deactivated_at = PAST WHERE id <> 'ada'", vec!["bob", "eve"]),
        ("DELETE FROM users WHERE id = 'ada'", vec!["ada"]),
    ];
    for (sql, users) in affected_users {
        assert_eq!(shell.affected_users(sql).await, users, "{sql}");
    }
}

#[apply(on_both_databases)]
async fn deleting_long_expired_or_revoked_credentials_begins_no_epoch(backend: Backend) {
    let mut shell = Shell::new(backend).await;
    shell.run("UPDATE sessions SET expires_at = LONG_AGO WHERE id = 's1'").await;
    shell.run("UPDATE sessions SET expires_at = PAST WHERE id = 's2'").await;
    shell.run("UPDATE api_tokens SET revoked_at = PAST WHERE id = 't1'").await;
    shell.run("UPDATE api_tokens SET expires_at = LONG_AGO WHERE id = 't2'").await;
    for (sql, counts) in [
        ("DELETE FROM sessions WHERE id = 's1'", false),
        ("DELETE FROM sessions WHERE id = 's2'", true),
        ("DELETE FROM api_tokens WHERE id = 't1'", false),
        ("DELETE FROM api_tokens WHERE id = 't2'", false),
    ] {
        assert_eq!(!shell.affected_users(sql).await.is_empty(), counts, "{sql}");
    }
}

#[apply(on_both_databases)]
async fn revoking_all_of_a_users_credentials_begins_one_epoch(backend: Backend) {
    let mut shell = Shell::new(backend).await;
    let all = "UPDATE users SET session_generation = session_generation + 1,
        token_generation = token_generation + 1, link_generation = link_generation + 1
        WHERE id = 'ada'";
    assert_eq!(shell.affected_users(all).await, ["ada"]);
    assert_eq!(shell.number().await, 1);
}

#[apply(on_both_databases)]
async fn revoking_credentials_of_all_users_affects_every_user(backend: Backend) {
    let mut shell = Shell::new(backend).await;
    for column in ["session_generation", "token_generation"] {
        let sql = format!("UPDATE epoch SET {column} = {column} + 1");
        assert_eq!(shell.affected_users(&sql).await, [""], "{sql}");
    }
    let links = "UPDATE epoch SET link_generation = link_generation + 1";
    assert!(shell.affected_users(links).await.is_empty(), "links are not cached");
}

#[apply(on_both_databases)]
async fn changing_or_deleting_rows_of_an_old_generation_begins_no_epoch(backend: Backend) {
    let mut shell = Shell::new(backend).await;
    shell.run("UPDATE users SET session_generation = 1, token_generation = 1").await;
    for sql in [
        "UPDATE sessions SET remember = FALSE WHERE id = 's1'",
        "DELETE FROM sessions WHERE id = 's1'",
        "UPDATE api_tokens SET revoked_at = PAST WHERE id = 't1'",
        "UPDATE api_tokens SET revoked_at = NULL WHERE id = 't1'",
        "DELETE FROM api_tokens WHERE id = 't1'",
    ] {
        assert!(shell.affected_users(sql).await.is_empty(), "{sql}");
    }
    // Making a credential valid again begins an epoch, and so does changing one that is valid.
    for (sql, user) in [
        ("UPDATE sessions SET generation = 1 WHERE id = 's3'", "bob"),
        ("DELETE FROM sessions WHERE id = 's3'", "bob"),
        ("UPDATE api_tokens SET generation = 1 WHERE id = 't2'", "bob"),
        ("UPDATE api_tokens SET revoked_at = PAST WHERE id = 't2'", "bob"),
    ] {
        assert_eq!(shell.affected_users(sql).await, [user], "{sql}");
    }
}

#[apply(on_both_databases)]
async fn epoch_row_cannot_be_deleted(backend: Backend) {
    let mut shell = Shell::new(backend).await;
    let refused = match (&mut shell.sqlite, &shell.postgres) {
        (Some(sqlite), _) => sqlite.batch_execute("DELETE FROM epoch").is_err(),
        (_, Some(client)) => {
            client.batch_execute("TRUNCATE epoch").await.is_err()
                && client.batch_execute("DELETE FROM epoch").await.is_err()
        }
        _ => unreachable!(),
    };
    assert!(refused, "no credential could be told from a revoked one");
    assert_eq!(shell.number().await, 0);
}

#[apply(on_both_databases)]
async fn rolled_back_transaction_begins_no_epoch(backend: Backend) {
    let mut shell = Shell::new(backend).await;
    let all = "DELETE FROM sessions; UPDATE users SET deactivated_at = PAST;";
    assert!(shell.affected_users(&format!("BEGIN; {all} ROLLBACK")).await.is_empty());
    let partly = format!("BEGIN; SAVEPOINT a; {all} ROLLBACK TO a; COMMIT");
    assert!(shell.affected_users(&partly).await.is_empty());
    let again = format!("BEGIN; SAVEPOINT a; {all} ROLLBACK TO a; {all} COMMIT");
    assert_eq!(shell.affected_users(&again).await, ["ada", "bob", "eve"]);
}

#[apply(on_both_databases)]
async fn epoch_names_are_unique(backend: Backend) {
    let mut shell = Shell::new(backend).await;
    for _ in 0..20 {
        shell.run("UPDATE users SET updated_at = updated_at + SECOND").await;
    }
    let names = shell.names("SELECT DISTINCT after AS value FROM changes").await;
    assert!(names.len() >= 20 && names.iter().all(|name| name.len() >= 32), "{names:?}");
}

#[apply(on_both_databases)]
async fn revocation_wait_shorter_than_a_lease_and_a_tenth_is_rejected(backend: Backend) {
    let mut shell = Shell::new(backend).await;
    shell.run("UPDATE epoch SET wait_ms = 1100, lease_ms = 1000").await;
    let sql = "UPDATE epoch SET wait_ms = 1099";
    let refused = match (&mut shell.sqlite, &shell.postgres) {
        (Some(sqlite), _) => sqlite.batch_execute(sql).is_err(),
        (_, Some(client)) => client.batch_execute(sql).await.is_err(),
        _ => unreachable!(),
    };
    assert!(refused);
}

/// The sqlite3 shell enforces no foreign keys, and has recursive triggers turned off.
#[tokio::test]
async fn sqlite_replace_begins_an_epoch_for_owners_of_replaced_rows() {
    let mut shell = Shell::new(Backend::Sqlite).await;
    shell.run("PRAGMA foreign_keys = OFF; PRAGMA recursive_triggers = OFF").await;
    let (mut user, mut session, mut token) =
        (insert_user("ada"), shell.insert_session("s3", "eve"), shell.insert_token("t2", "eve"));
    for sql in [&mut user, &mut session, &mut token] {
        *sql = sql.replace("INSERT INTO", "REPLACE INTO");
    }
    let by_secret = shell.insert_session("s4", "eve").replace("INSERT", "INSERT OR REPLACE");
    let by_secret = by_secret.replace("x'7334'", "x'7331'");
    for (sql, users) in [
        (user.as_str(), vec!["ada"]),
        (&user.replace("'ada', 'ada', 'ada@", "'new', 'new', 'Ada@"), vec!["ada"]),
        (&session, vec!["bob"]),
        (&by_secret, vec!["ada"]),
        (&token, vec!["bob"]),
        (
            "UPDATE OR REPLACE users SET email = 'eve@example.com' WHERE id = 'bob'",
            vec!["bob", "eve"],
        ),
        // Since eve was replaced, her credentials give no rights that could be lost.
        ("UPDATE OR REPLACE sessions SET id = 's2' WHERE id = 's3'", vec!["ada"]),
        ("UPDATE OR REPLACE api_tokens SET token_hash = x'7431' WHERE id = 't2'", vec!["ada"]),
    ] {
        assert_eq!(shell.affected_users(sql).await, users, "{sql}");
    }
}

#[tokio::test]
async fn sqlite_insert_of_a_taken_email_begins_no_epoch() {
    let mut shell = Shell::new(Backend::Sqlite).await;
    let taken = insert_user("ada").replace("'ada', 'ada'", "'new', 'new'");
    let again = format!("{taken} ON CONFLICT (email) DO NOTHING");
    assert!(shell.affected_users(&again).await.is_empty());
    assert!(shell.affected_users(&insert_user("zoe")).await.is_empty());
}

#[tokio::test]
async fn postgresql_transaction_begins_one_epoch_at_commit() {
    let mut shell = Shell::new(Backend::Postgres).await;
    let other = connect(&shell.url).await;
    shell.run("BEGIN; DELETE FROM sessions; UPDATE users SET deactivated_at = PAST").await;
    // No statement waits for the open transaction.
    other.batch_execute("SELECT 1 FROM epoch FOR UPDATE NOWAIT").await.unwrap();
    shell.run("COMMIT").await;
    assert_eq!(shell.number().await, 1);
    let log = "SELECT concerns AS value FROM changes WHERE number = 1 ORDER BY 1";
    assert_eq!(shell.names(log).await, ["ada", "bob", "eve"]);
}

#[tokio::test]
async fn postgresql_truncate_affects_every_user() {
    let mut shell = Shell::new(Backend::Postgres).await;
    assert_eq!(shell.affected_users("TRUNCATE sessions").await, [""]);
    assert_eq!(shell.affected_users("TRUNCATE api_tokens").await, [""]);
    assert_eq!(shell.affected_users("TRUNCATE users CASCADE").await, [""]);
}

#[tokio::test]
async fn postgresql_replica_changes_begin_an_epoch() {
    let mut shell = Shell::new(Backend::Postgres).await;
    shell.run("SET session_replication_role = replica").await;
    for (sql, users) in [
        ("UPDATE users SET deactivated_at = PAST WHERE id = 'bob'", vec!["bob"]),
        ("DELETE FROM sessions WHERE id = 's1'", vec!["ada"]),
        ("UPDATE api_tokens SET revoked_at = PAST WHERE id = 't1'", vec!["ada"]),
        ("TRUNCATE sessions", vec![""]),
    ] {
        assert_eq!(shell.affected_users(sql).await, users, "{sql}");
    }
}

/// The search path of a connection must not redirect the triggers to other tables.
#[tokio::test]
async fn postgresql_epoch_trigger_ignores_the_search_path_of_the_client() {
    let mut shell = Shell::new(Backend::Postgres).await;
    shell.run("CREATE SCHEMA elsewhere; SET search_path = elsewhere").await;
    shell.run("UPDATE public.users SET deactivated_at = PAST").await;
    shell.run("SET search_path = public").await;
    assert_eq!(shell.number().await, 1);
}

/// Returns the tables that a statement reads: the names after FROM and JOIN.
fn tables_of(statement: &str) -> BTreeSet<String> {
    let text = statement.replace(['"', '`', '(', ')', ','], " ");
    let words: Vec<&str> = text.split_whitespace().collect();
    let pairs = words.windows(2).filter(|pair| ["FROM", "JOIN"].contains(&pair[0]));
    pairs.map(|pair| pair[1].to_owned()).collect()
}

/// Returns the changes of these tables that, by the text of their triggers, neither begin an epoch nor are
/// forbidden.
fn unnoticed(tables: &BTreeSet<String>, triggers: &[String], changes: &[&str]) -> Vec<String> {
    let mut unnoticed = Vec::new();
    for (table, change) in tables.iter().flat_map(|table| changes.iter().map(move |it| (table, it)))
    {
        let is_noticed = triggers.iter().any(|trigger| {
            let counts = ["INSERT INTO changed", "RAISE(ABORT", "change_of_", "keep_epoch"];
            trigger.split_once(" ON ").is_some_and(|(event, rest)| {
                event.split(' ').any(|word| word == *change)
                    && rest.starts_with(&format!("{table} "))
                    && counts.iter().any(|part| rest.contains(part))
            })
        });
        if !is_noticed {
            unnoticed.push(format!("{change} {table}"));
        }
    }
    unnoticed
}

/// Returns the gate's queries for a cookie and for a token.
async fn gate_statements(backend: Backend, url: &str) -> Vec<String> {
    let recorded = record(url);
    let server = Server::on(url, TempDir::new().unwrap(), &["--cache-size", "0"]).await;
    let ada = server.sign_up("ada").await;
    ada.browser.get("/api/me").await.expect(200);
    ada.token(&["read"]).await.get("/api/me").await.expect(200);
    server.stop().await;
    let all = match backend {
        Backend::Sqlite => recorded.lock().unwrap().clone(),
        Backend::Postgres => {
            let sql =
                "SELECT pg_read_file(current_setting('data_directory') || '/../postgres.log')";
            let log: String = connect(url).await.query_one(sql, &[]).await.unwrap().get(0);
            log.lines().map(ToOwned::to_owned).collect()
        }
    };
    let is_gates = |statement: &String| {
        let by_hash = ["secret_hash", "token_hash"].iter().any(|hash| statement.contains(hash));
        // The one statement that reads the epoch's nonce together with a credential.
        by_hash && statement.contains("nonce") && statement.contains("SELECT")
    };
    all.into_iter().filter(is_gates).collect()
}

/// What instances cache is what this statement has read.
#[apply(on_both_databases)]
async fn tables_read_by_the_gate_all_have_epoch_triggers(backend: Backend) {
    let folder = TempDir::new().unwrap();
    let cluster = match backend {
        Backend::Sqlite => None,
        Backend::Postgres => Some(PostgresServer::start().await),
    };
    let url = match &cluster {
        None => backend.empty_database(folder.path()).await,
        Some(cluster) => cluster.url().to_owned(),
    };
    backend.migrate(&url).await;
    let mut changes = vec!["UPDATE", "DELETE"];
    let mut sql = "SELECT sql AS value FROM sqlite_schema WHERE type = 'trigger'";
    if cluster.is_some() {
        changes.push("TRUNCATE");
        sql = "SELECT replace(pg_get_triggerdef(oid), 'public.', '') AS value
               FROM pg_trigger WHERE NOT tgisinternal";
        let client = connect(&url).await;
        client.batch_execute("ALTER SYSTEM SET log_statement = 'all'").await.unwrap();
        client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        let logs_all = async || {
            let shown = connect(&url).await.query_one("SHOW log_statement", &[]).await.unwrap();
            shown.get::<_, String>(0) == "all"
        };
        while !logs_all().await {}
    }
    let statements = gate_statements(backend, &url).await;
    let tables: BTreeSet<String> = statements.iter().flat_map(|it| tables_of(it)).collect();
    let known = ["api_tokens", "epoch", "sessions", "users"].map(ToOwned::to_owned);
    assert!(tables.is_superset(&BTreeSet::from(known)), "{tables:?} of {statements:?}");

    let triggers: Vec<String> = if cluster.is_some() {
        let rows = connect(&url).await.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    } else {
        let file = url.trim_start_matches("sqlite:");
        let mut database = SqliteConnection::establish(file).unwrap();
        let rows: Vec<Name> = sql_query(sql).load(&mut database).unwrap();
        rows.into_iter().map(|row| row.value).collect()
    };
    let triggers: Vec<String> =
        triggers.iter().map(|sql| sql.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(unnoticed(&tables, &triggers, &changes), [""; 0]);
    let another = BTreeSet::from(["jobs".to_owned()]);
    assert_eq!(unnoticed(&another, &triggers, &changes).len(), changes.len());
}
