//! /api/tokens

mod create;
mod list;
mod rename;
mod revoke;
mod show;

use crate::support::*;

const PATH: &str = "/api/tokens";

/// Where a token is.
fn place(token: &Value) -> String {
    format!("{PATH}/{}", token["id"].as_str().unwrap())
}

/// Whoever holds a token that was just made.
fn holder(server: &Server, made: &Value) -> Caller {
    server.anonymous.with_token(made["token"].as_str().unwrap())
}

/// A new token as every later answer shows it.
fn view(made: &Value) -> Value {
    let mut view = made.clone();
    view.as_object_mut().unwrap().remove("token").unwrap();
    view
}

/// What no token is called by.
fn unknown_tokens() -> [String; 4] {
    let unknown = portcullis::store::page::new_id();
    ["none", "%00", "1", &unknown].map(|id| format!("{PATH}/{id}"))
}
