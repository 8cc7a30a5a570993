//! A clock that is set back or ahead: no client waits longer than the rule says.

use portcullis::time::{Span, Timestamp, days};

use super::*;

const LIMITED: [&str; 12] = [
    "--limit-requests",
    "100/1m",
    "--limit-sign-in",
    "20/1m",
    "--limit-sign-up",
    "20/1m",
    "--limit-mail",
    "20/1m",
    "--limit-mailbox",
    "20/1m",
    "--max-failed-logins",
    "10",
];

/// Sends one request of each kind that is limited.
async fn each_kind(server: &Server, person: &TestUser, name: &str) {
    person.browser.get("/api/me").await.expect(200);
    let right = credentials(&person.email, PASSWORD);
    server.anonymous.post(SIGN_IN, right).await.expect(200);
    let body = json!({ "name": "x", "email": format!("{name}@example.com"), "password": PASSWORD });
    server.anonymous.post(SIGN_UP, body).await.expect(200);
    server.anonymous.post(REQUEST_RESET, json!({ "email": person.email })).await.expect(200);
}

#[apply(on_both_databases)]
async fn rate_limits_reject_no_request_after_a_clock_change(backend: Backend) {
    let server = backend.start_with(&LIMITED).await;
    let ada = server.sign_up("ada").await;
    let start = server.now();
    each_kind(&server, &ada, "before").await;
    for (name, to) in [
        ("back", start - seconds(90)),
        ("hour", start - seconds(3600)),
        ("ahead", start + days(1)),
        ("again", start),
    ] {
        server.clock.step(to);
        for number in 0..3 {
            each_kind(&server, &ada, &format!("{name}{number}")).await;
        }
    }
}

#[apply(on_both_databases)]
async fn reached_rate_limit_expires_on_time_despite_clock_changes(backend: Backend) {
    for back in [seconds(90), seconds(3600)] {
        let server = backend.start_with(&["--limit-sign-in", "3/1m"]).await;
        let wrong = credentials("nobody@example.com", WRONG);
        for _ in 0..3 {
            server.anonymous.post(SIGN_IN, wrong.clone()).await.expect(401);
        }
        server.clock.step(server.now() - back);
        assert_eq!(waits(&server.anonymous.post(SIGN_IN, wrong.clone()).await), 20);
        server.advance(seconds(20));
        server.anonymous.post(SIGN_IN, wrong.clone()).await.expect(401);
        server.clock.step(server.now() + back);
        server.anonymous.post(SIGN_IN, wrong).await.expect(401);
    }
}

/// Moves the times in the tables as an instance with a wrong clock would have written them.
async fn put_into_the_future(server: &Server, by: Span) {
    let columns = [("rate_limits", "counted_at"), ("rate_limits", "empty_at")];
    let attempts = [("login_attempts", "last_at"), ("login_attempts", "begun_at")];
    let span = (server.now() + by).micros() - server.now().micros();
    for (table, column) in columns.into_iter().chain(attempts) {
        let sql = match server.state.store.database() {
            portcullis::store::Database::Sqlite(_) => {
                format!("UPDATE {table} SET {column} = {column} + {span}")
            }
            portcullis::store::Database::Postgres(_) => {
                format!("UPDATE {table} SET {column} = {column} + INTERVAL '{span} microseconds'")
            }
        };
        execute(server, &sql).await;
    }
}

#[apply(on_both_databases)]
async fn stored_future_times_do_not_extend_rate_limit_or_throttle_waits(backend: Backend) {
    let settings = ["--max-failed-logins", "3", "--limit-sign-in", "12/1m"];
    let server = backend.start_with(&settings).await;
    let ada = server.sign_up("ada").await;
    let (wrong, right) = (credentials(&ada.email, WRONG), credentials(&ada.email, PASSWORD));
    for _ in 0..2 {
        server.anonymous.post(SIGN_IN, wrong.clone()).await.expect(401);
    }
    put_into_the_future(&server, days(400)).await;
    server.anonymous.post(SIGN_IN, right.clone()).await.expect(200);

    for _ in 0..3 {
        server.anonymous.post(SIGN_IN, wrong.clone()).await.expect(401);
    }
    put_into_the_future(&server, days(400)).await;
    let started: Timestamp = server.now();
    assert_eq!(waits(&server.anonymous.post(SIGN_IN, right.clone()).await), 60);
    server.clock.set(started + seconds(30));
    assert_eq!(
        waits(&server.anonymous.post(SIGN_IN, right.clone()).await),
        30,
        "the wait is not extended"
    );
    server.clock.set(started + seconds(60));
    server.anonymous.post(SIGN_IN, right).await.expect(200);
}
