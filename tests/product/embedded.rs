//! The gate in an application that has a server, a root and routes of its own.

use std::{
    env, io,
    net::TcpListener,
    process::Command,
    sync::{Mutex, Once, PoisonError},
};

use actix_web::{
    HttpResponse, HttpServer, Responder,
    web::{self, Json, Path, Query},
};
use portcullis::{
    app::Embedded,
    cli::log,
    config::LogFormat,
    gate::{Session, SiteAdmin},
    time::Clock,
};
use reqwest::{Response, StatusCode, header, redirect::Policy};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{bells, client, config_with, get, post, product, sign_up};

static LOGGED: Mutex<String> = Mutex::new(String::new());

/// Collects the errors that all tests of this program log.
struct Lines;

impl io::Write for Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let mut logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
        logged.push_str(&String::from_utf8_lossy(text));
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn has_logged(text: &str) -> bool {
    LOGGED.lock().unwrap_or_else(PoisonError::into_inner).contains(text)
}

async fn show_window() -> impl Responder {
    "the window"
}

async fn greet(session: Option<Session>) -> impl Responder {
    session.map_or("stranger".to_owned(), |session| session.user.name.clone())
}

async fn show_orders(session: Session) -> impl Responder {
    session.user.name.clone()
}

#[derive(serde::Deserialize)]
struct Order {
    amount: u32,
}

async fn order(_: Session, order: Json<Order>) -> impl Responder {
    HttpResponse::Created().body(order.amount.to_string())
}

async fn show_order(_: Session, id: Path<u32>, order: Query<Order>) -> impl Responder {
    format!("{id} {}", order.amount)
}

async fn remove_order(_: SiteAdmin, id: Path<u32>) -> impl Responder {
    id.to_string()
}

/// Runs a test against an application around the gate, at this URL.
async fn run(folder: &TempDir, test: impl AsyncFnOnce(&str)) {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| log::begin("error", LogFormat::Human, false, || Lines).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let config = config_with(folder.path(), &["--town", "Bruges", "--public-url", &url]);
    Box::pin(async {
        let embedded = Embedded::start_with(&product(), config, Clock::System).await.unwrap();
        let gate = embedded.gate();
        let app = move || {
            gate.app()
                .route("/", web::get().to(show_window))
                .route("/ungated/greeting", web::get().to(greet))
                .route("/ungated/orders", web::get().to(show_orders))
                .service(gate.resource("/greeting").get(greet))
                .service(gate.resource("/orders").get(show_orders).post(order))
                .service(gate.resource("/orders/{id}").get(show_order).delete(remove_order))
        };
        let server = HttpServer::new(app).workers(1).disable_signals();
        let server = server.listen(listener).unwrap().run();
        let handle = server.handle();
        let work = async {
            test(&url).await;
            handle.stop(true).await;
        };
        let (result, ()) = tokio::join!(embedded.run(server), work);
        result.unwrap();
    })
    .await;
}

async fn get_with(url: &str, name: header::HeaderName, value: &str) -> Response {
    client(Policy::none()).get(url).header(name, value).send().await.unwrap()
}

/// Creates a token that may only read, and returns it as a header.
async fn create_token(url: &str, cookie: &str) -> String {
    let body = json!({ "name": "till", "scopes": ["read"] });
    let created: Value = post(url, "/api/tokens", cookie, &body).await.json().await.unwrap();
    format!("Bearer {}", created["token"].as_str().unwrap())
}

async fn text(response: Response) -> (StatusCode, String) {
    (response.status(), response.text().await.unwrap())
}

#[tokio::test]
async fn handlers_of_an_embedding_application_have_the_caller_that_the_gate_resolves() {
    let folder = TempDir::new().unwrap();
    run(&folder, async |url| {
        let (greeting, orders) = (format!("{url}/greeting"), format!("{url}/orders"));
        assert_eq!(text(get(&greeting).await).await, (StatusCode::OK, "stranger".to_owned()));
        let refused: Value = get(&orders).await.json().await.unwrap();
        assert_eq!((&refused["status"], &refused["code"]), (&json!(401), &json!("UNAUTHORIZED")));
        let led = get_with(&orders, header::ACCEPT, "text/html").await;
        assert_eq!(led.status(), 302);
        assert_eq!(led.headers()[header::LOCATION], "/login?next=%2Forders");

        let (_, cookie) = sign_up(url, "ada").await;
        let ada = (StatusCode::OK, "ada".to_owned());
        for page in [&greeting, &orders] {
            assert_eq!(text(get_with(page, header::COOKIE, &cookie).await).await, ada);
        }
        let token = create_token(url, &cookie).await;
        assert_eq!(text(get_with(&orders, header::AUTHORIZATION, &token).await).await, ada);

        let ordered = post(url, "/orders", &cookie, &json!({ "amount": 3 })).await;
        assert_eq!(text(ordered).await, (StatusCode::CREATED, "3".to_owned()));
        // The methods, the scope of the token, the origin and the role are checked as for an operation.
        let request = client(Policy::none()).post(&orders);
        let unwritable =
            request.header(header::AUTHORIZATION, &token).json(&json!({ "amount": 3 }));
        assert_eq!(unwritable.send().await.unwrap().status(), 403);
        let foreign = client(Policy::none()).post(&orders).header(header::COOKIE, &cookie);
        let foreign = foreign.header(header::ORIGIN, "https://example.com");
        assert_eq!(foreign.json(&json!({ "amount": 3 })).send().await.unwrap().status(), 403);
        let unknown = client(Policy::none()).put(&orders).send().await.unwrap();
        assert_eq!(unknown.status(), 405);
        assert_eq!(unknown.headers()[header::ALLOW], "HEAD, GET, POST");
        let shown = get_with(&format!("{orders}/7?amount=2"), header::COOKIE, &cookie).await;
        assert_eq!(text(shown).await, (StatusCode::OK, "7 2".to_owned()));
        let removed = client(Policy::none()).delete(format!("{orders}/7"));
        let removed = removed.header(header::COOKIE, &cookie).header(header::ORIGIN, url);
        assert_eq!(removed.send().await.unwrap().status(), 403);
    })
    .await;
}

#[tokio::test]
async fn handler_of_an_embedding_application_without_the_gate_is_an_internal_error_and_logged() {
    let folder = TempDir::new().unwrap();
    run(&folder, async |url| {
        let (_, cookie) = sign_up(url, "ada").await;
        for path in ["/ungated/greeting", "/ungated/orders"] {
            for cookie in ["", cookie.as_str()] {
                let response = get_with(&format!("{url}{path}"), header::COOKIE, cookie).await;
                assert_eq!(response.status(), 500, "{path} {cookie}");
                let problem: Value = response.json().await.unwrap();
                assert_eq!(problem["code"], "internal_error");
            }
        }
        assert!(has_logged("a handler requested a session on a route without the gate"));
    })
    .await;
}

#[tokio::test]
async fn embedding_application_has_its_own_root_and_what_the_product_serves() {
    let folder = TempDir::new().unwrap();
    run(&folder, async |url| {
        assert_eq!(get(url).await.text().await.unwrap(), "the window");
        for path in ["/login", "/docs/", "/openapi.json", "/health/ready"] {
            assert_eq!(get(&format!("{url}{path}")).await.status(), 200, "{path}");
        }
        let missing = get(&format!("{url}/missing")).await;
        assert_eq!(missing.status(), 404);
        assert_eq!(missing.json::<Value>().await.unwrap()["code"], "not_found");
        let document = get(&format!("{url}/openapi.json")).await.text().await.unwrap();
        assert!(document.contains("/api/bells") && !document.contains("/orders"));
    })
    .await;
}

#[tokio::test]
async fn embedding_application_runs_jobs_and_writes_what_is_buffered_when_it_stops() {
    let folder = TempDir::new().unwrap();
    let mut browser = String::new();
    run(&folder, async |url| {
        let (id, cookie) = sign_up(url, "grace").await;
        bells::wait_until_heard(&format!("Created {id}"), 1).await;
        let token = create_token(url, &cookie).await;
        let orders = get_with(&format!("{url}/orders"), header::AUTHORIZATION, &token).await;
        assert_eq!(orders.status(), 200);
        browser = cookie;
    })
    .await;
    run(&folder, async |url| {
        let tokens = get_with(&format!("{url}/api/tokens"), header::COOKIE, &browser).await;
        let tokens: Value = tokens.json().await.unwrap();
        assert!(tokens["items"][0]["lastUsedAt"].is_string(), "{tokens}");
    })
    .await;
}

#[tokio::test]
#[ignore = "the test below runs it, with an environment of its own"]
async fn start_from_the_environment() {
    Embedded::start(product()).await.map(drop).unwrap();
}

#[test]
fn embedding_application_checks_the_settings_in_the_environment_as_the_server_does() {
    let folder = TempDir::new().unwrap();
    let start = |more: &[(&str, &str)]| {
        let test = ["--exact", "embedded::start_from_the_environment", "--ignored", "--nocapture"];
        let mut program = Command::new(env::current_exe().unwrap());
        program.args(test).env_clear().env("BELFRY_TOWER_TOWN", "Bruges");
        program.env("BELFRY_TOWER_DATA_DIR", folder.path()).envs(more.iter().copied()).output()
    };
    for (variable, value, error) in [
        ("BELFRY_TOWER_SIGNUP", "open", "is not a setting: did you mean BELFRY_TOWER_SIGN_UP?"),
        ("BELFRY_TOWER_SIGN_UP", "ajar", "invalid value 'ajar' for '--sign-up <"),
        ("BELFRY_TOWER_SECRET", "short", "BELFRY_TOWER_SECRET: "),
        ("BELFRY_TOWER_LISTEN", ":80", "this application decides where it listens"),
        ("BELFRY_TOWER_PASSWORDS", "off", "needs BELFRY_TOWER_SMTP_URL"),
    ] {
        let refused = start(&[(variable, value)]).unwrap();
        assert!(!refused.status.success(), "{variable}");
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        let line = text.lines().find(|line| line.contains(variable));
        assert!(line.is_some_and(|line| line.contains(error)), "{variable}: {text}");
    }
    // Hosting platforms set the port, for the application.
    let started = start(&[("PORT", "80"), ("BELFRY_TOWER_NO_MIGRATE", "0")]).unwrap();
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    assert!(folder.path().join("belfry-tower.db").exists());
}
