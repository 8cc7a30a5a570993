//! Hundreds of concurrent sign-ins: a few passwords are hashed, some wait, and the rest get 503 (backpressure).

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::support::*;

const AT_ONCE: usize = 2;
const WAITING: usize = AT_ONCE * 32;
const SIGN_INS: usize = 200;
/// The memory of one hash, in KiB.
const HASH: usize = 19 * 1024;
/// More than the memory of 200 connections and their requests, in KiB.
const REST: usize = 48 * 1024;

/// Returns the peak memory of a process, in KiB.
fn peak(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn concurrent_sign_ins_over_the_hashing_capacity_are_unavailable() {
    let home = TempDir::new().unwrap();
    let settings = [("PORTCULLIS_HASH_CONCURRENCY", "2")];
    let server = ServerProcess::start(home.path(), &settings);
    let ada = OutageProbe::sign_up(&server.anonymous).await;
    let before = peak(server.child.id());
    let sign_ins = AtomicUsize::new(SIGN_INS);
    let sign_in = async || {
        let body = json!({ "email": ada.email, "password": "not the password" });
        let reply = server.anonymous.post("/api/auth/sign-in/email", body).await;
        sign_ins.fetch_sub(1, Ordering::Relaxed);
        reply
    };
    let other_requests = async {
        let mut served = 0;
        while sign_ins.load(Ordering::Relaxed) > 0 {
            server.anonymous.get("/health/live").await.expect(200);
            ada.browser.get("/api/me").await.expect(200);
            served += 1;
        }
        served
    };
    let (replies, served) =
        tokio::join!(join_all((0..SIGN_INS).map(|_| sign_in())), other_requests);
    let growth = peak(server.child.id()) - before;
    assert!(growth < AT_ONCE * HASH + REST, "{growth} KiB more");
    assert!(served > 10, "too few other requests were served meanwhile: {served}");

    let mut wrong = 0;
    for reply in replies {
        if reply.status == 503 {
            assert!(reply.header("retry-after").is_some());
            assert_eq!(reply.header("set-cookie"), None);
            reply.assert_problem(503, "busy");
        } else {
            reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
            wrong += 1;
        }
    }
    assert!((AT_ONCE..SIGN_INS).contains(&wrong), "{wrong} of {SIGN_INS} passwords were checked");
    println!("{wrong} hashed, {} put off, {growth} KiB, {served} others", SIGN_INS - wrong);
    assert!(wrong >= WAITING, "a place in the queue was left empty");
}

#[apply(on_both_databases)]
async fn sign_in_rejected_as_busy_does_not_count_as_failed(backend: Backend) {
    let settings = ["--max-failed-logins", "30"];
    let server = backend.start_with_slow_hashing(&settings).await;
    let ada = server.sign_up("ada").await;
    let body = json!({ "email": ada.email, "password": "not the password" });
    let sign_in = || server.anonymous.post("/api/auth/sign-in/email", body.clone());
    // A task whose hash is done sends another at once, and one that was refused soon: a slot is rarely free.
    let others: Vec<_> = (0..2 * WAITING)
        .map(|_| {
            let state = server.state.clone();
            tokio::spawn(async move {
                loop {
                    if state.hashing.hash(new_password("whatever else")).await.is_err() {
                        sleep(Duration::from_millis(1)).await;
                    }
                }
            })
        })
        .collect();
    let (mut checked, mut rejected) = (0, 0);
    // More than the failed sign-ins that are allowed.
    while rejected < 40 {
        match sign_in().await {
            reply if reply.status == 503 => rejected += 1,
            reply => {
                reply.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
                checked += 1;
            }
        }
    }
    for other in others {
        other.abort();
        let _ = other.await;
    }
    while server.state.hashing.waiting() > 0 {
        sleep(Duration::from_millis(1)).await;
    }
    for _ in checked..30 {
        sign_in().await.assert_problem(401, "INVALID_EMAIL_OR_PASSWORD");
    }
    assert_eq!(sign_in().await.status, 429);
}
