//! /api/projects

mod create;
mod delete;
mod list;
mod show;
mod update;

use crate::support::*;

/// What is no name: each breaks another rule.
fn bad_names() -> Vec<Value> {
    let long = "a".repeat(101);
    vec![
        json!(""),
        json!("   "),
        json!(long),
        json!("two\nlines"),
        json!("a bell \u{7}"),
        json!("a nul \0"),
        json!("a C1 control \u{85}"),
        json!(7),
        json!(true),
        json!(["name"]),
        json!({ "name": "name" }),
    ]
}

/// What is no description.
fn bad_descriptions() -> Vec<Value> {
    vec![json!("a".repeat(2001)), json!("a nul \0"), json!("a bell \u{7}"), json!(7), json!([])]
}

/// What does not fit the other fields, and what is said of it.
pub fn bad_fields() -> Vec<(&'static str, Value, &'static str)> {
    const SHORT_NAME: &str = "must be 1 to 30 characters of a-z, 0-9 and, between them, hyphens";
    const STATUS: &str = "must be one of planned, active, done";
    const DATE: &str = "must be a date such as 2026-11-28";
    let mut bad = Vec::new();
    for name in ["", "Engine", "an engine", "-engine", "engine-", "\u{fc}ber", &"e".repeat(31)] {
        bad.push(("shortName", json!(name), SHORT_NAME));
    }
    for status in [json!(""), json!("Planned"), json!("archived")] {
        bad.push(("status", status, STATUS));
    }
    for hours in [json!(0), json!(-1), json!(10_001), json!(i32::MIN)] {
        bad.push(("estimatedHours", hours, "must be 1 to 10000"));
    }
    for date in ["", "2026-02-29", "2026-11-28T00:00:00Z", "28.11.2026", "0000-01-01"] {
        bad.push(("dueDate", json!(date), DATE));
    }
    for (field, value) in [
        ("shortName", json!(7)),
        ("status", json!(1)),
        ("status", json!({ "planned": null })),
        ("estimatedHours", json!("7")),
        ("estimatedHours", json!(1.5)),
        ("estimatedHours", json!(4_294_967_296_u64)),
        ("dueDate", json!(20_261_128)),
        // In the case of a column, and not of a field.
        ("short_name", json!("engine")),
        ("estimated_hours", json!(7)),
        ("due_date", json!("2026-11-28")),
    ] {
        bad.push((field, value, ""));
    }
    bad
}

/// What no project is called by.
fn no_projects() -> Vec<String> {
    ["none", "1", "%00", "%ff", "null", "..%2f..", &"9".repeat(500)]
        .iter()
        .map(|text| format!("/api/projects/{text}"))
        .chain([format!("/api/projects/{}", portcullis::store::page::new_id())])
        .collect()
}

/// Makes a project and says where it is.
async fn make(owner: &Caller, name: &str) -> String {
    let body = json!({ "name": name, "description": "as it was" });
    let made = owner.post("/api/projects", body).await;
    let place = made.header("location").unwrap().to_owned();
    made.expect(201);
    place
}

/// Walks through a list to its end, and shows what was on each page.
pub async fn pages(caller: &Caller, path: &str) -> Vec<Vec<Value>> {
    let page_at = async |field: &str, cursor: &Value| {
        let part = cursor.as_str().map(|cursor| format!("&{field}={cursor}")).unwrap_or_default();
        let page = caller.get(&format!("{path}{part}")).await.expect(200);
        for cursor in ["previousCursor", "nextCursor"] {
            assert!(page.get(cursor).is_some(), "{cursor} is there also when it is null");
        }
        page
    };
    let items = |page: &Value| page["items"].as_array().unwrap().clone();
    let mut page = page_at("cursor", &Value::Null).await;
    assert_eq!(page["previousCursor"], Value::Null);
    let mut pages = vec![items(&page)];
    while page["nextCursor"].is_string() {
        page = page_at("cursor", &page["nextCursor"]).await;
        pages.push(items(&page));
    }
    // The way back shows the same pages, and ends with the first one.
    for seen in pages.iter().rev().skip(1) {
        page = page_at("before", &page["previousCursor"]).await;
        assert_eq!(items(&page), *seen, "{path}");
    }
    assert_eq!(page["previousCursor"], Value::Null, "{path}");
    pages
}

/// A member of each thing in a list.
pub fn each(items: &[Value], member: &str) -> Vec<String> {
    items.iter().map(|item| item[member].as_str().unwrap().to_owned()).collect()
}

/// Query strings that no list takes.
pub const BAD_PAGES: [&str; 15] = [
    "limit=0",
    "limit=101",
    "limit=-1",
    "limit=abc",
    "limit=1.5",
    "limit=",
    "limit=4294967296",
    "limit=1&limit=2",
    "cursor=",
    "before=",
    "before=none",
    "cursor=019ac8a0-1111-7222-8333-444455556666&before=019ac8a0-1111-7222-8333-444455556666",
    "cursor=none",
    "cursor=%00",
    "page=2",
];
