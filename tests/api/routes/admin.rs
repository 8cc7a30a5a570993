//! /api/admin

mod activity;
mod credentials;
mod deactivation;
mod jobs;
mod mails;
mod search;
mod tokens;
mod users;

use crate::support::*;

const USERS: &str = "/api/admin/users";

/// Returns the path of a user.
fn user_path(person: &TestUser) -> String {
    format!("{USERS}/{}", person.id)
}

/// Ids of no user and no other row.
fn unknown_ids() -> [String; 4] {
    ["none".into(), "%00".into(), "1".into(), portcullis::store::page::new_id()]
}

/// What users do to their own access to prepare a test.
const OWN_ACTIONS: [&str; 6] =
    ["signed-up", "signed-in", "signed-out", "token-created", "email-verified", "password-reset"];

/// Returns what admins and the operator did, newest first.
async fn events(admin: &Caller) -> Vec<Value> {
    let list = admin.get("/api/admin/activity?limit=100").await.expect(200);
    let mut events = list["items"].as_array().unwrap().clone();
    events.retain(|event| !OWN_ACTIONS.contains(&event["action"].as_str().unwrap()));
    events
}

/// Returns how many rows a table has.
async fn count(server: &Server, table: &str) -> String {
    select(server, &format!("SELECT CAST(count(*) AS TEXT) AS value FROM {table}")).await.remove(0)
}

/// Creates a user as an admin does, and returns the whole response.
async fn create_user(admin: &Caller, name: &str, email: &str) -> Value {
    admin.post(USERS, json!({ "name": name, "email": email })).await.expect(201)
}
