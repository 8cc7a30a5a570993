//! PostgreSQL: a separate server logs the plan of each statement, with the number of rows that were read.

use tempfile::TempDir;
use tokio_postgres::Client;

use super::{Costs, SIZES, ask_for_everything, compare, pattern, seed};
use crate::support::*;

/// Rows that a statement may read in addition: an index page may hold one or two dead ones.
const LITTLE: u64 = 10;

#[tokio::test]
async fn postgresql_statements_read_no_more_rows_when_the_tables_grow() {
    let cluster = PostgresServer::start().await;
    let url = cluster.url();
    Backend::Postgres.migrate(url).await;
    let client = connect(url).await;
    explain_all(&client).await;
    let mut costs = [Costs::new(), Costs::new()];
    let mut from = 0;
    for (to, costs) in SIZES.into_iter().zip(&mut costs) {
        add_rows(&client, from..to).await;
        from = to;
        let before = log(&client).await.len();
        let folder = TempDir::new().unwrap();
        let providers = file_with_providers(folder.path()).await;
        let server = Server::on(url, folder, &["--providers-file", &providers]).await;
        ask_for_everything(&server).await;
        server.stop().await;
        for (statement, rows) in explained(&log(&client).await[before..]) {
            let most = costs.entry(pattern(&statement)).or_default();
            *most = rows.max(*most);
        }
    }
    compare(&costs, LITTLE);
}

/// Makes the server explain each statement of sessions that begin from now on.
async fn explain_all(client: &Client) {
    // Its settings are unknown until this session has loaded the library.
    client.batch_execute("LOAD 'auto_explain'").await.unwrap();
    for setting in [
        "session_preload_libraries = 'auto_explain'",
        "auto_explain.log_min_duration = 0",
        "auto_explain.log_analyze = on",
        "auto_explain.log_timing = off",
        "auto_explain.log_nested_statements = on",
        "auto_explain.log_format = 'json'",
        "autovacuum = off",
    ] {
        client.batch_execute(&format!("ALTER SYSTEM SET {setting}")).await.unwrap();
    }
    client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
}

async fn add_rows(client: &Client, numbers: std::ops::Range<usize>) {
    client
        .batch_execute("SET session_replication_role = replica; SET synchronous_commit = off")
        .await
        .unwrap();
    for statement in seed::statements(Backend::Postgres, numbers) {
        let done = client.batch_execute(&statement).await;
        done.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
    client.batch_execute("VACUUM ANALYZE").await.unwrap();
}

async fn log(client: &Client) -> Vec<u8> {
    let sql = "SELECT pg_read_binary_file(current_setting('data_directory') || '/../postgres.log')";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// Returns each statement of a log with the rows that its scans have read.
fn explained(log: &[u8]) -> Vec<(String, u64)> {
    let log = String::from_utf8_lossy(log);
    let mut explained = Vec::new();
    let mut lines = log.lines().peekable();
    while let Some(line) = lines.next() {
        if !line.ends_with("plan:") {
            continue;
        }
        let mut plan = String::new();
        while let Some(line) = lines.next_if(|line| line.starts_with('\t')) {
            plan.push_str(&line[1..]);
            plan.push('\n');
        }
        let plan: Value =
            serde_json::from_str(&plan).unwrap_or_else(|error| panic!("{error}: {plan}"));
        let text = plan["Query Text"].as_str().unwrap().to_owned();
        explained.push((text, rows_read(&plan["Plan"])));
    }
    explained
}

/// Counts the rows that the scans of a plan have read, including those that a filter removed.
fn rows_read(node: &Value) -> u64 {
    let number = |name: &str| node[name].as_u64().unwrap_or_default();
    let own = if node["Node Type"].as_str().is_some_and(|kind| kind.ends_with("Scan")) {
        let each = number("Actual Rows")
            + number("Rows Removed by Filter")
            + number("Rows Removed by Index Recheck");
        each * number("Actual Loops")
    } else {
        0
    };
    let below = node["Plans"].as_array().map_or(&[][..], Vec::as_slice);
    own + below.iter().map(rows_read).sum::<u64>()
}

#[test]
fn rows_read_by_a_plan_include_filtered_rows() {
    let plan = json!({ "Node Type": "Limit", "Actual Rows": 20, "Actual Loops": 1, "Plans": [{
        "Node Type": "Index Scan", "Actual Rows": 20, "Rows Removed by Filter": 70, "Actual Loops": 2
    }]});
    assert_eq!(rows_read(&plan), 180);
    let log = format!(
        "x LOG:  duration: 1.0 ms  plan:\n\t{}\nx LOG:  other\n",
        json!({ "Query Text": "SELECT", "Plan": plan })
    );
    assert_eq!(explained(log.as_bytes()), [("SELECT".to_owned(), 180)]);
}
