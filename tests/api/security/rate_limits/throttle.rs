//! The login throttle: what ends it, and concurrent attempts.

use std::time::Duration;

use portcullis::store::login_attempts::{self, AttemptSource, Outcome};

use super::*;

const NEW: &str = "a password of one's own choice";

/// The owner's known network, from which they have signed in before.
const HOME: &str = "198.51.100.1";
/// An unknown network, from which the owner has not signed in.
const ELSEWHERE: &str = "192.0.2.9";

/// Starts a server with an account, and ten failed sign-ins from each of the two networks.
async fn throttled(backend: Backend) -> (Server, TestUser) {
    let server = backend.start_with(&PROXIED_TEN).await;
    let ada = server.sign_up("ada").await;
    let right = credentials(&ada.email, PASSWORD);
    forwarded(&server, HOME, SIGN_IN, &right).await.expect(200);
    for network in [HOME, ELSEWHERE] {
        for _ in 0..10 {
            let wrong = credentials(&ada.email, WRONG);
            forwarded(&server, network, SIGN_IN, &wrong).await.expect(401);
        }
        assert_eq!(waits(&forwarded(&server, network, SIGN_IN, &right).await), 60, "{network}");
    }
    (server, ada)
}

const PROXIED_TEN: [&str; 4] = ["--trusted-proxies", "127.0.0.1", "--max-failed-logins", "10"];

async fn is_let_in(server: &Server, email: &str, password: &str) {
    for network in [HOME, ELSEWHERE, "203.0.113.5"] {
        let reply = forwarded(server, network, SIGN_IN, &credentials(email, password)).await;
        assert_eq!(reply.status, 200, "from {network}: {}", reply.text);
    }
}

#[apply(on_both_databases)]
async fn reset_password_ends_the_login_throttle_on_all_networks(backend: Backend) {
    let (server, ada) = throttled(backend).await;
    let reply = forwarded(&server, HOME, SIGN_IN, &credentials(&ada.email, PASSWORD)).await;
    let expected = "Too many failed sign-ins with this email. Try again in 60 seconds, or reset your password: that ends the wait.";
    assert_eq!(reply.json()["message"], expected);
    server.anonymous.post(REQUEST_RESET, json!({ "email": ada.email })).await.expect(200);
    let link = server.last_mail_to(&ada.email).await.secret();
    let body = json!({ "newPassword": NEW, "token": link });
    server.anonymous.post("/api/auth/reset-password", body).await.expect(200);
    is_let_in(&server, &ada.email, NEW).await;
}

#[apply(on_both_databases)]
async fn change_password_ends_the_login_throttle_on_all_networks(backend: Backend) {
    let (server, ada) = throttled(backend).await;
    // In a session, from a third network, which a sign-in has made a known one.
    let (wrong, right) = (credentials(&ada.email, WRONG), credentials(&ada.email, PASSWORD));
    server.advance(seconds(60));
    forwarded(&server, "203.0.113.77", SIGN_IN, &right).await.expect(200);
    for _ in 0..10 {
        forwarded(&server, ELSEWHERE, SIGN_IN, &wrong).await.expect(401);
    }
    let change = json!({ "currentPassword": PASSWORD, "newPassword": NEW });
    let path = "/api/auth/change-password";
    forwarded_by(&ada.browser, "203.0.113.77", path, &change).await.expect(200);
    is_let_in(&server, &ada.email, NEW).await;
}

#[apply(on_both_databases)]
async fn change_email_drops_the_login_throttle_and_keeps_known_networks(backend: Backend) {
    let (server, ada) = throttled(backend).await;
    let moved = "ada@new.example";
    // Sign-ins with the new email have failed before, from an unknown network.
    for _ in 0..10 {
        forwarded(&server, ELSEWHERE, SIGN_IN, &credentials(moved, WRONG)).await.expect(401);
    }
    let body = json!({ "newEmail": moved });
    ada.browser.post("/api/auth/change-email", body).await.expect(200);
    let link = server.last_mail_to(moved).await.secret();
    ada.browser.post("/api/auth/verify-email", json!({ "token": link })).await.expect(200);
    for _ in 0..10 {
        forwarded(&server, ELSEWHERE, SIGN_IN, &credentials(moved, WRONG)).await.expect(401);
    }
    let right = credentials(moved, PASSWORD);
    waits(&forwarded(&server, ELSEWHERE, SIGN_IN, &right).await);
    forwarded(&server, HOME, SIGN_IN, &right).await.expect(200);
}

#[apply(on_both_databases)]
async fn unlock_and_password_commands_end_the_login_throttle(backend: Backend) {
    let folder = tempfile::TempDir::new().unwrap();
    let url = backend.database(folder.path()).await;
    let settings = [("DATABASE_URL", url.as_str())];
    let tool =
        |arguments: &[&str], input: &str| succeeds(run(folder.path(), &settings, arguments, input));
    let server = Server::on(&url, tempfile::TempDir::new().unwrap(), &PROXIED_TEN).await;
    let ada = server.sign_up("ada").await;
    let fill = async |password: &str| {
        let right = credentials(&ada.email, password);
        forwarded(&server, HOME, SIGN_IN, &right).await.expect(200);
        for network in [HOME, ELSEWHERE] {
            for _ in 0..10 {
                let wrong = credentials(&ada.email, WRONG);
                forwarded(&server, network, SIGN_IN, &wrong).await.expect(401);
            }
            waits(&forwarded(&server, network, SIGN_IN, &right).await);
        }
    };
    fill(PASSWORD).await;
    let output = tool(&["user", "unlock", &ada.email], "");
    assert!(output.contains("can try to sign in again at once"), "{output}");
    is_let_in(&server, &ada.email, PASSWORD).await;
    assert!(tool(&["user", "unlock", &ada.email], "").contains("had no failed sign-ins"));

    // The networks of those sign-ins have become known ones.
    server.advance(portcullis::time::days(91));
    fill(PASSWORD).await;
    tool(&["user", "password", &ada.email], NEW);
    is_let_in(&server, &ada.email, NEW).await;
    let admin = server.sign_up_admin("admin").await;
    let log = admin.browser.get("/api/admin/activity").await.expect(200).to_string();
    assert!(log.contains("login-unlocked") && log.contains("password-set"), "{log}");
}

/// Ten may fail. Concurrent requests may have to wait for the database on a busy machine.
const AT_ONCE: [&str; 4] = ["--max-failed-logins", "10", "--database-timeout", "60"];

/// Sends this many concurrent sign-ins, and counts the responses by status.
async fn at_once(callers: &[&Caller], number: usize, body: &Value) -> (usize, usize, usize) {
    let attempts = (0..number).map(|at| {
        let (caller, body) = (callers[at % callers.len()].clone(), body.clone());
        tokio::spawn(async move { caller.post(SIGN_IN, body).await.status.as_u16() })
    });
    let mut seen = Vec::new();
    for each in attempts.collect::<Vec<_>>() {
        seen.push(each.await.unwrap());
    }
    let count = |status| seen.iter().filter(|one| **one == status).count();
    let counted = (count(200), count(401), count(429));
    assert_eq!(counted.0 + counted.1 + counted.2, number, "{seen:?}");
    counted
}

#[apply(on_both_databases)]
async fn concurrent_failed_sign_ins_verify_at_most_the_allowed_passwords(backend: Backend) {
    let many = count_from_env("SIGN_INS").unwrap_or(120);
    let server = backend.start_with(&AT_ONCE).await;
    let ada = server.sign_up("ada").await;
    let before = server.state.hashing.made();
    let wrong = credentials(&ada.email, WRONG);
    assert_eq!(at_once(&[&server.anonymous], many, &wrong).await, (0, 10, many - 10));
    assert_eq!(server.state.hashing.made() - before, 10);
    waits(&server.anonymous.post(SIGN_IN, credentials(&ada.email, PASSWORD)).await);
}

#[apply(on_both_databases)]
async fn concurrent_successful_sign_ins_are_not_throttled(backend: Backend) {
    let many = count_from_env("SIGN_INS").unwrap_or(16);
    let server = backend.start_with(&AT_ONCE).await;
    let ada = server.sign_up("ada").await;
    let right = credentials(&ada.email, PASSWORD);
    assert_eq!(at_once(&[&server.anonymous], many, &right).await, (many, 0, 0));
    // No attempt stays reserved: ten may fail, and not one fewer.
    for _ in 0..10 {
        server.anonymous.post(SIGN_IN, credentials(&ada.email, WRONG)).await.expect(401);
    }
    waits(&server.anonymous.post(SIGN_IN, right).await);
}

#[tokio::test]
async fn concurrent_failed_sign_ins_are_throttled_across_instances() {
    let folder = tempfile::TempDir::new().unwrap();
    let url = Backend::Postgres.database(folder.path()).await;
    let one = Server::on(&url, tempfile::TempDir::new().unwrap(), &AT_ONCE).await;
    let two = Server::on(&url, tempfile::TempDir::new().unwrap(), &AT_ONCE).await;
    let ada = one.sign_up("ada").await;
    let hashes = || one.state.hashing.made() + two.state.hashing.made();
    let before = hashes();
    let wrong = credentials(&ada.email, WRONG);
    assert_eq!(at_once(&[&one.anonymous, &two.anonymous], 60, &wrong).await, (0, 10, 50));
    assert_eq!(hashes() - before, 10);
}

#[apply(on_both_databases)]
async fn sign_in_waits_for_running_attempts_and_is_then_throttled(backend: Backend) {
    let server = backend.start_with(&["--max-failed-logins", "1"]).await;
    let ada = server.sign_up("ada").await;
    let right = credentials(&ada.email, PASSWORD);
    let (store, origin) = (&server.state.store, attempt_source_of(&ada));
    let begun = login_attempts::reserve(store, origin.clone(), 1, server.now()).await.unwrap();
    // One attempt does not end: a second waits a few seconds, and is then rejected with a short Retry-After.
    let reply = server.anonymous.post(SIGN_IN, right.clone()).await;
    assert_eq!(waits(&reply), 1);
    // Another waits, and signs in when the first has ended.
    let (waiting, ()) = tokio::join!(server.anonymous.post(SIGN_IN, right.clone()), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let outcome = Outcome::NotMade;
        login_attempts::resolve(store, begun.unwrap(), outcome, server.now()).await.unwrap();
    });
    waiting.expect(200);
    // An attempt whose instance died counts as failed after half a minute.
    login_attempts::reserve(store, origin, 1, server.now()).await.unwrap().unwrap();
    server.advance(seconds(30));
    assert_eq!(waits(&server.anonymous.post(SIGN_IN, right).await), 60);
}

/// Returns the key by which an attempt from the tests' own network is counted.
fn attempt_source_of(person: &TestUser) -> AttemptSource {
    AttemptSource::new(&person.email, portcullis::limits::network("127.0.0.1".parse().unwrap()))
}
