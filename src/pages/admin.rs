//! The admin's console.

use std::collections::HashMap;

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use askama::Template;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;
use validator::Validate;

use super::{
    device::{Device, devices},
    frame::{Frame, html},
    query::{Paging, filled, window},
    tokens::{Token, shown},
};
use crate::{
    api::{
        admin::{jobs::JobState, users::UserState},
        query::ValidQuery,
    },
    error::{Code, Error},
    fields,
    gate::{ByCookie, SiteAdmin},
    state::State,
    store::{
        audit_events::{self, Event},
        jobs::{self, JobRow},
        page::{Cursor, Page},
        sessions, tokens,
        users::{self, Role, User, UserPage},
    },
};

fn frame(state: &State, admin: &SiteAdmin) -> Frame {
    Frame::of(state, Some(admin), "admin")
}

/// Which users.
#[derive(Deserialize, Validate)]
pub(super) struct UserFilter {
    #[serde(default, deserialize_with = "filled")]
    #[validate(custom(function = "fields::search"))]
    search: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    role: Option<Role>,
    #[serde(default, deserialize_with = "filled")]
    state: Option<UserState>,
    #[serde(default, deserialize_with = "filled")]
    cursor: Option<Cursor>,
}

#[derive(Template)]
#[template(path = "pages/admin-users.html")]
struct UserList {
    frame: Frame,
    room: &'static str,
    search: String,
    role: &'static str,
    state: &'static str,
    users: UserPage,
}

pub(super) async fn users(
    admin: SiteAdmin,
    _: ByCookie,
    state: Data<State>,
    ValidQuery(filter): ValidQuery<UserFilter>,
) -> Result<HttpResponse, Error> {
    let wanted = users::Filter {
        search: filter.search.clone(),
        role: filter.role,
        deactivated: filter.state.map(|state| state == UserState::Deactivated),
    };
    let users = users::list(&state.store, wanted, window(filter.cursor)).await?;
    html(&UserList {
        frame: frame(&state, &admin),
        room: "users",
        search: filter.search.unwrap_or_default(),
        role: filter.role.map_or("", Into::into),
        state: filter.state.map_or("", Into::into),
        users,
    })
}

#[derive(Template)]
#[template(path = "pages/admin-user.html")]
struct OneUser {
    frame: Frame,
    room: &'static str,
    user: User,
    sessions: Page<Device>,
    tokens: Page<Token, tokens::Cursor>,
}

pub(super) async fn user(
    admin: SiteAdmin,
    ByCookie(own): ByCookie,
    state: Data<State>,
    id: Path<Uuid>,
    ValidQuery(paging): ValidQuery<Paging>,
) -> Result<HttpResponse, Error> {
    let now = state.clock.now();
    let user = users::find(&state.store, id.to_string()).await?.ok_or(Code::NotFound)?;
    let shown_sessions = window(paging.sessions);
    let sessions = sessions::list(&state.store, user.id.clone(), shown_sessions, now).await?;
    let filter = tokens::Filter { user_id: Some(user.id.clone()), state: None };
    let tokens = tokens::list(&state.store, filter, window(None), now).await?;
    html(&OneUser {
        frame: frame(&state, &admin),
        room: "users",
        user,
        sessions: devices(sessions, &own.id),
        tokens: shown(tokens, now),
    })
}

/// Which tokens.
#[derive(Deserialize, Validate)]
pub(super) struct TokenFilter {
    #[serde(default, deserialize_with = "filled")]
    user: Option<Uuid>,
    #[serde(default, deserialize_with = "filled")]
    state: Option<tokens::State>,
    #[serde(default, deserialize_with = "filled")]
    cursor: Option<tokens::Cursor>,
}

#[derive(Template)]
#[template(path = "pages/admin-tokens.html")]
struct TokenList {
    frame: Frame,
    room: &'static str,
    user: String,
    state: &'static str,
    tokens: Page<Token, tokens::Cursor>,
    /// Of the tokens that are shown, by id.
    owners: HashMap<String, User>,
}

pub(super) async fn tokens(
    admin: SiteAdmin,
    _: ByCookie,
    state: Data<State>,
    ValidQuery(filter): ValidQuery<TokenFilter>,
) -> Result<HttpResponse, Error> {
    let now = state.clock.now();
    let user = filter.user.map(|id| id.to_string());
    let wanted = tokens::Filter { user_id: user.clone(), state: filter.state };
    let tokens = tokens::list(&state.store, wanted, window(filter.cursor), now).await?;
    let owners = tokens.rows.iter().map(|token| token.user_id.clone()).collect();
    let owners = users::find_all(&state.store, owners).await?;
    html(&TokenList {
        frame: frame(&state, &admin),
        room: "tokens",
        user: user.unwrap_or_default(),
        state: filter.state.map_or("", Into::into),
        tokens: shown(tokens, now),
        owners: owners.into_iter().map(|owner| (owner.id.clone(), owner)).collect(),
    })
}

/// Which events.
#[derive(Deserialize, Validate)]
pub(super) struct EventFilter {
    #[serde(default, deserialize_with = "filled")]
    subject: Option<Uuid>,
    #[serde(default, deserialize_with = "filled")]
    cursor: Option<Cursor>,
}

#[derive(Template)]
#[template(path = "pages/admin-audit-events.html")]
struct EventList {
    frame: Frame,
    room: &'static str,
    subject: String,
    events: Page<Event>,
}

pub(super) async fn audit_events(
    admin: SiteAdmin,
    _: ByCookie,
    state: Data<State>,
    ValidQuery(filter): ValidQuery<EventFilter>,
) -> Result<HttpResponse, Error> {
    let subject = filter.subject.map(|id| id.to_string());
    let events = audit_events::list(&state.store, subject.clone(), window(filter.cursor)).await?;
    html(&EventList {
        frame: frame(&state, &admin),
        room: "audit",
        subject: subject.unwrap_or_default(),
        events,
    })
}

/// Which jobs.
#[derive(Deserialize, Validate)]
pub(super) struct JobFilter {
    #[serde(default, deserialize_with = "filled")]
    state: Option<JobState>,
    #[serde(default, deserialize_with = "filled")]
    cursor: Option<Cursor>,
}

#[derive(Template)]
#[template(path = "pages/admin-jobs.html")]
struct JobList {
    frame: Frame,
    room: &'static str,
    state: &'static str,
    jobs: Page<Job>,
}

/// A job to show.
struct Job {
    /// What it is about, or what kind it is.
    about: String,
    /// Whom it is to.
    to: Option<String>,
    row: JobRow,
}

impl From<JobRow> for Job {
    fn from(row: JobRow) -> Self {
        let payload: Value = serde_json::from_str(&row.payload).unwrap_or_default();
        let text = |name: &str| payload[name].as_str().map(ToOwned::to_owned);
        Self { about: text("about").unwrap_or_else(|| row.kind.clone()), to: text("email"), row }
    }
}

pub(super) async fn jobs(
    admin: SiteAdmin,
    _: ByCookie,
    state: Data<State>,
    ValidQuery(filter): ValidQuery<JobFilter>,
) -> Result<HttpResponse, Error> {
    let given_up = filter.state.map(|state| state == JobState::GivenUp);
    let page = jobs::list(&state.store, given_up, window(filter.cursor)).await?;
    html(&JobList {
        frame: frame(&state, &admin),
        room: "jobs",
        state: filter.state.map_or("", Into::into),
        jobs: Page { rows: page.rows.into_iter().map(Job::from).collect(), next: page.next },
    })
}
