//! Sends requests with a user's credentials at every instance, again and again, while the user is deactivated.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::support::*;

/// How long requests are sent before the deactivation, and after its response.
const BEFORE: Duration = Duration::from_millis(30);
const AFTER: Duration = Duration::from_millis(150);

/// A response, and when its request was sent.
struct Sent {
    at: Instant,
    status: u16,
}

/// How often requests were authenticated.
#[derive(Default, Debug)]
pub struct Seen {
    /// Requests sent after the response to the deactivation.
    pub sent_after: usize,
    pub accepted_after: usize,
    pub accepted_before: usize,
}

impl std::ops::AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        self.sent_after += other.sent_after;
        self.accepted_after += other.accepted_after;
        self.accepted_before += other.accepted_before;
    }
}

/// Sends requests with both credentials to each instance until the deactivation has its response, and for a
/// moment more. An instance whose database is cut off answers 503: neither accepted nor rejected.
pub async fn watch(callers: Vec<Caller>, deactivation: impl Future<Output = ()>) -> Seen {
    let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
    let asking: Vec<_> = callers
        .into_iter()
        .map(|caller| tokio::spawn(ask(caller, stop.clone(), answers.clone())))
        .collect();
    tokio::time::sleep(BEFORE).await;
    deactivation.await;
    let answered = Instant::now();
    tokio::time::sleep(AFTER).await;
    stop.store(true, Ordering::Relaxed);
    for asking in asking {
        asking.await.unwrap();
    }
    let mut seen = Seen::default();
    for Sent { at, status } in answers.lock().unwrap().iter() {
        assert!([200, 401, 503].contains(status), "{status}");
        let late = *at > answered;
        seen.sent_after += usize::from(late);
        seen.accepted_after += usize::from(late && *status == 200);
        seen.accepted_before += usize::from(!late && *status == 200);
    }
    seen
}

async fn ask(caller: Caller, stop: Arc<AtomicBool>, answers: Arc<Mutex<Vec<Sent>>>) {
    while !stop.load(Ordering::Relaxed) {
        let at = Instant::now();
        let status = caller.get("/api/me").await.status.as_u16();
        answers.lock().unwrap().push(Sent { at, status });
    }
}

/// Users who are never deactivated, and who keep an instance busy until this is dropped.
pub struct Bystanders(JoinSet<()>);

impl Bystanders {
    pub fn at(people: &[OutageProbe], anonymous: &Caller) -> Self {
        let mut tasks = JoinSet::new();
        for person in people {
            let here = person.at(anonymous);
            for caller in [here.browser, here.script] {
                tasks.spawn(async move {
                    loop {
                        let status = caller.get("/api/me").await.status;
                        assert!([200, 503].contains(&status.as_u16()), "{status}");
                    }
                });
            }
        }
        Self(tasks)
    }

    /// Stops the requests. A user whose response was not the expected one has stopped already, which fails
    /// here.
    pub async fn rest(mut self) {
        assert!(self.0.try_join_next().is_none(), "a bystander's request was rejected");
        self.0.shutdown().await;
    }
}
