//! /api/setup

use portcullis::{
    secrets::LinkSecret,
    store::first_admin,
    time::{Span, seconds},
};
use reqwest::Method;

use crate::support::*;

const PATH: &str = "/api/setup";
const HALF_AN_HOUR: Span = seconds(30 * 60);
const EMAIL: &str = "grace@example.com";

fn body(token: &str) -> Value {
    json!({ "token": token, "name": "Grace", "email": EMAIL, "password": PASSWORD })
}

async fn claim(server: &Server, token: &str) -> Reply {
    server.anonymous.post(PATH, body(token)).await
}

#[apply(on_both_databases)]
async fn setup_link_creates_the_first_admin_and_signs_them_in(backend: Backend) {
    let server = backend.start().await;
    let token = server.issue_setup_link().await;
    let reply = claim(&server, &token).await;
    let grace = server.anonymous.with_cookie(&reply.cookie().expect("a session is created"));
    assert!(!reply.text.contains(&token), "{}", reply.text);
    let user = reply.expect(201)["user"].clone();
    assert_eq!(user["role"], "admin");
    assert_eq!(user["email"], EMAIL);
    assert_eq!(user["emailVerified"], true);

    assert_eq!(grace.get("/api/me").await.expect(200)["user"]["id"], user["id"]);
    let events = grace.get("/api/admin/activity").await.expect(200);
    let mut events = events["items"].as_array().unwrap().clone();
    events.retain(|event| event["action"] != "signed-in");
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["action"], "first-admin-created");
    assert_eq!(events[0]["actorId"], user["id"]);
    assert_eq!(events[0]["subjectId"], user["id"]);
    assert_eq!(events[0]["network"], "127.0.0.1");
    let sign_in = json!({ "email": EMAIL, "password": PASSWORD });
    server.anonymous.post("/api/auth/sign-in/email", sign_in).await.expect(200);
}

#[apply(on_both_databases)]
async fn setup_ends_the_browsers_previous_session(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let token = server.issue_setup_link().await;
    ada.browser.post(PATH, body(&token)).await.expect(201);
    ada.browser.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
}

#[apply(on_both_databases)]
async fn setup_link_expires_after_half_an_hour(backend: Backend) {
    let server = backend.start().await;
    let token = server.issue_setup_link().await;
    server.advance(HALF_AN_HOUR);
    claim(&server, &token).await.assert_problem(400, "INVALID_TOKEN");

    let token = server.issue_setup_link().await;
    server.advance(seconds(30 * 60 - 1));
    claim(&server, &token).await.expect(201);
}

#[apply(on_both_databases)]
async fn setup_with_invalid_link_is_rejected(backend: Backend) {
    let server = backend.start().await;
    let token = server.issue_setup_link().await;
    for wrong in ["", "x", &token[1..], &token.to_lowercase(), LinkSecret::generate().reveal()] {
        let reply = claim(&server, wrong).await;
        assert_eq!(reply.cookie(), None);
        reply.assert_problem(400, "INVALID_TOKEN");
    }
    claim(&server, &token).await.expect(201);
}

#[apply(on_both_databases)]
async fn setup_revokes_every_setup_link(backend: Backend) {
    let server = backend.start().await;
    let (first, second) = (server.issue_setup_link().await, server.issue_setup_link().await);
    claim(&server, &first).await.expect(201);
    // Even if there were no admin again, neither link would create one.
    execute(&server, "UPDATE users SET role = 'user', email = 'else@example.com'").await;
    for token in [first, second] {
        claim(&server, &token).await.assert_problem(400, "INVALID_TOKEN");
    }
}

#[apply(on_both_databases)]
async fn setup_when_an_admin_exists_is_conflict_and_issues_no_link(backend: Backend) {
    let server = backend.start().await;
    let token = server.issue_setup_link().await;
    server.sign_up_admin("admin").await;
    claim(&server, &token).await.assert_problem(409, "admin_exists");
    claim(&server, "wrong").await.assert_problem(409, "admin_exists");
    let late = LinkSecret::generate().hash();
    assert!(
        !first_admin::issue(&server.state.store, late, server.now() + HALF_AN_HOUR).await.unwrap()
    );
}

#[apply(on_both_databases)]
async fn setup_with_taken_email_is_conflict_and_keeps_the_link(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let token = server.issue_setup_link().await;
    let mut taken = body(&token);
    taken["email"] = json!(ada.email.to_uppercase());
    server.anonymous.post(PATH, taken).await.assert_problem(409, "email_taken");
    assert_eq!(ada.browser.get("/api/me").await.expect(200)["user"]["role"], "user");
    claim(&server, &token).await.expect(201);
}

#[apply(on_both_databases)]
async fn setup_with_invalid_field_is_rejected_and_keeps_the_link(backend: Backend) {
    let server = backend.start().await;
    let token = server.issue_setup_link().await;
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("x".repeat(101))),
        ("name", Value::Null),
        ("email", json!("nowhere")),
        ("email", json!(1)),
        ("password", Value::Null),
        ("token", Value::Null),
        ("role", json!("user")),
    ] {
        let mut unfit = body(&token);
        unfit[field] = value;
        let problem =
            server.anonymous.post(PATH, unfit).await.assert_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    for (password, code) in [
        ("short", "PASSWORD_TOO_SHORT"),
        (&"x".repeat(129), "PASSWORD_TOO_LONG"),
        ("password123", "PASSWORD_TOO_COMMON"),
        ("portcullis1", "PASSWORD_TOO_OBVIOUS"),
    ] {
        let mut unfit = body(&token);
        unfit["password"] = json!(password);
        server.anonymous.post(PATH, unfit).await.assert_problem(400, code);
    }
    claim(&server, &token).await.expect(201);
}

#[apply(on_both_databases)]
async fn setup_rejects_token_and_csrf_requests(backend: Backend) {
    let server = backend.start().await;
    let token = server.issue_setup_link().await;
    let ada = server.sign_up("ada").await;
    for scopes in [&["read"][..], &["read", "write"]] {
        let script = ada.token(scopes).await;
        script.post(PATH, body(&token)).await.assert_problem(403, "cookie_required");
    }
    for (origin, code) in [
        ("http://evil.example".to_owned(), "INVALID_ORIGIN"),
        (format!("{}0", server.anonymous.base), "INVALID_ORIGIN"),
        ("null".to_owned(), "MISSING_OR_NULL_ORIGIN"),
    ] {
        let request = server.anonymous.bare(Method::POST, PATH).header("Origin", origin);
        let reply = Reply::of(request.json(&body(&token))).await;
        assert_eq!(reply.header("set-cookie"), None);
        reply.assert_problem(403, code);
    }
    claim(&server, &token).await.expect(201);
}

#[apply(on_both_databases)]
async fn concurrent_setups_create_one_admin(backend: Backend) {
    for round in 0..5 {
        let server = backend.start().await;
        let links = [server.issue_setup_link().await, server.issue_setup_link().await];
        // In turn with the same link, and with one each.
        let second = &links[round % 2];
        let other = json!({
            "token": second, "name": "Eve", "email": "eve@example.com", "password": PASSWORD,
        });
        let (one, two) =
            tokio::join!(claim(&server, &links[0]), server.anonymous.post(PATH, other));
        let (won, lost) = if one.status == 201 { (one, two) } else { (two, one) };
        let winner = server.anonymous.with_cookie(&won.cookie().unwrap());
        won.expect(201);
        assert_eq!(lost.cookie(), None);
        lost.assert_problem(409, "admin_exists");
        let users = winner.get("/api/admin/users").await.expect(200);
        assert_eq!(users["items"].as_array().unwrap().len(), 1, "{users}");
    }
}
