//! The operations under `/api/auth`, in Better Auth's protocol: sign-up and sign-in, sessions, passwords, mailed links,
//! and how attacks on them are rejected.

mod change_email;
mod change_password;
mod delete_user;
mod list_accounts;
mod magic_link;
mod passkeys;
mod password_reset;
mod passwords;
mod passwords_off;
mod sessions;
mod sign_in;
mod sign_out;
mod sign_up;
mod social;
mod suspend_access;
mod trusted_origins;
mod two_factor;
mod update_user;
mod verification_required;
mod verify_email;

use std::{fs, net::TcpListener, time::Duration};

use portcullis::{
    store::{
        jobs::{self, JobRow},
        page::Window,
    },
    time::{Span, seconds},
};
use reqwest::Method;
use url::Url;

use crate::support::*;

const SIGN_UP: &str = "/api/auth/sign-up/email";
const SIGN_IN: &str = "/api/auth/sign-in/email";
pub const SIGN_OUT: &str = "/api/auth/sign-out";
const GET_SESSION: &str = "/api/auth/get-session";
const LIST_SESSIONS: &str = "/api/auth/list-sessions";
const REVOKE_SESSION: &str = "/api/auth/revoke-session";
const REVOKE_SESSIONS: &str = "/api/auth/revoke-sessions";
const REVOKE_OTHERS: &str = "/api/auth/revoke-other-sessions";
const VERIFY_PASSWORD: &str = "/api/auth/verify-password";
pub const CHANGE_PASSWORD: &str = "/api/auth/change-password";
const REQUEST_RESET: &str = "/api/auth/request-password-reset";
const RESET_PASSWORD: &str = "/api/auth/reset-password";
const SEND_VERIFICATION: &str = "/api/auth/send-verification-email";
const VERIFY_EMAIL: &str = "/api/auth/verify-email";
const CHANGE_EMAIL: &str = "/api/auth/change-email";
const UPDATE_USER: &str = "/api/auth/update-user";
const DELETE_USER: &str = "/api/auth/delete-user";
const CONFIRM_DELETION: &str = "/api/auth/delete-user/callback";
const LIST_ACCOUNTS: &str = "/api/auth/list-accounts";
/// An operation that requires authentication.
const ME: &str = "/api/me";

/// A valid password other than [`PASSWORD`].
const NEW_PASSWORD: &str = "a password of one's own choice";

/// Returns the sign-up body of a user with this name.
fn sign_up_body(name: &str) -> Value {
    json!({ "name": name, "email": format!("{name}@example.com"), "password": PASSWORD })
}

/// Returns a body with one field set.
fn with_field(mut body: Value, field: &str, value: impl Into<Value>) -> Value {
    body[field] = value.into();
    body
}

/// Advances the clock to one second before this span has passed.
fn advance_to_just_before(server: &Server, span: Span) {
    server.clock.set(server.now() + span - seconds(1));
}

/// Returns the name, value and unparsed attributes of the one cookie that a response sets.
#[track_caller]
fn set_cookie(reply: &Reply) -> (String, String, String) {
    let mut cookies = reply.headers.get_all("set-cookie").iter();
    let text = cookies.next().expect("the response sets a cookie").to_str().unwrap();
    assert_eq!(cookies.next(), None, "the response sets only one cookie");
    let (pair, attributes) = text.split_once("; ").unwrap();
    let (name, value) = pair.split_once('=').unwrap();
    (name.to_owned(), value.to_owned(), attributes.to_owned())
}

/// Returns the sorted attributes of the one cookie that a response sets.
#[track_caller]
fn cookie_attributes(reply: &Reply) -> Vec<String> {
    let mut attributes: Vec<String> =
        set_cookie(reply).2.split("; ").map(ToOwned::to_owned).collect();
    attributes.sort();
    attributes
}

/// Returns the secret in a session cookie. The 44 characters of Base64 before it are the signature.
#[track_caller]
pub fn secret_of(cookie: &str) -> String {
    let decoded = url::form_urlencoded::parse(cookie.as_bytes()).next().unwrap().1;
    let state: Value = serde_json::from_str(&decoded[44..]).expect("the cookie's state is JSON");
    let secret: String = serde_json::from_str(state["secret"].as_str().unwrap()).unwrap();
    assert!(secret.len() >= 43, "the secret has 256 bits");
    secret
}

/// Asserts that a response body contains neither the cookie's value nor its secret.
#[track_caller]
fn assert_secret_not_disclosed(reply: &Reply, cookie: &str) {
    let value = cookie.split_once('=').unwrap().1;
    assert!(!reply.text.contains(&secret_of(cookie)), "{}", reply.text);
    assert!(!reply.text.contains(value), "{}", reply.text);
}

/// Returns whether the caller's cookie or token is valid.
async fn is_signed_in(caller: &Caller) -> bool {
    match caller.get(ME).await.status.as_u16() {
        200 => true,
        401 => false,
        status => panic!("expected 200 or 401, got {status}"),
    }
}

/// Posts these bytes with the content type of JSON.
async fn post_raw(caller: &Caller, path: &str, body: impl Into<Vec<u8>>) -> Reply {
    let request = caller.request(Method::POST, path).header("Content-Type", "application/json");
    Reply::of(request.body(body.into())).await
}

/// Posts a JSON body with these headers and none of the usual ones.
async fn post_with_headers(
    server: &Server,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Reply {
    let mut request = server.anonymous.bare(Method::POST, path).json(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Reply::of(request).await
}

async fn deactivate(admin: &TestUser, user: &TestUser) {
    let path = format!("/api/admin/users/{}/deactivate", user.id);
    admin.browser.post(&path, json!({})).await.expect(200);
}

async fn reactivate(admin: &TestUser, user: &TestUser) {
    let path = format!("/api/admin/users/{}/reactivate", user.id);
    admin.browser.post(&path, json!({})).await.expect(200);
}

/// Replaces a user's password hash.
async fn set_password_hash(server: &Server, user: &TestUser, hash: &str) {
    let sql =
        format!("UPDATE accounts SET password_hash = '{hash}' WHERE account_id = '{}'", user.id);
    execute(server, &sql).await;
}

/// Returns the caller's own user.
async fn current_user(browser: &Caller) -> Value {
    browser.get(ME).await.expect(200)["user"].clone()
}

/// Returns a user as shown to an admin.
async fn get_user_as_admin(admin: &TestUser, id: &str) -> Value {
    admin.browser.get(&format!("/api/admin/users/{id}")).await.expect(200)
}

async fn sign_in_with(server: &Server, email: &str, password: &str) -> Reply {
    server.anonymous.post(SIGN_IN, json!({ "email": email, "password": password })).await
}

/// Signs in without "remember me": the browser deletes the cookie when it is closed.
async fn sign_in_without_remember_me(server: &Server, user: &TestUser) -> Caller {
    let body = json!({ "email": user.email, "password": PASSWORD, "rememberMe": false });
    let reply = server.anonymous.post(SIGN_IN, body).await;
    server.anonymous.with_cookie(&reply.cookie().unwrap())
}

/// Creates a token, which requires a fresh session.
async fn create_token(browser: &Caller) -> Reply {
    browser.post("/api/tokens", json!({ "name": "script" })).await
}

async fn change_password(browser: &Caller, current: &str, new: &str) -> Reply {
    browser.post(CHANGE_PASSWORD, json!({ "currentPassword": current, "newPassword": new })).await
}

/// Requests a password reset, and returns the secret of the mailed link.
async fn reset_link(server: &Server, email: &str) -> String {
    server.anonymous.post(REQUEST_RESET, json!({ "email": email })).await.expect(200);
    server.last_mail_to(email).await.secret()
}

/// Sets a new password with the secret of a reset link.
async fn reset_password(server: &Server, link: &str, password: &str) -> Reply {
    server.anonymous.post(RESET_PASSWORD, json!({ "newPassword": password, "token": link })).await
}

/// Confirms an email with the secret of a link by `POST`, as the button on the server's own page does.
async fn confirm_email(caller: &Caller, link: &str) -> Reply {
    caller.post(VERIFY_EMAIL, json!({ "token": link })).await
}

/// Confirms an email with the secret of a link by `GET`, as clients of the protocol and mail scanners do.
async fn confirm_email_by_get(caller: &Caller, link: &str) -> Reply {
    caller.get(&format!("{VERIFY_EMAIL}?token={link}")).await
}

/// Requests a change of email, and returns the secret of the link that is mailed to the new email.
async fn change_email_link(server: &Server, browser: &Caller, email: &str) -> String {
    browser.post(CHANGE_EMAIL, json!({ "newEmail": email })).await.expect(200);
    server.last_mail_to(email).await.secret()
}

/// Requests an account deletion without a password, and returns the secret of the mailed link.
async fn deletion_link(server: &Server, user: &TestUser) -> String {
    let answer = user.browser.post(DELETE_USER, json!({})).await.expect(200);
    assert_eq!(answer["message"], "Verification email sent");
    server.last_mail_to(&user.email).await.secret()
}

/// Follows a mailed link by `GET`, ignoring its host. A link to a page of the server is sent to the operation that the
/// page calls.
async fn follow_link(caller: &Caller, link: &Url) -> Reply {
    let path = match link.path() {
        "/verify-email" => VERIFY_EMAIL,
        "/delete-account" => CONFIRM_DELETION,
        path => path,
    };
    let query = [link.fragment(), link.query()].into_iter().flatten().collect::<Vec<_>>().join("&");
    assert!(!query.is_empty(), "the link has a query or a fragment");
    caller.navigate(&format!("{path}?{query}")).await
}

/// Returns the target of a redirect.
#[track_caller]
fn location(reply: &Reply) -> &str {
    assert_eq!(reply.status, 302, "{}", reply.text);
    reply.header("location").expect("a 302 response has a Location")
}

/// Returns the status, headers and body of a response, without the request id and the date.
fn without_request_id(reply: &Reply) -> (u16, Vec<(String, String)>, Value) {
    let mut headers: Vec<(String, String)> = reply
        .headers
        .iter()
        .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    let mut body = reply.json();
    let id = body.as_object_mut().unwrap().remove("requestId");
    assert_eq!(id.is_some(), !reply.status.is_success());
    (reply.status.as_u16(), headers, body)
}

/// Posts a body with the caller's credentials and this `Origin`.
async fn post_from_origin(
    caller: &Caller,
    origin: Option<&str>,
    path: &str,
    body: &Value,
) -> Reply {
    let mut request = caller.bare(Method::POST, path).json(body);
    if let Some(cookie) = &caller.cookie {
        request = request.header("Cookie", cookie);
    }
    if let Some(token) = &caller.token {
        request = request.bearer_auth(token);
    }
    if let Some(origin) = origin {
        request = request.header("Origin", origin);
    }
    Reply::of(request).await
}

/// Asserts that requests from other origins are rejected, with this caller's cookie or without one (CSRF).
async fn assert_csrf_rejected(caller: &Caller, path: &str, body: &Value) {
    let other_port = format!("{}0", caller.base);
    let other_scheme = caller.base.replace("http://", "https://");
    let subdomain = format!("{}.evil.example", caller.base);
    let mut cases = vec![
        (Some("http://evil.example"), "INVALID_ORIGIN"),
        (Some(&other_port), "INVALID_ORIGIN"),
        (Some(&other_scheme), "INVALID_ORIGIN"),
        (Some(&subdomain), "INVALID_ORIGIN"),
        (Some("null"), "MISSING_OR_NULL_ORIGIN"),
    ];
    if caller.cookie.is_some() {
        cases.push((None, "MISSING_OR_NULL_ORIGIN"));
    }
    for (origin, code) in cases {
        let reply = post_from_origin(caller, origin, path, body).await;
        assert_eq!(reply.header("set-cookie"), None, "{path} {origin:?}");
        reply.assert_problem(403, code);
    }
}

/// Asserts that the operation requires a session cookie: anonymous requests, API tokens and requests from other
/// origins are rejected.
async fn assert_cookie_required(server: &Server, user: &TestUser, path: &str, body: Value) {
    let unknown_token = server.anonymous.with_token(&Server::unknown_token());
    unknown_token.post(path, body.clone()).await.assert_problem(401, "token_invalid");
    for anonymous in [server.anonymous.clone(), server.anonymous.with_cookie("portcullis=junk")] {
        anonymous.post(path, body.clone()).await.assert_problem(401, "UNAUTHORIZED");
    }
    for scopes in [&["read"][..], &["read", "write"]] {
        let script = user.token(scopes).await;
        script.post(path, body.clone()).await.assert_problem(403, "cookie_required");
    }
    assert_csrf_rejected(&user.browser, path, &body).await;
}

/// Asserts that API tokens and requests from other origins are rejected.
async fn assert_token_and_csrf_rejected(server: &Server, path: &str, body: Value) {
    let user = server.sign_up("user").await;
    let script = user.token(&["read", "write"]).await;
    script.post(path, body.clone()).await.assert_problem(403, "cookie_required");
    let reader = user.token(&["read"]).await;
    reader.post(path, body.clone()).await.assert_problem(403, "cookie_required");
    assert_csrf_rejected(&user.browser, path, &body).await;
    assert_csrf_rejected(&server.anonymous, path, &body).await;
}

/// Asserts that each of these values is rejected with an error that names its field, and that bodies other than a
/// JSON object are rejected.
async fn assert_fields_rejected(
    caller: &Caller,
    path: &str,
    body: &Value,
    invalid: &[(&str, Value)],
) {
    for (field, value) in invalid {
        let reply = caller.post(path, with_field(body.clone(), field, value.clone())).await;
        assert_eq!(reply.header("set-cookie"), None);
        let problem = reply.assert_problem(400, "VALIDATION_ERROR");
        let message = problem["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("[body.{field}] ")), "{field} {value}: {message}");
        assert_eq!(problem["errors"][0]["field"], *field);
    }
    for body in [json!([]), json!([body]), json!("text"), json!(7), Value::Null] {
        caller.post(path, body).await.assert_problem(400, "VALIDATION_ERROR");
    }
    post_raw(caller, path, "{").await.assert_problem(400, "BAD_REQUEST");
    let form = caller
        .request(Method::POST, path)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("a=b");
    Reply::of(form).await.assert_problem(415, "UNSUPPORTED_MEDIA_TYPE");
}

/// Asserts that each of these fields is required.
async fn assert_fields_required(caller: &Caller, path: &str, body: &Value, fields: &[&str]) {
    Reply::of(caller.request(Method::POST, path)).await.assert_problem(400, "VALIDATION_ERROR");
    caller.post(path, json!({})).await.assert_problem(400, "VALIDATION_ERROR");
    for field in fields {
        let mut body = body.clone();
        body.as_object_mut().unwrap().remove(*field).unwrap();
        let problem = caller.post(path, body).await.assert_problem(400, "VALIDATION_ERROR");
        assert_eq!(problem["errors"][0]["field"], *field);
    }
}

/// Starts a server whose mail server never responds. The returned users have signed up, so that each job worker waits
/// for the mail server, and jobs that are added later stay queued. The caller must keep the listener.
async fn start_with_unresponsive_mail_server(
    backend: Backend,
    settings: &[&str],
) -> (Server, TcpListener, Vec<TestUser>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}?tls=none", listener.local_addr().unwrap());
    let mail = ["--smtp-url", &url, "--smtp-timeout", "60"];
    let server = backend.start_with(&[&mail, settings].concat()).await;
    let mut users = Vec::new();
    // One user more than the jobs that an instance runs concurrently.
    for name in ["admin", "known", "deactivated", "other", "fifth"] {
        users.push(server.sign_up(name).await);
    }
    let admin = users.remove(0);
    users.insert(0, server.make_admin(admin).await);
    (server, listener, users)
}

/// Returns the jobs that no worker has started, oldest first.
async fn queued_jobs(server: &Server) -> Vec<JobRow> {
    let window = Window::first(100);
    let mut rows = jobs::list(&server.state.store, None, window).await.unwrap().rows;
    rows.retain(|job| job.attempts == 0);
    rows.reverse();
    rows
}

/// Returns the fields of a queued job that must not depend on its email, which is replaced in the payload.
fn without_email(job: &JobRow, email: &str) -> Value {
    assert!(job.payload.contains(&format!("\"{email}\"")), "{}", job.payload);
    json!({
        "kind": job.kind,
        "payload": job.payload.replace(email, "EMAIL"),
        "userId": job.user_id,
        "lastError": job.last_error,
        "givenUp": job.given_up_at.is_some(),
        "delay": job.run_at.micros() - job.created_at.micros(),
    })
}

/// Removes the outbox, so that sending mail fails until [`reopen_outbox`].
fn close_outbox(server: &Server) {
    fs::rename(server.folder.join("outbox"), server.folder.join("closed")).unwrap();
}

/// Restores the outbox, and waits until all jobs are done.
async fn reopen_outbox(server: &Server) {
    fs::rename(server.folder.join("closed"), server.folder.join("outbox")).unwrap();
    for _ in 0..1000 {
        server.state.job_added.notify_one();
        let window = Window::first(1);
        if jobs::list(&server.state.store, None, window).await.unwrap().rows.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("jobs are still queued after 20 seconds");
}
