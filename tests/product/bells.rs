//! A component with one of everything.

use std::{path::PathBuf, sync::Mutex};

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use portcullis::{
    api::json::ValidJson,
    component::Component,
    config::{self, Secret},
    error::{Code, CustomCode, Error},
    gate::{Session, SiteAdmin},
    http_client::{Reach, Request},
    jobs::{Email, Failure, JobContext, JobKind},
    operations,
    pages::{Asset, Directive, Page, View},
    product::StartContext,
    rate_limit, scope,
    state::State,
    store::{
        self, Store, Tables, UserEvent, UserEventKind, add_job, constraints::Constraint,
        own_user_key, transaction,
    },
    time::days,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

const SQLITE: EmbeddedMigrations = embed_migrations!("tests/product/migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("tests/product/migrations/postgres");

pub const TABLES: Tables = Tables {
    component: "belfry",
    version: "1.2.0",
    sqlite: &SQLITE,
    postgres: &POSTGRES,
    constraints: &[&[
        Constraint::own_user("bells_user_id_fkey"),
        Constraint::unique("bells_pkey", "bells.name", "name", "There is a bell of this name."),
    ]],
};

pub const TOO_LOUD: Code = Code::Custom(&CustomCode {
    status: StatusCode::CONFLICT,
    name: "too_loud",
    message: "The neighbours are asleep.",
    explanation: "Choose another name.",
});

pub fn component() -> Component {
    let operations = operations! {
        gated { hang_bell [TOO_LOUD, Conflict], show_belfry, visit_belfry [BadRequest], open_door, show_hour }
    };
    Component::new("bells")
        .operations(operations.in_folder("tests/product"))
        .tag("bells", "They ring")
        .codes(&[TOO_LOUD])
        .scope::<Keys>()
        .rate_limit::<Hours>()
        .tables(TABLES)
        .job::<Ring>()
        .on::<Greet>(UserEventKind::Created)
        .on::<Greet>(UserEventKind::Deactivated)
        .every::<Toll>(days(1))
        .asset(&SCRIPT)
        .asset(&STYLE)
        .page(Page::new("/bells", show_bells).in_navigation("Bells"))
        .page(
            Page::new("/bells/{name}", show_bell)
                .allow(Directive::ImgSrc, "https://bells.example.com"),
        )
        .page(Page::new("/belfry", show_visitors).in_navigation("Visit us"))
        .page(Page::new("/belfry/keeper", show_keeper).in_navigation("Keeper"))
}

diesel::table! {
    bells (name) {
        name -> Text,
        user_id -> Text,
    }
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Emmanuel" }))]
pub struct NewBell {
    #[validate(length(min = 1, max = 20))]
    #[schema(min_length = 1, max_length = 20)]
    name: String,
}

/// Hang a bell
#[utoipa::path(
    post, path = "/api/bells", tag = "bells", request_body = NewBell,
    responses((status = 204, description = "It hangs, and will ring"))
)]
pub async fn hang_bell(
    session: Session,
    state: Data<State>,
    ValidJson(bell): ValidJson<NewBell>,
) -> Result<HttpResponse, Error> {
    if bell.name == "LOUD" {
        return Err(TOO_LOUD.into());
    }
    let ring = Ring { name: bell.name.clone() };
    let job = ring.row(Some(&session.user.id), state.clock.now());
    insert(&state.store, bell.name, session.user.id.clone(), job).await?;
    state.job_added.notify_one();
    Ok(HttpResponse::NoContent().finish())
}

/// The settings of the belfry.
#[derive(clap::Args)]
pub struct BelfrySettings {
    /// The town in which the belfry stands
    #[arg(long, value_name = "NAME")]
    town: String,

    /// How often the bells strike
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=12))]
    strikes: u32,

    /// The key of the door
    #[arg(long)]
    key: Option<Secret>,

    /// A file that holds the key of the door
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    key_file: Option<PathBuf>,

    /// A clock that says the hour
    #[arg(long, value_name = "URL")]
    clock_url: Option<String>,
}

/// The belfry, built from its settings.
pub struct Belfry {
    town: String,
    key: Option<Secret>,
    hour: String,
}

pub async fn build(
    start: StartContext<'_, BelfrySettings>,
) -> Result<Belfry, Box<dyn std::error::Error + Send + Sync>> {
    let settings = start.settings;
    let key = settings.key_file.as_ref();
    let key = config::read_secret("BELFRY_TOWER_KEY_FILE", settings.key.as_ref(), key)?;
    let hour = match &settings.clock_url {
        Some(url) => {
            let request = Request::get(url).query("zone", "UTC").reach(Reach::Loopback);
            let response = start.state.http.send(request).await?.success()?;
            String::from_utf8_lossy(response.body()).into_owned()
        }
        None => "unknown".to_owned(),
    };
    Ok(Belfry { town: settings.town.clone(), key, hour })
}

#[derive(Serialize, ToSchema)]
pub struct BelfryShown {
    town: String,
    strikes: u32,
    hour: String,
    has_key: bool,
}

/// Show the belfry
#[utoipa::path(
    get, path = "/api/belfry", tag = "bells",
    responses((status = 200, description = "The belfry", body = BelfryShown))
)]
pub async fn show_belfry(
    _: Session,
    belfry: Data<Belfry>,
    settings: Data<BelfrySettings>,
) -> HttpResponse {
    HttpResponse::Ok().json(BelfryShown {
        town: belfry.town.clone(),
        strikes: settings.strikes,
        hour: belfry.hour.clone(),
        has_key: belfry.key.as_ref().is_some_and(|key| key.expose() == "iron"),
    })
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "url": "https://example.com/" }))]
pub struct Visit {
    #[validate(length(max = 200))]
    #[schema(max_length = 200)]
    url: String,
}

/// Visit another belfry
#[utoipa::path(
    post, path = "/api/belfry/visits", tag = "bells", request_body = Visit,
    responses((status = 204, description = "It was reached"))
)]
pub async fn visit_belfry(
    _: Session,
    state: Data<State>,
    ValidJson(visit): ValidJson<Visit>,
) -> Result<HttpResponse, Error> {
    let visited = state.http.send(Request::get(&visit.url)).await;
    visited.map_err(|error| Code::BadRequest.because(error.to_string()))?;
    Ok(HttpResponse::NoContent().finish())
}

scope!(
    /// The doors of the belfry.
    pub Keys = "belfry:keys", "open the doors of the belfry"
);

/// Open the door
#[utoipa::path(
    post, path = "/api/belfry/door", tag = "bells",
    responses((status = 204, description = "It is open"))
)]
pub async fn open_door(_: Session, _: Keys) -> HttpResponse {
    HttpResponse::NoContent().finish()
}

rate_limit!(
    /// Limits questions about the time.
    pub Hours = "belfry-hours", 2 per hour
);

/// Ask for the hour
#[utoipa::path(
    get, path = "/api/belfry/hour", tag = "bells",
    responses((status = 204, description = "It strikes"))
)]
pub async fn show_hour(_: Hours, _: Option<Session>) -> HttpResponse {
    HttpResponse::NoContent().finish()
}

static SCRIPT: Asset = Asset::new("bells", "bells.js", b"document.title += ' *'");
static STYLE: Asset = Asset::new("bells", "bells.css", b"h1 { color: navy }");

#[derive(askama::Template)]
#[template(source = "<h1>The bells of {{ name }}</h1>", ext = "html")]
struct Heading<'a> {
    name: &'a str,
}

async fn show_bells(session: Session) -> Result<View, Error> {
    let view = View::new("Bells", &Heading { name: &session.user.name })?;
    Ok(view.script(&SCRIPT).style(&STYLE))
}

async fn show_bell(_: Session, name: Path<String>) -> Result<View, Error> {
    if name.as_str() == "missing" {
        return Err(Code::NotFound.into());
    }
    View::new(format!("<{name}>"), &Heading { name: &name })
}

async fn show_visitors(_: Option<Session>) -> Result<View, Error> {
    View::new("Visit us", &Heading { name: "all" })
}

async fn show_keeper(keeper: SiteAdmin) -> Result<View, Error> {
    View::new("Keeper", &Heading { name: &keeper.user.name })
}

async fn insert(
    store: &Store,
    name: String,
    user_id: String,
    job: store::jobs::NewJob,
) -> Result<(), store::Error> {
    transaction!(store, |conn| {
        let hung = diesel::insert_into(bells::table)
            .values((bells::name.eq(&name), bells::user_id.eq(&user_id)))
            .execute(conn)
            .await;
        own_user_key!(conn, hung, "bells_user_id_fkey", &user_id)?;
        add_job!(conn, job.clone());
        Ok(())
    })
}

/// What has been heard, by all tests of this process.
static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn hear(sound: String) {
    HEARD.lock().unwrap().push(sound);
}

/// Waits until something with this part has been heard this often.
pub async fn wait_until_heard(part: &str, times: usize) {
    for _ in 0..200 {
        if heard(part) >= times {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{part} was heard {} times, not {times}: {:?}", heard(part), HEARD.lock().unwrap());
}

pub fn heard(part: &str) -> usize {
    HEARD.lock().unwrap().iter().filter(|sound| sound.contains(part)).count()
}

/// Rings once it hangs. The first attempt fails.
#[derive(Serialize, Deserialize)]
struct Ring {
    name: String,
}

impl JobKind for Ring {
    const NAME: &'static str = "ring";

    async fn run(self, job: JobContext<'_>) -> Result<(), Failure> {
        hear(format!("ring {} {}", self.name, job.attempt));
        if job.attempt == 1 {
            return Err(Failure::Transient("the rope slipped".to_owned()));
        }
        let belfry: &Belfry = job.data()?;
        let email = Email::new(format!("{} rang", self.name))
            .paragraph(format!("<b>{}</b> rang in {}.", self.name, belfry.town))
            .link("See the bells", "/bells?from=email");
        job.email_user(job.user_id.unwrap_or_default(), email).await?;
        hear(format!("rung {}", self.name));
        Ok(())
    }
}

/// Greets users as they come and go.
#[derive(Serialize, Deserialize)]
pub struct Greet(UserEvent);

impl From<UserEvent> for Greet {
    fn from(event: UserEvent) -> Self {
        Self(event)
    }
}

impl JobKind for Greet {
    const NAME: &'static str = "greet";

    async fn run(self, job: JobContext<'_>) -> Result<(), Failure> {
        assert_eq!(job.user_id, None);
        hear(format!("{:?} {}", self.0.kind, self.0.user_id));
        Ok(())
    }
}

/// Tolls every day.
#[derive(Serialize, Deserialize, Default)]
struct Toll {}

impl JobKind for Toll {
    const NAME: &'static str = "toll";

    async fn run(self, job: JobContext<'_>) -> Result<(), Failure> {
        hear(format!("toll in {}", job.state.config.data.data_dir.display()));
        Ok(())
    }
}
