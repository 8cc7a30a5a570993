//! Limits that all instances on one database share.

use super::*;

/// Starts two instances on one PostgreSQL database.
async fn two(settings: &[&str]) -> [Server; 2] {
    let folder = tempfile::TempDir::new().unwrap();
    let url = Backend::Postgres.database(folder.path()).await;
    let start = || Server::on(&url, tempfile::TempDir::new().unwrap(), settings);
    [start().await, start().await]
}

#[tokio::test]
async fn sign_in_sign_up_and_mail_rate_limits_are_shared_across_instances() {
    let limits = ["--limit-sign-in", "4/1h", "--limit-sign-up", "4/1h", "--limit-mail", "4/1h"];
    let [one, two] = two(&limits).await;
    let sign_in = |_| (SIGN_IN, credentials("nobody@example.com", WRONG), 401);
    let sign_up = |number| {
        let email = format!("new{number}@example.com");
        (SIGN_UP, json!({ "name": "new", "email": email, "password": PASSWORD }), 200)
    };
    let mail = |_| (REQUEST_RESET, json!({ "email": "nobody@example.com" }), 200);
    let kinds: [&dyn Fn(usize) -> (&'static str, Value, u16); 3] = [&sign_in, &sign_up, &mail];
    for kind in kinds {
        for number in 0..4 {
            let server = [&one, &two][number % 2];
            let (path, body, status) = kind(number);
            let reply = server.anonymous.post(path, body).await;
            let left = format!(";r={};", 3 - number);
            assert!(reply.header("ratelimit").unwrap().contains(&left), "{:?}", reply.headers);
            reply.expect(status);
        }
        for server in [&one, &two] {
            let (path, body, _) = kind(9);
            waits(&server.anonymous.post(path, body).await);
        }
    }
}

#[tokio::test]
async fn mailbox_rate_limit_is_shared_across_instances() {
    let [one, two] = two(&["--limit-mailbox", "3/1h"]).await;
    // Each instance writes into an outbox of its own, and either may do a job.
    let ada = one.sign_up("ada").await;
    for server in [&one, &two, &one, &two, &one] {
        let body = json!({ "email": ada.email });
        server.anonymous.post(REQUEST_RESET, body).await.expect(200);
    }
    let mails = one.mail_to(&ada.email).await.len() + two.mail_to(&ada.email).await.len();
    assert_eq!(mails, 3);
}

#[apply(on_both_databases)]
async fn rate_limit_survives_a_restart(backend: Backend) {
    let folder = tempfile::TempDir::new().unwrap();
    let url = backend.database(folder.path()).await;
    let settings = ["--limit-sign-in", "1/1h"];
    let wrong = credentials("nobody@example.com", WRONG);
    let first = Server::on(&url, tempfile::TempDir::new().unwrap(), &settings).await;
    first.anonymous.post(SIGN_IN, wrong.clone()).await.expect(401);
    first.stop().await;
    let second = Server::on(&url, tempfile::TempDir::new().unwrap(), &settings).await;
    waits(&second.anonymous.post(SIGN_IN, wrong).await);
}

#[apply(on_both_databases)]
async fn expired_rate_limits_are_deleted(backend: Backend) {
    let settings = ["--trusted-proxies", "127.0.0.1", "--limit-sign-in", "2/1m"];
    let server = backend.start_with(&settings).await;
    let wrong = credentials("nobody@example.com", WRONG);
    for number in 0..5 {
        let ip_address = format!("192.0.2.{number}");
        forwarded(&server, &ip_address, SIGN_IN, &wrong).await.expect(401);
    }
    let rows = async || {
        let sql = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM rate_limits";
        select(&server, sql).await
    };
    for (wait, left) in [(29, "5"), (1, "0")] {
        server.advance(seconds(wait));
        server.delete_old_rows(portcullis::time::days(365)).await;
        assert_eq!(rows().await, [left]);
    }
}
