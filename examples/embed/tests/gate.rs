//! Tests over HTTP, against the application on SQLite.

use std::net::TcpListener;

use actix_web::{HttpResponse, HttpServer, web};
use portcullis::{
    app::Embedded,
    gate::Session,
    state::State,
    store::{
        activity::{Action, Event},
        user_administration,
    },
    testkit::{Caller, Document, PASSWORD, Value, config, json},
    time::Clock,
};
use tempfile::TempDir;

async fn forgotten(session: Option<Session>) -> HttpResponse {
    HttpResponse::Ok().json(session.is_some())
}

async fn forgotten_and_required(_: Session) -> HttpResponse {
    HttpResponse::Ok().finish()
}

/// Runs a test against the application, with two routes on which the gate is forgotten.
async fn run(test: impl AsyncFnOnce(&Caller, &State)) {
    let (folder, product) = (TempDir::new().unwrap(), shop::product());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let database = format!("sqlite:{}", folder.path().join("shop.db").display());
    let config = config(&product, &database, folder.path(), &["--public-url", &url]);
    let portcullis = Embedded::start_with(&product, config, Clock::System).await.unwrap();
    let gate = portcullis.gate();
    let state = gate.state().clone();
    let app = move || {
        gate.app()
            .configure(|config| shop::routes(config, &gate))
            .route("/forgotten", web::get().to(forgotten))
            .route("/forgotten-and-required", web::get().to(forgotten_and_required))
    };
    let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run();
    let handle = server.handle();
    let work = async {
        test(&Caller::new(&url, &Document::of(&product)), &state).await;
        handle.stop(true).await;
    };
    let (result, ()) = tokio::join!(portcullis.run(server), work);
    result.unwrap();
}

/// Signs a user up, and returns their id and their browser.
async fn sign_up(anonymous: &Caller, name: &str) -> (String, Caller) {
    let email = format!("{name}@example.com");
    let body = json!({ "name": name, "email": email, "password": PASSWORD });
    let reply = anonymous.post("/api/auth/sign-up/email", body).await;
    let browser = anonymous.with_cookie(&reply.cookie().unwrap());
    (reply.expect(200)["user"]["id"].as_str().unwrap().to_owned(), browser)
}

/// Deactivates a user, as an admin does.
async fn deactivate(state: &State, id: String) {
    let now = state.clock.now();
    let event = Event::new(None, Action::UserDeactivated, &id, &json!({}), now);
    let done = user_administration::deactivate(&state.store, id, false, now, event).await;
    done.unwrap().unwrap();
}

async fn create_token(browser: &Caller, scopes: &[&str]) -> Caller {
    let created = browser.post("/api/tokens", json!({ "name": "till", "scopes": scopes })).await;
    browser.with_token(created.expect(201)["token"].as_str().unwrap())
}

#[tokio::test]
async fn anonymous_caller_is_served_where_a_session_is_optional_and_rejected_where_it_is_required()
{
    run(async |anonymous, _| {
        assert_eq!(anonymous.get("/").await.text, "Bread, cheese and wine");
        assert_eq!(anonymous.get("/greeting").await.text, "Good morning");
        anonymous.get("/orders").await.assert_problem(401, "UNAUTHORIZED");
        let led = anonymous.navigate("/orders").await;
        assert_eq!(
            (led.status.as_u16(), led.header("location")),
            (302, Some("/login?next=%2Forders"))
        );
    })
    .await;
}

#[tokio::test]
async fn user_is_known_by_cookie_and_by_token_until_deactivated() {
    run(async |anonymous, state| {
        let (id, browser) = sign_up(anonymous, "ada").await;
        let token = create_token(&browser, &["read"]).await;
        let bread = json!({ "article": "bread", "pieces": 2 });
        assert_eq!(browser.post("/orders", bread.clone()).await.status, 201);
        token.post("/orders", bread.clone()).await.assert_problem(403, "insufficient_scope");
        for caller in [&browser, &token] {
            assert_eq!(caller.get("/greeting").await.text, "Good morning, ada");
            assert_eq!(caller.get("/orders").await.expect(200), json!([bread]));
        }
        let (_, other) = sign_up(anonymous, "grace").await;
        assert_eq!(other.get("/orders").await.expect(200), Value::Array(Vec::new()));
        deactivate(state, id).await;
        for caller in [&browser, &token] {
            assert_eq!(caller.get("/greeting").await.text, "Good morning");
            assert_eq!(caller.get("/orders").await.status, 401);
        }
        assert_eq!(other.get("/orders").await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn route_without_the_gate_that_needs_a_session_is_an_internal_error() {
    run(async |anonymous, _| {
        let (_, browser) = sign_up(anonymous, "ada").await;
        let token = create_token(&browser, &["read"]).await;
        for caller in [anonymous, &browser, &token] {
            for path in ["/forgotten", "/forgotten-and-required"] {
                caller.get(path).await.assert_problem(500, "internal_error");
            }
        }
    })
    .await;
}
