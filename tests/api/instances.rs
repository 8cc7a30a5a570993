//! Several instances on one PostgreSQL: whoever is locked out at one is anonymous at all.
//!
//! The long form: `LOCK_OUT_ROUNDS=1000 cargo test --test api instances -- --nocapture`

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::support::*;

const INSTANCES: usize = 3;

/// How many rounds the short form has.
const ROUNDS: usize = 6;

/// How long is looked after the answer.
const AFTER: Duration = Duration::from_millis(60);

/// What somebody's key was answered, and when it was sent.
struct Sent {
    at: Instant,
    status: u16,
}

/// Asks again and again, at one instance with one key.
async fn ask(caller: Caller, stop: Arc<AtomicBool>, answers: Arc<Mutex<Vec<Sent>>>) {
    while !stop.load(Ordering::Relaxed) {
        let at = Instant::now();
        let status = caller.get("/api/me").await.status.as_u16();
        answers.lock().unwrap().push(Sent { at, status });
    }
}

/// An instance that stands still for a while, with requests on their way through it.
async fn stop_for_a_moment(instance: &Running) {
    instance.signal("STOP");
    tokio::time::sleep(Duration::from_millis(20)).await;
    instance.signal("CONT");
}

#[tokio::test]
async fn whoever_is_locked_out_at_one_is_anonymous_at_all() {
    let home = TempDir::new().unwrap();
    let url = Backend::Postgres.database(home.path()).await;
    let secret = portcullis::secrets::SigningKey::generate().reveal();
    let settings = [("DATABASE_URL", url.as_str()), ("PORTCULLIS_SECRET", secret.as_str())];
    let instances: Vec<_> =
        (0..INSTANCES).map(|_| Running::start(home.path(), &settings)).collect();
    let first = &instances[0].nobody;
    let new = ["user", "create", "--admin", "--name", "Admin", "--email", "admin@example.com"];
    succeeds(run(home.path(), &settings, &new, PASSWORD));
    let credentials = json!({ "email": "admin@example.com", "password": PASSWORD });
    let reply = first.post("/api/auth/sign-in/email", credentials).await;
    let admin = reply.cookie().unwrap();
    let ada = Witness::sign_up(first).await;
    let id = ada.browser.get("/api/me").await.expect(200)["user"]["id"].clone();
    let path = format!("/api/admin/users/{}", id.as_str().unwrap());

    let (mut asked, mut let_in) = (0, 0);
    for round in 0..as_many_as("LOCK_OUT_ROUNDS").unwrap_or(ROUNDS) {
        let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let mut asking = Vec::new();
        for instance in &instances {
            let ada = ada.at(&instance.nobody);
            for caller in [ada.browser, ada.script] {
                asking.push(tokio::spawn(ask(caller, stop.clone(), answers.clone())));
            }
        }
        let still = &instances[(round + 1) % INSTANCES];
        tokio::time::sleep(Duration::from_millis(30)).await;
        let admin = instances[round % INSTANCES].nobody.with_cookie(&admin);
        let deactivate = format!("{path}/deactivate");
        let (reply, ()) =
            tokio::join!(admin.post(&deactivate, json!({})), stop_for_a_moment(still));
        let answered = Instant::now();
        reply.expect(200);
        tokio::time::sleep(AFTER).await;
        stop.store(true, Ordering::Relaxed);
        for asking in asking {
            asking.await.unwrap();
        }
        for Sent { at, status } in answers.lock().unwrap().iter() {
            assert!([200, 401].contains(status), "{status}");
            asked += usize::from(*at > answered);
            let_in += usize::from(*status == 200);
            assert!(*at <= answered || *status == 401, "let in after the answer, in round {round}");
        }
        admin.post(&format!("{path}/reactivate"), json!({})).await.expect(200);
    }
    assert!(asked > 0 && let_in > 0, "{asked} asked after an answer, {let_in} let in before");
    println!("asked after the answer: {asked}, let in: 0; let in before: {let_in}");
}
