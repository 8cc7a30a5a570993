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
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = caller.get(&format!("{path}{cursor}")).await.expect(200);
        pages.push(page["items"].as_array().unwrap().clone());
        match page.get("nextCursor").expect("it is there also when it is null") {
            Value::Null => return pages,
            next => cursor = format!("&cursor={}", next.as_str().unwrap()),
        }
    }
}

/// A member of each thing in a list.
pub fn each(items: &[Value], member: &str) -> Vec<String> {
    items.iter().map(|item| item[member].as_str().unwrap().to_owned()).collect()
}

/// Query strings that no list takes.
pub const BAD_PAGES: [&str; 12] = [
    "limit=0",
    "limit=101",
    "limit=-1",
    "limit=abc",
    "limit=1.5",
    "limit=",
    "limit=4294967296",
    "limit=1&limit=2",
    "cursor=",
    "cursor=none",
    "cursor=%00",
    "page=2",
];
