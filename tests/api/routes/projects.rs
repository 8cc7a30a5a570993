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
fn unknown_projects() -> Vec<String> {
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
