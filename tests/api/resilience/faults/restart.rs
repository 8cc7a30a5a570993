//! PostgreSQL is restarted under load.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tempfile::TempDir;

use crate::support::*;

/// The responses that one caller got.
#[derive(Default)]
struct Responses {
    projects: Vec<String>,
    unavailable: usize,
}

#[rstest]
#[case::in_order("INT")]
#[case::by_a_crash("QUIT")]
#[tokio::test]
async fn postgresql_restart_under_load_signs_out_no_user_and_loses_no_write(#[case] signal: &str) {
    let mut cluster = Restartable::start().await;
    let folder = TempDir::new().unwrap();
    let server = Server::on(cluster.url(), folder, &["--database-timeout", "1"]).await;
    let ada = server.sign_up("ada").await;
    let probe = OutageProbe::of(&ada, &server.anonymous).await;
    let stop = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = [&probe.browser, &probe.script]
        .into_iter()
        .cycle()
        .take(8)
        .map(|caller| tokio::spawn(call(caller.clone(), stop.clone())))
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    cluster.restart(signal);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    probe.assert_recovered().await;
    stop.store(true, Ordering::Relaxed);
    let (mut acknowledged, mut unavailable) = (Vec::new(), 0);
    for caller in load {
        let responses = caller.await.unwrap();
        acknowledged.extend(responses.projects);
        unavailable += responses.unavailable;
    }
    assert!(unavailable > 0, "the outage was noticed");
    assert!(!acknowledged.is_empty());
    for id in acknowledged {
        probe.script.get(&format!("/api/projects/{id}")).await.expect(200);
    }
}

async fn call(caller: Caller, stop: Arc<AtomicBool>) -> Responses {
    let mut responses = Responses::default();
    while !stop.load(Ordering::Relaxed) {
        for reply in [
            within_timeout(caller.get("/api/me")).await,
            within_timeout(caller.post("/api/projects", json!({ "name": "x" }))).await,
        ] {
            assert_eq!(reply.header("set-cookie"), None);
            match reply.status.as_u16() {
                200 => {}
                201 => responses.projects.push(reply.json()["id"].as_str().unwrap().to_owned()),
                503 => {
                    assert!(reply.header("retry-after").is_some());
                    responses.unavailable += 1;
                }
                other => panic!("{other}: {}", reply.text),
            }
        }
    }
    responses
}
