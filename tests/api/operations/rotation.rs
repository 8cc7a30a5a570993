//! Rotation of the signing secret and of the token prefix, during which users stay signed in. Instances with
//! incompatible secrets report it.

use portcullis::secrets::SigningKey;
use tempfile::TempDir;

use crate::support::*;

const SIGN_UP: &str = "/api/auth/sign-up/email";
const SIGN_OUT: &str = "/api/auth/sign-out";
const LIST_SESSIONS: &str = "/api/auth/list-sessions";

fn secrets<const N: usize>() -> [String; N] {
    std::array::from_fn(|_| SigningKey::generate().reveal())
}

/// Starts an instance on this database with these secrets, and these token prefixes.
fn start(home: &TempDir, url: &str, secrets: &str, prefixes: &str) -> ServerProcess {
    let settings = [
        ("DATABASE_URL", url),
        ("PORTCULLIS_SECRET", secrets),
        ("PORTCULLIS_TOKEN_PREFIX", prefixes),
    ];
    ServerProcess::start_logging(home.path(), &settings)
}

async fn stop(server: ServerProcess) {
    server.signal("TERM");
    let status = tokio::task::spawn_blocking(move || server.wait()).await.unwrap();
    assert!(status.success(), "{status}");
}

/// Returns a new user's cookie and token, both created at this instance.
async fn sign_up(server: &ServerProcess, name: &str) -> [String; 2] {
    let email = format!("{name}@example.com");
    let body = json!({ "name": name, "email": email, "password": PASSWORD });
    let cookie = server.anonymous.post(SIGN_UP, body).await.cookie().unwrap();
    let browser = server.anonymous.with_cookie(&cookie);
    let created = browser.post("/api/tokens", json!({ "name": "script" })).await.expect(201);
    [cookie, created["token"].as_str().unwrap().to_owned()]
}

/// Asserts that both credentials of each of these users are accepted at each of these instances, and that no
/// response sets the cookie again, which could replace a newer one.
async fn all_are_accepted(users: &[[String; 2]], instances: &[&ServerProcess]) {
    for instance in instances {
        for [cookie, token] in users {
            let browser = instance.anonymous.with_cookie(cookie);
            // The second request is served from the cache.
            for _ in 0..2 {
                let reply = browser.get("/api/me").await;
                assert_eq!(reply.header("set-cookie"), None);
                reply.expect(200);
            }
            browser.post(TOKENS, json!({ "name": "x" })).await.expect(201);
            instance.anonymous.with_token(token).get("/api/me").await.expect(200);
        }
    }
}

/// Follows docs/how-to/rotate-the-secret.md: first all instances accept the new secret, then all sign with it,
/// and last the old one is removed.
#[tokio::test]
async fn rolling_rotation_of_secret_and_prefix_keeps_users_signed_in() {
    let home = TempDir::new().unwrap();
    let url = Backend::Postgres.database(home.path()).await;
    let [old, new] = secrets();
    let steps = [(format!("{old},{new}"), "old_,new_"), (format!("{new}\n{old}\n"), "new_,old_")];
    let mut first = start(&home, &url, &old, "old_");
    let mut second = start(&home, &url, &old, "old_");
    let mut users = vec![sign_up(&first, "ada").await, sign_up(&second, "bob").await];
    assert!(users[0][1].starts_with("old_"));
    for (step, (secrets, prefixes)) in steps.iter().enumerate() {
        stop(first).await;
        first = start(&home, &url, secrets, prefixes);
        users.push(sign_up(&first, &format!("u{step}")).await);
        all_are_accepted(&users, &[&first, &second]).await;
        stop(second).await;
        second = start(&home, &url, secrets, prefixes);
        users.push(sign_up(&second, &format!("v{step}")).await);
        all_are_accepted(&users, &[&first, &second]).await;
        for instance in [&first, &second] {
            instance.anonymous.get("/health/ready").await.expect(200);
            assert!(!instance.banner.contains("PORTCULLIS_SECRET"), "{}", instance.banner);
        }
    }
    assert!(users.last().unwrap()[1].starts_with("new_"));

    stop(first).await;
    first = start(&home, &url, &new, "new_");
    all_are_accepted(&users[4..], &[&first, &second]).await;
    let [cookie, token] = &users[0];
    first.anonymous.with_cookie(cookie).get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
    first.anonymous.with_token(token).get("/api/me").await.assert_problem(401, "token_malformed");
}

#[apply(on_both_databases)]
async fn restart_with_a_new_secret_before_the_old_one_keeps_users_signed_in(backend: Backend) {
    let home = TempDir::new().unwrap();
    let url = backend.database(home.path()).await;
    let [old, new] = secrets();
    let server = start(&home, &url, &old, "old_");
    let ada = sign_up(&server, "ada").await;
    stop(server).await;
    let server = start(&home, &url, &format!("{new},{old}"), "new_,old_");
    let bob = sign_up(&server, "bob").await;
    all_are_accepted(&[ada, bob.clone()], &[&server]).await;
    stop(server).await;
    let server = start(&home, &url, &new, "new_");
    all_are_accepted(&[bob], &[&server]).await;
}

/// With SQLite, the server keeps the secret that it generated in a file: the new secret is a line above the old
/// one.
#[tokio::test]
async fn new_line_above_the_stored_secret_keeps_users_signed_in() {
    let home = TempDir::new().unwrap();
    let server = ServerProcess::start(home.path(), &[]);
    let ada = sign_up(&server, "ada").await;
    stop(server).await;
    let file = home.path().join("data/secret");
    let kept = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{}\n{kept}", SigningKey::generate().reveal())).unwrap();
    let server = ServerProcess::start(home.path(), &[]);
    all_are_accepted(&[ada], &[&server]).await;
}

/// Sign-out and sign-in read the cookie outside the gate, to end its session, and accept the old secret as
/// well.
#[apply(on_both_databases)]
async fn session_signed_with_the_old_secret_ends_at_sign_out_or_sign_in(backend: Backend) {
    let home = TempDir::new().unwrap();
    let url = backend.database(home.path()).await;
    let [old, new, foreign] = secrets();
    let server = start(&home, &url, &old, "old_");
    let [cookie, _] = sign_up(&server, "ada").await;
    let [other, _] = sign_up(&server, "bob").await;
    stop(server).await;
    let server = start(&home, &url, &format!("{new},{old}"), "new_,old_");

    let ada = server.anonymous.with_cookie(&cookie);
    assert!(ada.post(SIGN_OUT, json!({})).await.removes_cookie());
    ada.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");

    let bob = server.anonymous.with_cookie(&other);
    let body = json!({ "email": "bob@example.com", "password": PASSWORD });
    let replaced = bob.post("/api/auth/sign-in/email", body).await.cookie().unwrap();
    bob.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
    let bob = server.anonymous.with_cookie(&replaced);
    let sessions = bob.get(LIST_SESSIONS).await.expect(200);
    assert_eq!(sessions.as_array().unwrap().len(), 1, "{sessions}");
    stop(server).await;

    // The new cookie is signed with the new secret; a cookie signed with neither secret is rejected.
    let server = start(&home, &url, &new, "new_");
    server.anonymous.with_cookie(&replaced).get("/api/me").await.expect(200);
    stop(server).await;
    let server = start(&home, &url, &format!("{foreign},{old}"), "new_");
    server
        .anonymous
        .with_cookie(&replaced)
        .get("/api/me")
        .await
        .assert_problem(401, "UNAUTHORIZED");
}

const NOT_READY: &str = "PORTCULLIS_SECRET differs from that of an instance that already runs";

#[tokio::test]
async fn instance_with_a_different_secret_is_not_ready_and_others_stay_ready() {
    let (home, wrong) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let url = Backend::Postgres.database(home.path()).await;
    let [one, other] = secrets();
    let running = start(&home, &url, &one, "a_");
    assert!(!running.banner.contains("PORTCULLIS_SECRET"), "{}", running.banner);
    let newcomer = start(&wrong, &url, &other, "a_");
    assert!(newcomer.banner.contains(NOT_READY), "{}", newcomer.banner);
    let reply = newcomer.anonymous.get("/health/ready").await;
    assert!(reply.text.contains("signing secret"), "{}", reply.text);
    reply.assert_problem(503, "store_unavailable");
    newcomer.anonymous.get("/health/live").await.expect(200);

    // An instance with the right secret is ready beside them, and the first one detects the wrong one.
    let second = start(&home, &url, &one, "a_");
    assert!(second.banner.contains("another instance on this database"), "{}", second.banner);
    for right in [&running, &second] {
        right.anonymous.get("/health/ready").await.expect(200);
    }
    let log = || std::fs::read_to_string(wrong.path().join("log")).unwrap();
    assert!(
        log().contains("the signing secret differs from that of another instance"),
        "{}",
        log()
    );

    // Once all others have stopped, there is nothing left to differ from.
    stop(running).await;
    assert_eq!(newcomer.anonymous.get("/health/ready").await.status, 503);
    stop(second).await;
    within_timeout(async {
        while newcomer.anonymous.get("/health/ready").await.status != 200 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn killed_instance_stops_counting_as_running_after_a_short_time() {
    let home = TempDir::new().unwrap();
    let url = Backend::Postgres.database(home.path()).await;
    let [one, other] = secrets();
    drop(start(&home, &url, &one, "a_"));
    let database = connect(&url).await;
    let rows = async || database.query("SELECT 1 FROM signing_keys", &[]).await.unwrap().len();
    assert_eq!(rows().await, 1);
    let seen = "UPDATE signing_keys SET seen_at = seen_at - INTERVAL '21 seconds'";
    database.batch_execute(seen).await.unwrap();
    let server = start(&home, &url, &other, "a_");
    server.anonymous.get("/health/ready").await.expect(200);
    assert_eq!(rows().await, 1);
    stop(server).await;
    assert_eq!(rows().await, 0);
}

/// The stored value identifies the secret, but cannot sign.
#[tokio::test]
async fn signing_secret_is_not_in_the_database() {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let home = TempDir::new().unwrap();
    let url = Backend::Postgres.database(home.path()).await;
    let [one, other] = secrets();
    let _server = start(&home, &url, &format!("{one},{other}"), "a_");
    let rows = connect(&url).await;
    let rows = rows.query("SELECT fingerprint, signs FROM signing_keys", &[]).await.unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        let fingerprint: Vec<u8> = row.get(0);
        for secret in [&one, &other] {
            let key = BASE64_STANDARD.decode(secret).unwrap();
            assert!(!key.windows(8).any(|part| fingerprint.windows(8).any(|other| other == part)));
        }
    }
}
