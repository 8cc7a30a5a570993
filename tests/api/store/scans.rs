//! No statement costs more as the tables grow: every operation of the document, and every list with every
//! filter and page, is requested at two sizes, and the rows that each statement touches are compared.
//!
//! The comparison uses what each database counts during execution, and not a plan: PostgreSQL's auto_explain
//! reports how many rows each scan has read, also of statements inside triggers and foreign keys; SQLite counts
//! the steps of its virtual machine, a few for each row that is read.

mod postgres;
mod seed;
mod sqlite;

use std::collections::BTreeMap;

use crate::{security::access, support::*};

/// The number of users at first, and later.
const SIZES: [usize; 2] = [10_000, 100_000];

/// The highest cost of each statement, by its text.
type Costs = BTreeMap<String, u64>;

/// Statements that may cost more as the tables grow, by a part of their text, with the reason.
const EXCEPTIONS: [(&str, &str); 1] = [(
    "UPDATE jobs SET run_at = ? WHERE (jobs.id",
    "once a minute in the background: it shortens at most 1,000 of the waits that are too long, as those here are",
)];

/// Sends every request once, and a second time in case a statement is planned differently at its first
/// execution.
async fn ask_for_everything(server: &Server) {
    let name = format!("reader{}", portcullis::store::page::new_id().replace('-', ""));
    let admin = server.sign_up_admin(&name).await;
    let lists = lists(&admin).await;
    for path in lists {
        let reply = admin.browser.navigate(&path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
    }
    server.anonymous.get("/setup").await;
    let link = json!({ "token": "x", "name": "x", "email": "x@example.com", "password": PASSWORD });
    server.anonymous.post("/api/setup", link).await.assert_problem(409, "admin_exists");
    portcullis::store::jobs::count(&server.state.store).await.unwrap();
    server.write_last_uses().await;
    access::succeed_at_every_operation(server).await;
    server.wait_for_jobs().await;
}

/// Returns every list with every filter, searches, pages far down, and the HTML pages.
async fn lists(admin: &TestUser) -> Vec<String> {
    let users = "/api/admin/users?limit=20";
    let middle = seed::id(5_000);
    let mut paths = vec![
        "/setup".to_owned(),
        "/dashboard".to_owned(),
        "/settings".to_owned(),
        "/admin".to_owned(),
        format!("/admin/users/{middle}"),
        "/admin/tokens".to_owned(),
        "/admin/activity".to_owned(),
        "/admin/jobs".to_owned(),
        "/health/ready".to_owned(),
        format!("/api/admin/users/{middle}/sessions"),
        format!("/api/admin/activity?subjectId={middle}"),
        format!("/api/admin/activity?cursor={middle}"),
        format!("/api/admin/activity?before={middle}"),
        "/settings/activity".to_owned(),
        "/api/activity".to_owned(),
        format!("/api/admin/users/{middle}/sessions?before={middle}"),
        "/admin/tokens?user=user7777@example.com".to_owned(),
        "/admin/activity?subject=li+wei".to_owned(),
    ];
    for filter in [
        format!("subjectId={middle}"),
        format!("actorId={middle}"),
        "action=user-deactivated".to_owned(),
        "action=signed-in".to_owned(),
        "network=192.0.2.1".to_owned(),
        format!("action=user-updated&subjectId={middle}"),
        "since=2024-01-01T00:00:00Z".to_owned(),
        "until=2024-01-01T00:00:00Z".to_owned(),
        "action=user-deactivated&since=2024-01-01T00:00:00Z&until=2030-01-01T00:00:00Z".to_owned(),
    ] {
        let path = format!("/api/admin/activity?{filter}");
        paths.push(format!("{path}&cursor={middle}"));
        paths.push(format!("{path}&before={middle}"));
        paths.push(path);
    }
    for filter in ["", "&role=admin", "&role=user", "&state=active", "&state=deactivated"] {
        for more in ["", "&role=admin&state=active", "&role=user&state=deactivated"] {
            if !filter.is_empty() && !more.is_empty() {
                continue;
            }
            paths.push(format!("{users}{filter}{more}"));
            paths.push(format!("{users}{filter}{more}&cursor={middle}"));
            paths.push(format!("{users}{filter}{more}&before={middle}"));
            for search in [
                "li",
                "li+wei",
                "wei+hopper",
                "u",
                "7777",
                "li+7777",
                "nobody",
                "user7777@example.com",
                &middle,
            ] {
                paths.push(format!("{users}{filter}{more}&search={search}"));
                paths.push(format!("{users}{filter}{more}&search={search}&cursor={middle}"));
                paths.push(format!("{users}{filter}{more}&search={search}&before={middle}"));
            }
        }
    }
    for state in ["", "&state=active", "&state=expired", "&state=revoked"] {
        for user in [String::new(), format!("&userId={middle}")] {
            let path = format!("/api/admin/tokens?limit=20{state}{user}");
            let next = admin.browser.get(&path).await.expect(200)["nextCursor"].clone();
            let cursor = next.as_str().unwrap_or(&middle);
            paths.push(format!("{path}&cursor={cursor}"));
            paths.push(format!("{path}&before={cursor}"));
            paths.push(path);
        }
    }
    for state in ["waiting", "given-up"] {
        paths.push(format!("/api/admin/jobs?state={state}"));
        paths.push(format!("/api/admin/jobs?state={state}&cursor={middle}"));
        paths.push(format!("/api/admin/jobs?state={state}&before={middle}"));
    }
    paths
}

/// Returns the statements whose cost at the second size exceeds that at the first by more than a tenth and a
/// small constant.
fn grown(small: &Costs, large: &Costs, little: u64) -> Vec<String> {
    let more = large.iter().filter_map(|(statement, cost)| {
        let before = small.get(statement).copied()?;
        let is_excepted = EXCEPTIONS.iter().any(|(part, _)| statement.contains(part));
        let has_grown = *cost > before + before / 10 + little;
        (has_grown && !is_excepted).then(|| format!("{before} -> {cost}: {statement}"))
    });
    more.collect()
}

/// Fails where a statement's cost has grown.
fn compare([small, large]: &[Costs; 2], little: u64) {
    assert!(small.len() > 80, "only {} statements were recorded", small.len());
    let grown = grown(small, large, little);
    assert!(grown.is_empty(), "{}", grown.join("\n"));
}

/// Normalises a statement: removes what varies between executions and between the databases, such as quotes,
/// the form of values, and their number.
fn pattern(statement: &str) -> String {
    let text = statement.split(" -- binds:").next().unwrap_or_default();
    let mut pattern = String::new();
    let mut letters = text.chars().filter(|letter| !['`', '"'].contains(letter)).peekable();
    while let Some(letter) = letters.next() {
        if letter == '$' {
            while letters.next_if(char::is_ascii_digit).is_some() {}
            pattern.push('?');
        } else {
            pattern.push(letter);
        }
    }
    while pattern.contains("?, ?") {
        pattern = pattern.replace("?, ?", "?");
    }
    pattern
}

#[test]
fn scan_check_finds_statements_whose_cost_grows_with_the_tables() {
    let costs = |number| Costs::from([("SELECT".to_owned(), number)]);
    assert!(grown(&costs(1000), &costs(1100), 0).is_empty());
    assert_eq!(grown(&costs(1000), &costs(1101), 0).len(), 1);
    assert_eq!(
        pattern("SELECT a IN (?, ?, ?) -- binds: [1]"),
        pattern("SELECT a IN (?) -- binds: []")
    );
}
