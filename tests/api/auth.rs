//! Signing up, in and out, over HTTP: what the protocol's clients see, and what attackers get.

mod passwords;
mod sessions;
mod sign_in;
mod sign_out;
mod sign_up;

use portcullis::time::{Span, seconds};
use reqwest::Method;

use crate::support::*;

const SIGN_UP: &str = "/api/auth/sign-up/email";
const SIGN_IN: &str = "/api/auth/sign-in/email";
const SIGN_OUT: &str = "/api/auth/sign-out";
const GET_SESSION: &str = "/api/auth/get-session";
const LIST_SESSIONS: &str = "/api/auth/list-sessions";
const REVOKE_SESSION: &str = "/api/auth/revoke-session";
const REVOKE_SESSIONS: &str = "/api/auth/revoke-sessions";
const REVOKE_OTHERS: &str = "/api/auth/revoke-other-sessions";
const VERIFY_PASSWORD: &str = "/api/auth/verify-password";
const RESET_PASSWORD: &str = "/api/auth/reset-password";
/// Where somebody is needed.
const ME: &str = "/api/me";

/// What somebody of this name signs up with.
fn newcomer(name: &str) -> Value {
    json!({ "name": name, "email": format!("{name}@example.com"), "password": PASSWORD })
}

/// A body with a field changed.
fn with(mut body: Value, field: &str, value: impl Into<Value>) -> Value {
    body[field] = value.into();
    body
}

/// Moves the clock on, to a second before this span is over.
fn advance_to_the_eve(server: &Server, span: Span) {
    server.clock.set(server.now() + span - seconds(1));
}

/// The one cookie that is set: its name, its value, and the rest as it stands.
#[track_caller]
fn set_cookie(reply: &Reply) -> (String, String, String) {
    let mut all = reply.headers.get_all("set-cookie").iter();
    let text = all.next().expect("a cookie is set").to_str().unwrap();
    assert_eq!(all.next(), None, "and only one");
    let (pair, attributes) = text.split_once("; ").unwrap();
    let (name, value) = pair.split_once('=').unwrap();
    (name.to_owned(), value.to_owned(), attributes.to_owned())
}

/// The attributes of the one cookie that is set, in the alphabet's order.
#[track_caller]
fn attributes(reply: &Reply) -> Vec<String> {
    let mut attributes: Vec<String> =
        set_cookie(reply).2.split("; ").map(ToOwned::to_owned).collect();
    attributes.sort();
    attributes
}

/// The secret that a cookie carries beside its signature, which is 44 characters of Base64.
#[track_caller]
fn secret_of(cookie: &str) -> String {
    let decoded = url::form_urlencoded::parse(cookie.as_bytes()).next().unwrap().1;
    let state: Value = serde_json::from_str(&decoded[44..]).expect("the cookie's state is JSON");
    let secret: String = serde_json::from_str(state["secret"].as_str().unwrap()).unwrap();
    assert!(secret.len() >= 43, "256 bits");
    secret
}

/// Looks for a cookie's secret where it must not be.
#[track_caller]
fn assert_kept_secret(reply: &Reply, cookie: &str) {
    let value = cookie.split_once('=').unwrap().1;
    assert!(!reply.text.contains(&secret_of(cookie)), "{}", reply.text);
    assert!(!reply.text.contains(value), "{}", reply.text);
}

/// Whether a cookie or token opens the gate.
async fn is_signed_in(caller: &Caller) -> bool {
    match caller.get(ME).await.status.as_u16() {
        200 => true,
        401 => false,
        status => panic!("neither signed in nor out: {status}"),
    }
}

/// Sends a body as it stands, as JSON.
async fn post_raw(caller: &Caller, path: &str, body: impl Into<Vec<u8>>) -> Reply {
    let request = caller.request(Method::POST, path).header("Content-Type", "application/json");
    Reply::of(request.body(body.into())).await
}

/// Sends a body with these headers only.
async fn post_with(server: &Server, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
    let mut request = server.nobody.bare(Method::POST, path).json(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Reply::of(request).await
}

async fn lock_out(admin: &Person, person: &Person) {
    let path = format!("/api/admin/users/{}/deactivate", person.id);
    admin.browser.post(&path, json!({})).await.expect(200);
}

async fn let_in_again(admin: &Person, person: &Person) {
    let path = format!("/api/admin/users/{}/reactivate", person.id);
    admin.browser.post(&path, json!({})).await.expect(200);
}

/// Puts a hash in the place of somebody's password.
async fn put_password_hash(server: &Server, person: &Person, hash: &str) {
    let sql =
        format!("UPDATE accounts SET password_hash = '{hash}' WHERE account_id = '{}'", person.id);
    crate::store::execute(server, &sql).await;
}
