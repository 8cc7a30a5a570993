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
    created: Vec<String>,
    revoked: Vec<String>,
    unavailable: usize,
}

#[rstest]
#[case::in_order("INT")]
#[case::by_a_crash("QUIT")]
#[tokio::test]
async fn postgresql_restart_under_load_signs_out_no_user_and_loses_no_write(#[case] signal: &str) {
    let mut cluster = PostgresServer::start().await;
    let folder = TempDir::new().unwrap();
    let server = Server::on(cluster.url(), folder, &["--database-timeout", "1"]).await;
    let ada = server.sign_up("ada").await;
    let probe = OutageProbe::of(&ada, &server.anonymous).await;
    let stop = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = [&probe.browser, &probe.script]
        .into_iter()
        .cycle()
        .take(8)
        .map(|caller| tokio::spawn(call(caller.clone(), probe.browser.clone(), stop.clone())))
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    cluster.restart(signal);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    probe.assert_recovered().await;
    stop.store(true, Ordering::Relaxed);
    let (mut created, mut revoked, mut unavailable) = (Vec::new(), Vec::new(), 0);
    for caller in load {
        let responses = caller.await.unwrap();
        created.extend(responses.created);
        revoked.extend(responses.revoked);
        unavailable += responses.unavailable;
    }
    assert!(unavailable > 0, "the outage was noticed");
    assert!(!created.is_empty() && !revoked.is_empty());
    for id in created {
        probe.script.get(&format!("{TOKENS}/{id}")).await.expect(200);
    }
    for id in revoked {
        let token = probe.script.get(&format!("{TOKENS}/{id}")).await.expect(200);
        assert_eq!(token["state"], "revoked");
    }
}

/// Reads as the caller, creates a token by cookie, and revokes it with the token itself.
async fn call(caller: Caller, browser: Caller, stop: Arc<AtomicBool>) -> Responses {
    let mut responses = Responses::default();
    while !stop.load(Ordering::Relaxed) {
        responses.succeeded(&within_timeout(caller.get("/api/me")).await, 200);
        let reply = within_timeout(browser.post(TOKENS, json!({ "name": "x" }))).await;
        if !responses.succeeded(&reply, 201) {
            continue;
        }
        let [id, token] =
            ["id", "token"].map(|field| reply.json()[field].as_str().unwrap().to_owned());
        responses.created.push(id.clone());
        let script = browser.with_token(&token);
        if responses.succeeded(&within_timeout(script.delete(CURRENT_TOKEN)).await, 204) {
            responses.revoked.push(id);
        }
    }
    responses
}

impl Responses {
    /// Whether a request succeeded with this status. Otherwise the store must have been unavailable.
    fn succeeded(&mut self, reply: &Reply, status: u16) -> bool {
        assert_eq!(reply.header("set-cookie"), None);
        if reply.status == status {
            return true;
        }
        assert_unavailable(reply);
        self.unavailable += 1;
        false
    }
}
