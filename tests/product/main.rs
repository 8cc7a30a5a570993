//! A product of its own: a name other than Portcullis, and a component with one of everything. A process has one name,
//! so these tests are a program of their own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(missing_docs, reason = "a test's name says what it shows")]

mod bells;
mod emails;
mod embedded;
mod http_requests;
mod limits;
mod pages;
mod scopes;
mod settings;

use std::path::Path;

use actix_web::http::StatusCode;
use clap::FromArgMatches;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use portcullis::{
    app::{Bound, Server, StartError},
    component::Component,
    config::Config,
    docs,
    error::{Code, CustomCode},
    openapi, operations,
    product::Product,
    secrets::HashCost,
    store::{Tables, UserEventKind},
    time::{Clock, days, seconds},
};
use reqwest::{Client, Response, header, redirect::Policy};
use serde_json::{Value, json};
use tempfile::TempDir;

fn product() -> Product {
    Product::new("Belfry Tower", "1.2.0")
        .about("Rings in the hours")
        .with(bells::component())
        .state(bells::build)
}

fn config(folder: &Path) -> Config {
    config_with(folder, &["--town", "Bruges"])
}

fn config_with(folder: &Path, settings: &[&str]) -> Config {
    let folder = folder.display().to_string();
    let arguments = ["belfry-tower", "--data-dir", &folder, "--listen", "127.0.0.1:0"];
    let metrics = ["--metrics-listen", "127.0.0.1:0", "--workers", "1"];
    let arguments = arguments.iter().chain(&metrics).chain(settings);
    let matches = product().command().get_matches_from(arguments);
    let mut config = Config::from_arg_matches(&matches).unwrap();
    config.accounts.hash_cost = HashCost::minimal();
    config
}

/// Runs a test against a server of the product: the URL of the API, and that of the metrics.
async fn run(folder: &Path, clock: Clock, test: impl AsyncFnOnce(&str, &str)) {
    run_with(config(folder), clock, test).await;
}

async fn run_with(config: Config, clock: Clock, test: impl AsyncFnOnce(&str, &str)) {
    Box::pin(async {
        let server = Server::start(&product(), config, clock, true).await.unwrap();
        let url = |address: &Bound| format!("http://127.0.0.1:{}", address.port().unwrap());
        let (api, metrics) = (url(&server.address), url(server.metrics_address.as_ref().unwrap()));
        let handle = server.handle();
        let work = async {
            test(&api, &metrics).await;
            handle.drain().await;
        };
        let (result, ()) = tokio::join!(server.run(), work);
        result.unwrap();
    })
    .await;
}

/// Signs a user up, and returns their id and cookie.
async fn sign_up(url: &str, name: &str) -> (String, String) {
    let body = json!({
        "name": name, "email": format!("{name}@example.com"), "password": "correct horse battery staple",
    });
    let response = post(url, "/api/auth/sign-up/email", "", &body).await;
    assert_eq!(response.status(), 200);
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let body: Value = response.json().await.unwrap();
    (body["user"]["id"].as_str().unwrap().to_owned(), cookie)
}

fn http() -> Client {
    client(Policy::default())
}

fn client(redirects: Policy) -> Client {
    portcullis::testkit::http_client().redirect(redirects).build().unwrap()
}

async fn get(url: &str) -> Response {
    http().get(url).send().await.unwrap()
}

async fn post(url: &str, path: &str, cookie: &str, body: &Value) -> Response {
    let request = http().post(format!("{url}{path}")).header(header::ORIGIN, url);
    let request = if cookie.is_empty() { request } else { request.header(header::COOKIE, cookie) };
    request.json(body).send().await.unwrap()
}

#[tokio::test]
async fn product_name_is_in_settings_cookies_files_metrics_and_documents() {
    let folder = TempDir::new().unwrap();
    run(folder.path(), Clock::System, async |url, metrics| {
        let (_, cookie) = sign_up(url, "ada").await;
        assert!(cookie.starts_with("belfry-tower="), "{cookie}");
        let page = get(&format!("{url}/login")).await.text().await.unwrap();
        assert!(page.contains("Belfry Tower") && !page.contains("Portcullis"), "{page}");
        let document: Value = get(&format!("{url}/openapi.json")).await.json().await.unwrap();
        assert_eq!(document["info"]["title"], "Belfry Tower");
        assert_eq!(document["info"]["version"], "1.2.0");
        let name = &document["components"]["securitySchemes"]["cookie"]["name"];
        assert_eq!(name, "belfry-tower");
        let exposed = get(&format!("{metrics}/metrics")).await.text().await.unwrap();
        assert!(exposed.contains("belfry_tower_build_info"), "{exposed}");
    })
    .await;
    assert!(folder.path().join("belfry-tower.db").exists());
}

#[test]
fn command_line_names_the_settings_and_commands_of_the_product() {
    product().check().unwrap();
    let mut command = product().command().term_width(0);
    let help = command.render_long_help().to_string();
    for text in
        ["BELFRY_TOWER_SECRET", "`belfry-tower secret`", "DATABASE_URL", "Rings in the hours"]
    {
        assert!(help.contains(text), "{text} is missing in {help}");
    }
    let documents = [help, docs::error_codes(&product()), docs::route_table(&product())];
    for text in documents {
        for line in text.lines() {
            assert!(!line.contains("PORTCULLIS_"), "{line}");
            assert!(!line.contains("portcullis "), "{line}");
        }
    }
    assert_eq!(command.render_version(), "belfry-tower 1.2.0\n");
}

#[test]
fn document_has_the_operations_and_codes_of_a_component() {
    let document: Value =
        serde_json::from_str(&openapi::text(&product(), "belfry-tower").unwrap()).unwrap();
    let operation = &document["paths"]["/api/bells"]["post"];
    assert_eq!(operation["operationId"], "hang_bell");
    // The access of its arguments, and its own code.
    assert_eq!(operation["security"][0], json!({ "cookie": [] }));
    assert!(operation["responses"]["409"].to_string().contains("too_loud"), "{operation}");
    let codes = document["components"]["schemas"]["ErrorCode"]["enum"].as_array().unwrap();
    assert!(codes.contains(&json!("too_loud")));
    assert!(docs::error_codes(&product()).contains("The neighbours are asleep."));
    assert!(docs::route_table(&product()).contains("`/api/bells`"));
}

#[tokio::test]
async fn component_serves_its_operations_behind_the_gate_and_runs_its_jobs() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::manual(Clock::System.now());
    let ticking = clock.clone();
    run(folder.path(), clock, async |url, _| {
        let bell = json!({ "name": "Emmanuel" });
        assert_eq!(post(url, "/api/bells", "", &bell).await.status(), 401);
        let (_, cookie) = sign_up(url, "ada").await;
        assert_eq!(post(url, "/api/bells", &cookie, &json!({ "name": "" })).await.status(), 422);
        assert_eq!(post(url, "/api/bells", &cookie, &bell).await.status(), 204);
        let taken: Value = post(url, "/api/bells", &cookie, &bell).await.json().await.unwrap();
        assert_eq!(taken["errors"][0]["message"], "There is a bell of this name.");
        let loud: Value = post(url, "/api/bells", &cookie, &json!({ "name": "LOUD" }))
            .await
            .json()
            .await
            .unwrap();
        assert_eq!((&loud["code"], &loud["status"]), (&json!("too_loud"), &json!(409)));
        assert_eq!(loud["type"], "/docs/errors#too_loud");
        // The row of the job that the rejected requests would have added is not there.
        bells::wait_until_heard("ring Emmanuel 1", 1).await;
        ticking.set(ticking.now() + seconds(60));
        bells::wait_until_heard("ring Emmanuel 2", 1).await;
        assert_eq!(bells::heard("ring Emmanuel"), 2);
    })
    .await;
}

#[tokio::test]
async fn user_events_are_delivered_to_the_components_that_asked_for_them() {
    let folder = TempDir::new().unwrap();
    run(folder.path(), Clock::System, async |url, _| {
        let (id, cookie) = sign_up(url, "ada").await;
        bells::wait_until_heard(&format!("Created {id}"), 1).await;
        // Nothing is delivered of what no component has asked for.
        assert_eq!(post(url, "/api/auth/sign-out", &cookie, &json!({})).await.status(), 200);
        assert_eq!(bells::heard(&id), 1);
    })
    .await;
}

#[tokio::test]
async fn periodic_job_runs_at_start_and_then_once_a_period() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::manual(Clock::System.now());
    let toll = format!("toll in {}", folder.path().display());
    let ticking = clock.clone();
    run(folder.path(), clock.clone(), async |_, _| {
        bells::wait_until_heard(&toll, 1).await;
        ticking.set(ticking.now() + seconds(60));
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        assert_eq!(bells::heard(&toll), 1);
        ticking.set(ticking.now() + days(1));
        bells::wait_until_heard(&toll, 2).await;
    })
    .await;
    // A restart is not a reason to run.
    run(folder.path(), clock, async |_, _| {
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        assert_eq!(bells::heard(&toll), 2);
    })
    .await;
}

#[tokio::test]
async fn database_of_a_newer_component_is_refused() {
    let folder = TempDir::new().unwrap();
    run(folder.path(), Clock::System, async |_, _| {}).await;
    let older = Tables { version: "1.1.9", ..bells::TABLES };
    let older = Product::new("Belfry Tower", "1.1.9").with(bells::component().tables(older));
    let refused = Server::start(&older, config(folder.path()), Clock::System, true).await;
    let Err(StartError::Store(refusal)) = refused else { panic!("it started") };
    let text = refusal.to_string();
    assert!(text.contains("needs version 1.2.0 or newer of belfry, and this is 1.1.9"), "{text}");
    // Without the component, its requirements do not apply.
    let subscriptions =
        || Component::new("none").scope::<bells::Keys>().on::<bells::Greet>(UserEventKind::Created);
    let without = Product::new("Belfry Tower", "0.1.0")
        .with(subscriptions().on::<bells::Greet>(UserEventKind::Deactivated));
    Server::start(&without, config(folder.path()), Clock::System, true).await.map(drop).unwrap();
    // A component that records its migrations under another name would have no such protection.
    let misnamed = Tables { component: "belfries", ..bells::TABLES };
    let misnamed = Product::new("Belfry Tower", "1.2.0").with(bells::component().tables(misnamed));
    let refused = Server::start(&misnamed, config(folder.path()), Clock::System, true).await;
    let text = refused.map(drop).unwrap_err().to_string();
    assert!(text.contains("does not record its oldest version"), "{text}");
}

mod clashes {
    /// Ring it
    #[utoipa::path(post, path = "/api/ring", responses((status = 204, description = "It rang")))]
    pub async fn hang_bell(_: portcullis::gate::Session) -> actix_web::HttpResponse {
        actix_web::HttpResponse::NoContent().finish()
    }

    /// Ring another
    #[utoipa::path(post, path = "/api/bells", responses((status = 204, description = "It rang")))]
    pub async fn ring_bell(_: portcullis::gate::Session) -> actix_web::HttpResponse {
        actix_web::HttpResponse::NoContent().finish()
    }

    /// Ring another
    #[utoipa::path(post, path = "/api/others", responses((status = 204, description = "It rang")))]
    pub async fn ring_other(_: portcullis::gate::Session) -> actix_web::HttpResponse {
        actix_web::HttpResponse::NoContent().finish()
    }

    /// Ring by another name
    #[utoipa::path(post, path = "/api/renamed", operation_id = "delete_account", responses((status = 204, description = "It rang")))]
    pub async fn renamed_bell(_: portcullis::gate::Session) -> actix_web::HttpResponse {
        actix_web::HttpResponse::NoContent().finish()
    }

    /// Ring any token
    #[utoipa::path(get, path = "/api/tokens/{name}", responses((status = 204, description = "It rang")))]
    pub async fn token_bell(_: portcullis::gate::Session) -> actix_web::HttpResponse {
        actix_web::HttpResponse::NoContent().finish()
    }

    /// Ring in place of the sign-in page
    #[utoipa::path(get, path = "/login", responses((status = 204, description = "It rang")))]
    pub async fn page_bell(_: portcullis::gate::Session) -> actix_web::HttpResponse {
        actix_web::HttpResponse::NoContent().finish()
    }

    /// Ask for options
    #[utoipa::path(options, path = "/api/options", responses((status = 204, description = "Options")))]
    pub async fn options_bell(_: portcullis::gate::Session) -> actix_web::HttpResponse {
        actix_web::HttpResponse::NoContent().finish()
    }

    /// Another job of the same name.
    #[derive(serde::Serialize, serde::Deserialize, Default)]
    pub struct Toll {}

    impl portcullis::jobs::JobKind for Toll {
        const NAME: &'static str = "toll";

        async fn run(
            self,
            _: portcullis::jobs::JobContext<'_>,
        ) -> Result<(), portcullis::jobs::Failure> {
            Ok(())
        }
    }

    /// Another type of the same name.
    #[derive(serde::Serialize, utoipa::ToSchema)]
    pub struct NewBell {
        pub weight: u32,
    }

    /// Weigh
    #[utoipa::path(get, path = "/api/weight", responses((status = 200, description = "Its weight", body = NewBell)))]
    pub async fn weigh_bell(_: portcullis::gate::Session) -> actix_web::HttpResponse {
        actix_web::HttpResponse::NoContent().finish()
    }
}

const UNLISTED: Code = Code::Custom(&CustomCode {
    status: StatusCode::CONFLICT,
    name: "unlisted",
    message: "x",
    explanation: "x",
});
const MISNAMED: Code = Code::Custom(&CustomCode {
    status: StatusCode::OK,
    name: "Fine!",
    message: "x",
    explanation: "x",
});
const CLASHING: EmbeddedMigrations = embed_migrations!("tests/product/clashing");

#[test]
fn components_with_something_of_the_same_name_are_refused() {
    let other = || Component::new("other");
    let mut tables = bells::TABLES;
    (tables.sqlite, tables.postgres, tables.constraints) = (&CLASHING, &CLASHING, &[]);
    let lopsided = Tables { component: "other", sqlite: &CLASHING, ..bells::TABLES };
    for (component, reason) in [
        (
            other().operations(operations! { gated { clashes::hang_bell } }),
            "the component other has an operation \"hang_bell\"",
        ),
        (
            other().operations(operations! { gated { clashes::ring_bell } }),
            "the operation POST /api/bells of the component other would also serve /api/bells",
        ),
        (
            other().operations(operations! { gated { clashes::weigh_bell } }),
            "the component other has a type \"NewBell\"",
        ),
        (
            other().operations(operations! { gated { clashes::renamed_bell } }),
            "is called \"delete_account\"",
        ),
        (
            other().operations(operations! { gated { clashes::token_bell } }),
            "would also serve /api/tokens/{id}",
        ),
        (other().operations(operations! { gated { clashes::page_bell } }), "must begin with /api/"),
        (
            other().operations(operations! { gated { clashes::options_bell } }),
            "a method that is not served",
        ),
        (other().job::<clashes::Toll>(), "a kind of job \"toll\""),
        (
            other().operations(operations! { gated { clashes::ring_other [UNLISTED] } }),
            "is not among the codes",
        ),
        (other().codes(&[MISNAMED]), "must consist of"),
        (other().codes(&[bells::TOO_LOUD]), "two error codes"),
        (
            other().operations(operations! { gated { scopes::close_door } }),
            "close_door needs the scope \"belfry:locks\", which no component has",
        ),
        (other().scope::<bells::Keys>(), "has a scope \"belfry:keys\", which exists already"),
        (other().scope::<scopes::Writing>(), "the scope \"write\" is one of Portcullis"),
        (other().scope::<scopes::Nameless>(), "the scope \"\" must consist of"),
        (other().scope::<scopes::Loud>(), "the scope \"Loud keys\" must consist of"),
        (other().scope::<scopes::Locks>(), "already runs a product with other scopes"),
        (
            other().operations(operations! { gated { limits::show_minute } }),
            "show_minute has the rate limit \"minutes\", which no component has",
        ),
        (other().rate_limit::<bells::Hours>(), "a rate limit \"belfry-hours\", which exists"),
        (
            other().rate_limit::<limits::Tokens>(),
            "\"tokens\" cannot have the setting --limit-tokens: it exists already",
        ),
        (other().rate_limit::<limits::Nameless>(), "the rate limit \"\" must consist of"),
        (other().rate_limit::<limits::Loud>(), "the rate limit \"Loud_\" must consist of"),
        (bells::component(), "exists already"),
        (other().tables(tables), "2026-11-23-000001_schema_compatibility of portcullis"),
        (other().tables(bells::TABLES), "have the same version"),
        (other().tables(lopsided), "other migrations for SQLite than for PostgreSQL"),
    ] {
        let refusal = product().with(component).check().unwrap_err().to_string();
        assert!(refusal.contains(reason), "{refusal} does not contain {reason}");
    }
    let renamed = Product::new("Ledger", "1.0.0").check().unwrap_err().to_string();
    assert!(renamed.contains("already named Belfry Tower"), "{renamed}");
}
