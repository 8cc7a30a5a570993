//! Rolling restarts: servers are replaced one by one, behind a load balancer that checks their readiness.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Method, RequestBuilder};
use tempfile::TempDir;

use crate::support::*;

/// How long the load continues between two replacements.
const BETWEEN: Duration = Duration::from_secs(1);

/// How long servers are replaced; each is replaced at least once.
fn long() -> Duration {
    count_from_env("DRAIN_SECONDS").map_or(Duration::ZERO, Duration::from_secs)
}

/// A slot for a server, and whether the one in it has reported that it is ready.
struct Slot {
    server: Mutex<Caller>,
    ready: AtomicBool,
}

/// A load balancer that sends requests to ready servers.
struct Balancer {
    slots: Vec<Slot>,
    stop: AtomicBool,
    turn: AtomicUsize,
}

impl Balancer {
    fn of(servers: &[ServerProcess]) -> Arc<Self> {
        let slot = |server: &ServerProcess| Slot {
            server: Mutex::new(server.anonymous.clone()),
            ready: AtomicBool::new(true),
        };
        let slots = servers.iter().map(slot).collect();
        let balancer = Self { slots, stop: AtomicBool::new(false), turn: AtomicUsize::new(0) };
        let balancer = Arc::new(balancer);
        tokio::spawn(balancer.clone().probe());
        balancer
    }

    async fn probe(self: Arc<Self>) {
        while !self.is_over() {
            for slot in &self.slots {
                let probe = slot.server.lock().unwrap().bare(Method::GET, "/health/ready");
                let ready = probe.send().await.is_ok_and(|reply| reply.status() == 200);
                slot.ready.store(ready, Ordering::SeqCst);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn pick(&self) -> Caller {
        loop {
            for _ in &self.slots {
                let turn = self.turn.fetch_add(1, Ordering::SeqCst) % self.slots.len();
                let slot = &self.slots[turn];
                if slot.ready.load(Ordering::SeqCst) {
                    return slot.server.lock().unwrap().clone();
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn replace(&self, at: usize, server: &ServerProcess) {
        *self.slots[at].server.lock().unwrap() = server.anonymous.clone();
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

/// The responses that clients got through the balancer.
#[derive(Default)]
struct Responses {
    answered: usize,
    broken: Vec<String>,
    tokens: Vec<String>,
    signed_up: Vec<String>,
}

impl Responses {
    async fn ask(&mut self, request: RequestBuilder) -> Option<Reply> {
        let reply = async {
            let response = request.send().await?;
            let (status, headers) = (response.status(), response.headers().clone());
            Ok::<_, reqwest::Error>(Reply { status, headers, text: response.text().await? })
        };
        match within_timeout(reply).await {
            Ok(reply) if reply.status.is_success() => {
                self.answered += 1;
                return Some(reply);
            }
            Ok(reply) => self.broken.push(format!("{}: {}", reply.status, reply.text)),
            Err(error) => self.broken.push(format!("{error:?}")),
        }
        None
    }
}

async fn call(balancer: Arc<Balancer>, outage_probe: Arc<OutageProbe>) -> Responses {
    let mut responses = Responses::default();
    let token = json!({ "name": "x" });
    while !balancer.is_over() {
        let outage_probe = outage_probe.at(&balancer.pick().await);
        responses.ask(outage_probe.script.request(Method::GET, "/api/me")).await;
        let outage_probe = outage_probe.at(&balancer.pick().await);
        let create = outage_probe.browser.request(Method::POST, TOKENS).json(&token);
        if let Some(reply) = responses.ask(create).await {
            responses.tokens.push(reply.json()["id"].as_str().unwrap().to_owned());
        }
    }
    responses
}

async fn sign_up(balancer: Arc<Balancer>) -> Responses {
    let mut responses = Responses::default();
    while !balancer.is_over() {
        let email = format!("u{}@example.com", responses.signed_up.len());
        let body = json!({ "name": "Somebody", "email": email, "password": PASSWORD });
        let server = balancer.pick().await;
        let sign_up = server.request(Method::POST, "/api/auth/sign-up/email").json(&body);
        if responses.ask(sign_up).await.is_some() {
            responses.signed_up.push(email);
        }
    }
    responses
}

#[apply(on_both_databases)]
async fn rolling_restart_under_load_breaks_no_request(backend: Backend) {
    let homes: Vec<TempDir> = match backend {
        // A SQLite file belongs to one server.
        Backend::Sqlite => vec![TempDir::new().unwrap()],
        Backend::Postgres => vec![TempDir::new().unwrap(), TempDir::new().unwrap()],
    };
    let url = backend.database(homes[0].path()).await;
    let secret = portcullis::secrets::SigningKey::generate().reveal();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("PORTCULLIS_SECRET", secret.as_str()),
        ("PORTCULLIS_DRAIN_DELAY", "1"),
    ];
    let start = |home: &TempDir| ServerProcess::start(home.path(), &settings);
    let mut servers: Vec<ServerProcess> = homes.iter().map(start).collect();
    let outage_probe = Arc::new(OutageProbe::sign_up(&servers[0].anonymous).await);
    let balancer = Balancer::of(&servers);
    let mut load: Vec<_> =
        (0..4).map(|_| tokio::spawn(call(balancer.clone(), outage_probe.clone()))).collect();
    load.push(tokio::spawn(sign_up(balancer.clone())));
    let (begun, mut replaced) = (Instant::now(), 0);
    while replaced < servers.len() || begun.elapsed() < long() {
        let at = replaced % servers.len();
        tokio::time::sleep(BETWEEN).await;
        // The first use of a credential, noted by the server that is about to stop.
        let last = servers[at].anonymous.with_cookie(outage_probe.browser.cookie.as_ref().unwrap());
        let created = last.post("/api/tokens", json!({ "name": "last" })).await.expect(201);
        let script = last.with_token(created["token"].as_str().unwrap());
        script.get("/api/me").await.expect(200);
        servers[at].signal("TERM");
        let ended = async {
            loop {
                if let Some(status) = servers[at].child.try_wait().unwrap() {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(within_timeout(ended).await.success());
        servers[at] = start(&homes[at]);
        balancer.replace(at, &servers[at]);
        let used = outage_probe.at(&servers[at].anonymous).browser;
        let used = used.get(&format!("/api/tokens/{}", created["id"].as_str().unwrap())).await;
        assert!(used.expect(200)["lastUsedAt"].is_string(), "its last use was written");
        replaced += 1;
    }
    tokio::time::sleep(BETWEEN).await;
    balancer.stop.store(true, Ordering::SeqCst);
    let mut all = Responses::default();
    for caller in load {
        let responses = caller.await.unwrap();
        all.answered += responses.answered;
        all.broken.extend(responses.broken);
        all.tokens.extend(responses.tokens);
        all.signed_up.extend(responses.signed_up);
    }
    assert_eq!(all.broken, Vec::<String>::new());
    assert!(!all.signed_up.is_empty());
    let outage_probe = outage_probe.at(&servers[0].anonymous);
    for id in &all.tokens {
        outage_probe.script.get(&format!("{TOKENS}/{id}")).await.expect(200);
    }
    within_timeout(each_is_written_to_once(&homes, &all.signed_up)).await;
    println!("{backend:?}: {replaced} servers replaced, {} answers, none broken", all.answered);
}

/// Asserts that jobs which a server left behind are done by the next one, and that no job is done twice.
async fn each_is_written_to_once(homes: &[TempDir], emails: &[String]) {
    loop {
        let mut mails = BTreeMap::<String, usize>::new();
        for home in homes {
            let mut letters = letters(&home.path().join("data/outbox"));
            // One user creates many tokens.
            letters.retain(|mail| mail.subject != NEW_TOKEN);
            for mail in letters {
                *mails.entry(mail.to).or_default() += 1;
            }
        }
        assert!(mails.values().all(|count| *count == 1), "an email got two mails: {mails:?}");
        if emails.iter().all(|email| mails.contains_key(email)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn letters(outbox: &Path) -> Vec<Email> {
    let files = fs::read_dir(outbox).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|file| file.extension().is_some_and(|extension| extension == "eml"))
        .map(|file| Email::parse(&fs::read(file).unwrap()))
        .collect()
}
