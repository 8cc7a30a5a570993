use portcullis::{
    store::{
        activity::{ALL_USERS, Action, Event},
        retention::clock::{self, ClockStatus, Watch},
    },
    time::{Clock, Span, Timestamp, days, seconds},
};
use tempfile::TempDir;

use super::wait_until;
use crate::{resilience::crash_recovery::database::Database, support::*};

const fn hours(n: u32) -> Span {
    seconds(n * 60 * 60)
}

async fn confirm(server: &Server) {
    let event = Event::new(None, Action::ClockConfirmed, ALL_USERS, &json!({}), server.now());
    clock::confirm(&server.state.store, &server.clock, event).await.unwrap();
}

/// Starts a server whose clock is right but long ago: what expires there is in the past of the machine's clock,
/// which triggers read.
async fn long_ago(backend: Backend) -> Server {
    let server = backend.start_at(Clock::System.now() - days(600)).await;
    confirm(&server).await;
    // The server's own first look at the clock must not fall between two steps of a test.
    server.advance(seconds(1));
    server.state.retention_due.notify_one();
    wait_until("the server has looked at its clock", async || {
        let status = clock::status(&server.state.store, &server.clock).await.unwrap();
        status.mark == server.now()
    })
    .await;
    server
}

/// Whether the server has detected the jump.
async fn has_seen_a_jump(server: &Server) -> bool {
    let sql = "SELECT 'x' AS value FROM retention_clock WHERE jump IS NOT NULL";
    !select(server, sql).await.is_empty()
}

async fn counts(server: &Server) -> Vec<usize> {
    let mut counts = Vec::new();
    for table in ["sessions", "api_tokens", "activity", "verifications"] {
        counts.push(select(server, &format!("SELECT id AS value FROM {table}")).await.len());
    }
    counts
}

fn is_ahead(standing: ClockStatus) -> bool {
    matches!(standing, ClockStatus::Ahead(_))
}

#[apply(on_both_databases)]
async fn clock_jump_ahead_pauses_retention_until_steady_for_a_day(backend: Backend) {
    let server = long_ago(backend).await;
    let admin = server.sign_up_admin("admin").await;
    admin.create_token(json!({ "name": "short", "expiresInDays": 1 })).await;
    server.wait_for_jobs().await;
    let before = counts(&server).await;
    assert!(before.iter().all(|rows| *rows > 0), "{before:?}");

    let right = server.now();
    server.clock.step(right + days(400));
    server.state.retention_due.notify_one();
    wait_until("the jump is detected", async || has_seen_a_jump(&server).await).await;
    server.state.retention_due.notify_one();
    server.anonymous.get("/health/ready").await.expect(200);
    assert_eq!(counts(&server).await, before);

    // The clock is corrected, and jumps again.
    server.clock.step(right);
    server.state.retention_due.notify_one();
    wait_until("the clock is trusted", async || !has_seen_a_jump(&server).await).await;
    assert_eq!(counts(&server).await, before);
    server.clock.step(right + days(400));
    server.state.retention_due.notify_one();
    wait_until("the jump is detected", async || has_seen_a_jump(&server).await).await;

    // Without a correction the new time is accepted in the end, as after the machine was off.
    server.advance(hours(23));
    server.state.retention_due.notify_one();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(counts(&server).await, before);
    server.advance(hours(2));
    server.state.retention_due.notify_one();
    wait_until("all rows are deleted", async || counts(&server).await.iter().sum::<usize>() == 0)
        .await;
}

#[apply(on_both_databases)]
async fn start_after_90_days_off_pauses_retention_until_confirmed(backend: Backend) {
    let server = long_ago(backend).await;
    let store = &server.state.store;
    server.sign_up("ada").await;
    server.clock.step(server.now() + days(90));
    // As a process sees it that has just started.
    let mut started = Watch::default();
    assert!(is_ahead(started.look(store, &server.clock).await.unwrap()));
    confirm(&server).await;
    let now = server.now();
    assert_eq!(started.look(store, &server.clock).await.unwrap(), ClockStatus::Trusted(now));
    server.state.retention_due.notify_one();
    wait_until("the session is deleted", async || counts(&server).await[0] == 0).await;
}

#[apply(on_both_databases)]
async fn stop_of_less_than_a_day_is_no_clock_jump(backend: Backend) {
    let server = long_ago(backend).await;
    let store = &server.state.store;
    for _ in 0..3 {
        server.clock.step(server.now() + days(1) - hours(1));
        let (mut started, now) = (Watch::default(), server.now());
        assert_eq!(started.look(store, &server.clock).await.unwrap(), ClockStatus::Trusted(now));
    }
}

#[apply(on_both_databases)]
async fn instances_share_the_clock_mark_and_advance_it_in_real_time(backend: Backend) {
    let server = long_ago(backend).await;
    let (store, clock) = (&server.state.store, &server.clock);
    let start = server.now();
    let mut instances = [Watch::default(), Watch::default(), Watch::default()];
    for instance in &mut instances {
        instance.look(store, clock).await.unwrap();
    }
    server.advance(hours(1));
    clock.step(start + days(400));
    for instance in &mut instances {
        let ClockStatus::Ahead(jump) = instance.look(store, clock).await.unwrap() else {
            panic!("the clock is trusted");
        };
        assert_eq!(jump.mark, start + hours(1));
    }
    // Another server starts, and the clock goes on.
    server.advance(hours(23));
    assert!(is_ahead(instances[0].look(store, clock).await.unwrap()));
    assert!(is_ahead(Watch::default().look(store, clock).await.unwrap()));
    server.advance(hours(1));
    assert_eq!(instances[1].look(store, clock).await.unwrap(), ClockStatus::Trusted(server.now()));
    assert_eq!(instances[2].look(store, clock).await.unwrap(), ClockStatus::Trusted(server.now()));
}

#[apply(on_both_databases)]
async fn clock_set_back_is_trusted_by_retention(backend: Backend) {
    let server = long_ago(backend).await;
    let (store, clock) = (&server.state.store, &server.clock);
    let mut watch = Watch::default();
    watch.look(store, clock).await.unwrap();
    let back: Timestamp = server.now() - days(90);
    clock.step(back);
    assert_eq!(watch.look(store, clock).await.unwrap(), ClockStatus::Trusted(back));
    assert!(clock::status(store, clock).await.unwrap().mark_is_ahead());
    // An operator may set the mark back, and earlier observations do not raise it again.
    confirm(&server).await;
    server.advance(hours(1));
    watch.look(store, clock).await.unwrap();
    clock.step(back + days(3));
    assert!(is_ahead(watch.look(store, clock).await.unwrap()));
}

#[apply(on_both_databases)]
async fn operator_is_warned_of_a_clock_jump_and_confirms_the_clock(backend: Backend) {
    let home = TempDir::new().unwrap();
    let url = backend.empty_database(home.path()).await;
    let secret = portcullis::secrets::SigningKey::generate().reveal();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("PORTCULLIS_SECRET", secret.as_str()),
        ("PORTCULLIS_METRICS_LISTEN", "127.0.0.1:0"),
    ];
    let server = ServerProcess::start(home.path(), &settings);
    assert!(!server.banner.contains("Old rows"), "{}", server.banner);
    let command = |arguments: &[&str]| {
        succeeds(run(home.path(), &settings, &[&["retention"], arguments].concat(), ""))
    };
    assert!(command(&["status"]).starts_with("Old rows are deleted, by "));
    let body = json!({ "name": "Ada", "email": "ada@example.com", "password": PASSWORD });
    let reply = server.anonymous.post("/api/auth/sign-up/email", body).await.expect(200);
    drop(server);

    let now = Clock::System.now();
    let database = Database::at(&url).await;
    let id = reply["user"]["id"].as_str().unwrap();
    database.execute(&add_sessions(backend, id, 10, now - days(1))).await;
    let mark = moment(backend, now - days(90));
    database.execute(&format!("UPDATE retention_clock SET mark = {mark}")).await;
    let left = async || {
        let things = database.things().await;
        things.iter().filter(|(kind, _)| kind == "session").count()
    };
    let server = ServerProcess::start(home.path(), &settings);
    assert!(server.banner.contains("warning   Old rows are not deleted"), "{}", server.banner);
    assert!(server.metrics().await.contains("portcullis_retention_paused 1\n"));
    server.anonymous.get("/health/ready").await.expect(200);
    assert!(command(&["status"]).contains("after 24 hours"));
    assert_eq!(left().await, 11);
    assert!(command(&["confirm"]).starts_with("Old rows are deleted, by "));
    assert!(server.metrics().await.contains("portcullis_retention_paused 0\n"));
    drop(server);
    let _server = ServerProcess::start(home.path(), &settings);
    wait_until("the old sessions are deleted", async || left().await == 1).await;
    let events = "SELECT action AS kind, detail AS id FROM activity WHERE actor_id IS NULL";
    assert_eq!(database.rows(events).await[0].0, "clock-confirmed");
}

/// The first start of this version on a database in use: its clock may be wrong just then.
#[apply(on_both_databases)]
async fn first_clock_mark_of_a_used_database_is_its_newest_row(backend: Backend) {
    let server = backend.start().await;
    server.sign_up("ada").await;
    let up = match backend {
        Backend::Sqlite => {
            include_str!("../../../../migrations/sqlite/2026-11-28-000015_retention/up.sql")
        }
        Backend::Postgres => {
            include_str!("../../../../migrations/postgres/2026-11-28-000015_retention/up.sql")
        }
    };
    let (_, first) = up.split_once("INSERT INTO retention_clock").unwrap();
    let (first, _) = first.split_once(';').unwrap();
    // A later migration renamed the table.
    let first = first.replace("audit_events", "activity");
    let newest = moment(backend, server.now() - days(40));
    for sql in [
        format!("UPDATE users SET created_at = {newest}"),
        format!("UPDATE sessions SET last_seen_at = {newest}"),
        "DELETE FROM activity".to_owned(),
        "DELETE FROM retention_clock".to_owned(),
        format!("INSERT INTO retention_clock{first}"),
    ] {
        execute(&server, &sql).await;
    }
    let status = clock::status(&server.state.store, &server.clock).await.unwrap();
    assert!(status.mark < server.now() - days(39));
    assert!(is_ahead(status.standing));
}
