//! Failed sign-ins and rejected tokens: counted, and written as one event for each account and network.

use portcullis::time::days;
use tempfile::TempDir;

use super::*;

async fn flush(server: &Server) -> Result<(), portcullis::store::Error> {
    server.state.rejections.flush(&server.state.store, server.now()).await
}

/// Returns the subject, the network and the count of each event with this action.
async fn counts(server: &Server, action: &str) -> Vec<(String, String, u64)> {
    let sql = format!(
        "SELECT subject_id || ' ' || coalesce(network, '-') || ' ' || detail AS value FROM activity
         WHERE action = '{action}' AND actor_id IS NULL ORDER BY subject_id, network"
    );
    let rows = select(server, &sql).await;
    rows.iter()
        .map(|row| {
            let mut parts = row.splitn(3, ' ').map(ToOwned::to_owned);
            let (subject, network) = (parts.next().unwrap(), parts.next().unwrap());
            let detail: Value = serde_json::from_str(&parts.next().unwrap()).unwrap();
            (subject, network, detail["count"].as_u64().unwrap())
        })
        .collect()
}

async fn fail_to_sign_in(server: &Server, email: &str) {
    let body = json!({ "email": email, "password": "not the password" });
    let reply = server.anonymous.post("/api/auth/sign-in/email", body).await;
    reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
}

const HERE: &str = "127.0.0.1";

#[apply(on_both_databases)]
async fn failed_sign_ins_are_counted_by_account_and_written_as_one_event(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for _ in 0..3 {
        fail_to_sign_in(&server, &ada.email).await;
    }
    for number in 0..5 {
        fail_to_sign_in(&server, &format!("unknown{number}@example.com")).await;
    }
    assert!(counts(&server, "sign-in-failed").await.is_empty(), "no write for each");
    flush(&server).await.unwrap();
    flush(&server).await.unwrap();
    let mut expected =
        vec![(ada.id.clone(), HERE.to_owned(), 3), ("unknown-user".to_owned(), HERE.to_owned(), 5)];
    expected.sort();
    assert_eq!(counts(&server, "sign-in-failed").await, expected);
    let stored = select(&server, "SELECT subject_id || detail AS value FROM activity").await;
    assert!(!stored.concat().contains("unknown0"), "{stored:?}");

    let event = own(&ada.browser).await.remove(0);
    assert_eq!(event["actor"], "anonymous");
    assert_eq!(event["network"], HERE);
    let page = ada.browser.navigate("/settings/activity").await.text;
    let sentence = "A client that was not signed in failed to sign in to your account 3 times";
    assert!(page.contains(sentence), "{page}");
}

#[apply(on_both_databases)]
async fn rejected_tokens_are_counted_by_owner_and_written_as_one_event(backend: Backend) {
    let server = backend.start().await;
    server.clock.set(server.now() - days(10));
    let ada = server.sign_up("ada").await;
    let valid = ada.token(&["read"]).await;
    let expired = ada.create_token(json!({ "name": "x", "expiresInDays": 1 })).await;
    let revoked = ada.create_token(json!({ "name": "y" })).await;
    let path = format!("/api/tokens/{}", revoked["id"].as_str().unwrap());
    ada.browser.delete(&path).await.expect(204);
    server.advance(days(2));
    let tokens = [
        expired["token"].as_str().unwrap().to_owned(),
        revoked["token"].as_str().unwrap().to_owned(),
        Server::unknown_token(),
        "malformed".to_owned(),
    ];
    for token in &tokens {
        for _ in 0..2 {
            let reply = server.anonymous.with_token(token).get("/api/me").await;
            assert_eq!(reply.status, 401);
        }
    }
    flush(&server).await.unwrap();
    let mut expected =
        vec![(ada.id.clone(), HERE.to_owned(), 4), ("unknown-user".to_owned(), HERE.to_owned(), 4)];
    expected.sort();
    assert_eq!(counts(&server, "token-rejected").await, expected);
    // Neither an anonymous request nor a valid token is one.
    server.anonymous.get("/api/me").await.assert_problem(401, "UNAUTHORIZED");
    valid.get("/api/me").await.expect(200);
    flush(&server).await.unwrap();
    assert_eq!(counts(&server, "token-rejected").await, expected);
}

#[apply(on_both_databases)]
async fn counts_that_could_not_be_written_are_written_once_by_the_next_flush(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    fail_to_sign_in(&server, &ada.email).await;
    execute(&server, "ALTER TABLE activity RENAME TO activity_gone").await;
    assert!(flush(&server).await.is_err());
    fail_to_sign_in(&server, &ada.email).await;
    execute(&server, "ALTER TABLE activity_gone RENAME TO activity").await;
    flush(&server).await.unwrap();
    flush(&server).await.unwrap();
    let written = counts(&server, "sign-in-failed").await;
    assert_eq!(written.iter().map(|(.., count)| count).sum::<u64>(), 2, "{written:?}");
}

#[apply(on_both_databases)]
async fn rejections_from_many_networks_are_a_bounded_number_of_events(backend: Backend) {
    let server = backend.start_with(&["--trusted-proxies", "127.0.0.1"]).await;
    for number in 0..250 {
        let request = server.anonymous.with_token("malformed").request(Method::GET, "/api/me");
        let request = request.header("X-Forwarded-For", format!("203.0.113.{number}"));
        assert_eq!(Reply::of(request).await.status, 401);
    }
    flush(&server).await.unwrap();
    let written = counts(&server, "token-rejected").await;
    assert_eq!(written.len(), 201);
    assert_eq!(written.iter().map(|(.., count)| count).sum::<u64>(), 250);
    let overflow = written.iter().find(|(_, network, _)| network == "-").unwrap();
    assert_eq!(overflow.2, 50);
}

#[apply(on_both_databases)]
async fn counts_are_written_at_shutdown(backend: Backend) {
    let (folder, data) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let url = backend.database(data.path()).await;
    let server = Server::on(&url, folder, &[]).await;
    fail_to_sign_in(&server, "unknown@example.com").await;
    server.stop().await;
    let server = Server::on(&url, TempDir::new().unwrap(), &[]).await;
    let expected = [("unknown-user".to_owned(), HERE.to_owned(), 1)];
    assert_eq!(counts(&server, "sign-in-failed").await, expected);
}
