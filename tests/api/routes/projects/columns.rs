//! Rows with values that the server would not write.

use tempfile::TempDir;

use super::*;
use crate::resilience::faults::{
    columns::{Table, copies, drop_constraints, ids, odd, of},
    rows::{alter, logging},
};

const TABLES: [Table; 1] = [("projects", &[])];

/// As `faults::columns` does it for the server's own lists.
#[apply(on_both_databases)]
async fn list_shows_projects_with_unexpected_values_and_pagination_goes_on(backend: Backend) {
    let home = TempDir::new().unwrap();
    let (server, url) = logging(backend, home.path()).await;
    let browser = OutageProbe::sign_up(&server.anonymous).await.browser;
    browser.post(Projects::PATH, Projects::body("x")).await.expect(201);
    drop_constraints(backend, &url, &TABLES).await;
    let (copies, names) = copies(backend, &TABLES);
    alter(backend, &url, &copies).await;

    let shown = ids(&browser, &format!("{}?limit=7", Projects::PATH)).await;
    assert_eq!(odd(&shown), of(&names, "projects"));
    assert!(shown.iter().any(|id| id.starts_with("01")), "there is a next page");
    let log = std::fs::read_to_string(home.path().join("log")).unwrap();
    assert!(!log.contains("the store is unavailable"), "{log}");
    assert!(!log.contains("a statement is wrong"), "{log}");
}
