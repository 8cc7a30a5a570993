//! The admin console.

pub(super) mod activity;
mod user_field;

use std::collections::HashMap;

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use askama::Template;
use serde_json::Value;
use uuid::Uuid;

use self::user_field::UserField;
use super::{
    device::{Device, devices},
    frame::{Frame, html},
    providers::{SignInMethod, methods},
    query::{Choice, FilterQuery, List, Pager},
    tokens::{Token, shown},
};
use crate::{
    api::{
        admin::{jobs::JobState, mails::UserMail, users::UserState},
        page::default_limit,
    },
    error::{Code, Error},
    fields,
    gate::{ByCookie, SiteAdmin},
    state::State,
    store::{
        accounts, api_tokens,
        jobs::{self, JobRow},
        page::{Page, Window},
        passkeys::{self, PasskeyRow},
        sessions,
        users::{self, Role, User},
    },
};

fn frame(state: &State, admin: &SiteAdmin) -> Frame {
    Frame::of(state, Some(admin), "admin")
}

#[derive(Template)]
#[template(path = "pages/admin-users.html")]
struct UserList {
    frame: Frame,
    nav_section: &'static str,
    search: String,
    search_error: String,
    role: Choice<Role>,
    state: Choice<UserState>,
    users: Page<User>,
    is_wrong: bool,
    truncated: bool,
    indexing: bool,
    pager: Pager,
}

pub(super) async fn users(
    admin: SiteAdmin,
    _: ByCookie,
    state: Data<State>,
    query: FilterQuery,
) -> Result<HttpResponse, Error> {
    let search = query.text("search").to_owned();
    let role: Choice<Role> = query.choice("role");
    let chosen: Choice<UserState> = query.choice("state");
    let filter = [("search", search.as_str()), ("role", role.name()), ("state", chosen.name())];
    let list = List::of("/admin", &filter);
    let window: Window = list.window(&query);
    let search_error = match fields::search(&search) {
        Err(error) if !search.is_empty() => {
            format!("A search {}.", error.message.unwrap_or_default())
        }
        _ => String::new(),
    };
    // An invalid filter must not show everything.
    let is_wrong = [&search_error, &role.error, &chosen.error].iter().any(|text| !text.is_empty());
    let found = if is_wrong {
        users::UserPage::default()
    } else {
        let wanted = users::Filter {
            search: Some(search.clone()).filter(|search| !search.is_empty()),
            role: role.value,
            deactivated: chosen.value.map(|state| state == UserState::Deactivated),
        };
        users::list(&state.store, wanted, window.clone()).await?
    };
    let pager = list.pager(&window, &found.page);
    html(&UserList {
        frame: frame(&state, &admin),
        nav_section: "users",
        search,
        search_error,
        role,
        state: chosen,
        users: found.page,
        is_wrong,
        truncated: found.truncated,
        indexing: found.indexing,
        pager,
    })
}

/// How many of a user's sessions and tokens are counted on the deactivation form; beyond that it only says that
/// there are more.
const COUNTED: u32 = 100;

/// Describes how many sessions or tokens stop working, and what that means.
fn counted<T, C>(page: &Page<T, C>, one: &str, meaning: &str) -> String {
    match (page.rows.len(), &page.next) {
        (0, None) => format!("no {one}s, as there are none"),
        (1, None) => format!("1 {one}: {meaning}"),
        (number, None) => format!("{number} {one}s: {meaning}"),
        (number, Some(_)) => format!("more than {number} {one}s: {meaning}"),
    }
}

/// What stops working when a user is deactivated.
struct Stops {
    sessions: String,
    tokens: String,
}

#[derive(Template)]
#[template(path = "pages/admin-user.html")]
struct OneUser {
    frame: Frame,
    nav_section: &'static str,
    /// The path of this page.
    path: String,
    user: User,
    /// Whether the admin views their own account.
    is_self: bool,
    stops: Stops,
    /// The emails that are useful to the user: the value and the label of each.
    mails: Vec<(&'static str, &'static str)>,
    methods: Vec<SignInMethod>,
    passkeys: Vec<PasskeyRow>,
    sessions: Page<Device>,
    pager: Pager,
    tokens: Page<Token, api_tokens::Cursor>,
}

pub(super) async fn user(
    admin: SiteAdmin,
    ByCookie(own): ByCookie,
    state: Data<State>,
    id: Path<Uuid>,
    query: FilterQuery,
) -> Result<HttpResponse, Error> {
    let now = state.clock.now();
    let store = &state.store;
    let user = users::find(store, id.to_string()).await?.ok_or(Code::NotFound)?;
    let path = format!("/admin/users/{}", user.id);
    let list = List::of_sessions(&path);
    let window: Window = list.window(&query);
    let sessions = sessions::list(store, user.id.clone(), window.clone(), now).await?;
    let own_tokens = |state| api_tokens::Filter { user_id: Some(user.id.clone()), state };
    let tokens =
        api_tokens::list(store, own_tokens(None), Window::first(default_limit()), now).await?;
    let all_sessions = sessions::list(store, user.id.clone(), Window::first(COUNTED), now).await?;
    let working = own_tokens(Some(api_tokens::State::Active));
    let working = api_tokens::list(store, working, Window::first(COUNTED), now).await?;
    let has_password = accounts::of_user(store, user.id.clone()).await?.is_some();
    let has_password = state.config.accounts.accepts_passwords().then_some(has_password);
    let accounts = accounts::list(store, user.id.clone()).await?;
    let passkeys = passkeys::list(store, user.id.clone()).await?;
    let pager = list.pager(&window, &sessions);
    html(&OneUser {
        frame: frame(&state, &admin),
        nav_section: "users",
        is_self: user.id == admin.user.id,
        stops: Stops {
            sessions: counted(&all_sessions, "session", "signed out in every browser"),
            tokens: counted(&working, "API token", "scripts that use them are refused"),
        },
        mails: mails(&user, has_password),
        methods: methods(&state, accounts),
        passkeys,
        user,
        sessions: devices(sessions, &own.id),
        pager,
        path,
        tokens: shown(tokens, now),
    })
}

/// Returns the emails that are useful to a user.
fn mails(user: &User, has_password: Option<bool>) -> Vec<(&'static str, &'static str)> {
    [
        (UserMail::Invitation, "Send the invitation again"),
        (UserMail::VerifyEmail, "Send a verification link"),
        (UserMail::ResetPassword, "Send a password reset"),
    ]
    .into_iter()
    .filter(|(mail, _)| mail.suits(user, has_password).is_ok())
    .map(|(mail, words)| (mail.into(), words))
    .collect()
}

#[derive(Template)]
#[template(path = "pages/admin-tokens.html")]
struct TokenList {
    frame: Frame,
    nav_section: &'static str,
    user: UserField,
    /// The filter without the user, for links to one of several users.
    others: String,
    state: Choice<api_tokens::State>,
    tokens: Page<Token, api_tokens::Cursor>,
    /// The owners of the listed tokens, by id.
    owners: HashMap<String, User>,
    pager: Pager,
}

pub(super) async fn tokens(
    admin: SiteAdmin,
    _: ByCookie,
    state: Data<State>,
    query: FilterQuery,
) -> Result<HttpResponse, Error> {
    let now = state.clock.now();
    let user = UserField::read(&state.store, query.text("user")).await?;
    let chosen: Choice<api_tokens::State> = query.choice("state");
    let filter = [("user", user.text.as_str()), ("state", chosen.name())];
    let list = List::of("/admin/tokens", &filter);
    let window: Window<api_tokens::Cursor> = list.window(&query);
    let found = if user.error.is_empty() && chosen.error.is_empty() {
        let wanted = api_tokens::Filter { user_id: user.id.clone(), state: chosen.value };
        api_tokens::list(&state.store, wanted, window.clone(), now).await?
    } else {
        Page::default()
    };
    let owners = found.rows.iter().map(|token| token.user_id.clone()).collect();
    let owners = users::find_all(&state.store, owners).await?;
    let pager = list.pager(&window, &found);
    let others = match chosen.name() {
        "" => String::new(),
        state => format!("&state={state}"),
    };
    html(&TokenList {
        frame: frame(&state, &admin),
        nav_section: "tokens",
        user,
        others,
        state: chosen,
        tokens: shown(found, now),
        owners: owners.into_iter().map(|owner| (owner.id.clone(), owner)).collect(),
        pager,
    })
}

#[derive(Template)]
#[template(path = "pages/admin-jobs.html")]
struct JobList {
    frame: Frame,
    nav_section: &'static str,
    state: Choice<JobState>,
    jobs: Page<Job>,
    pager: Pager,
}

/// A job, as it is displayed.
struct Job {
    /// What it is about, or else its kind.
    about: String,
    /// The recipient.
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
    query: FilterQuery,
) -> Result<HttpResponse, Error> {
    let chosen: Choice<JobState> = query.choice("state");
    let filter = [("state", chosen.name())];
    let list = List::of("/admin/jobs", &filter);
    let window: Window = list.window(&query);
    let found = if chosen.error.is_empty() {
        let given_up = chosen.value.map(|state| state == JobState::GivenUp);
        jobs::list(&state.store, given_up, window.clone()).await?
    } else {
        Page::default()
    };
    let pager = list.pager(&window, &found);
    html(&JobList {
        frame: frame(&state, &admin),
        nav_section: "jobs",
        state: chosen,
        jobs: found.map(Job::from),
        pager,
    })
}
