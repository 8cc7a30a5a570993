//! The settings of a user's own account and API tokens.

pub(super) mod activity;

use actix_web::{HttpResponse, web::Data};
use askama::Template;

use super::{
    device::{Device, devices},
    frame::{Frame, html},
    providers::{Choice, SignInMethod, choices, methods},
    query::{FilterQuery, List, Pager},
    tokens::{Token, shown},
};
use crate::{
    api::auth::email::wanted_by,
    error::Error,
    gate::{ByCookie, Session},
    scope::{GrantableScope, Scope},
    state::State,
    store::{
        accounts::{self, PASSWORD},
        api_tokens, email_change,
        page::{Page, Window},
        sessions,
    },
    time,
};

#[derive(Template)]
#[template(path = "pages/settings.html")]
struct Settings {
    frame: Frame,
    nav_section: &'static str,
    /// The new email of a pending email change.
    pending_email: Option<String>,
    sessions: Page<Device>,
    pager: Pager,
    /// Whether there are other sessions.
    others: bool,
    methods: Vec<SignInMethod>,
    providers: Vec<Choice>,
    /// Whether the user has a password that they can sign in with.
    has_password: bool,
}

pub(super) async fn settings(
    session: Session,
    ByCookie(own): ByCookie,
    state: Data<State>,
    query: FilterQuery,
) -> Result<HttpResponse, Error> {
    let now = state.clock.now();
    let user_id = &session.user.id;
    let list = List::of_sessions("/settings");
    let window: Window = list.window(&query);
    let sessions = sessions::list(&state.store, user_id.clone(), window.clone(), now).await?;
    let pager = list.pager(&window, &sessions);
    let sessions = devices(sessions, &own.id);
    let accounts = accounts::list(&state.store, user_id.clone()).await?;
    let frame = Frame::of(&state, Some(&session), "settings");
    html(&Settings {
        has_password: frame.has_passwords
            && accounts.iter().any(|account| account.provider_id == PASSWORD),
        frame,
        nav_section: "account",
        pending_email: email_change::pending_change(&state.store, user_id.clone(), wanted_by, now)
            .await?,
        others: pager.previous.is_some()
            || pager.next.is_some()
            || sessions.rows.iter().any(|row| !row.is_this),
        sessions,
        pager,
        methods: methods(&state, accounts),
        providers: choices(&state),
    })
}

#[derive(Template)]
#[template(path = "pages/settings-tokens.html")]
struct TokenSettings<'a> {
    frame: Frame,
    nav_section: &'static str,
    state: &'static str,
    tokens: Page<Token, api_tokens::Cursor>,
    pager: Pager,
    token_prefix: &'a str,
    scopes: Vec<ScopeOption>,
    lives: Vec<Life>,
    /// The URL for a sample request with a new token.
    me: String,
}

/// A scope that can be chosen for a token.
struct ScopeOption {
    name: &'static str,
    meaning: &'static str,
    usual: bool,
}

impl From<GrantableScope> for ScopeOption {
    fn from(scope: GrantableScope) -> Self {
        let (name, meaning) = (scope.name(), scope.meaning());
        Self { name, meaning, usual: scope == Scope::Read.into() }
    }
}

/// A lifetime that can be chosen for a token.
struct Life {
    /// In days; empty for a token that does not expire.
    days: String,
    name: String,
    usual: bool,
}

pub(super) async fn tokens(
    session: Session,
    _: ByCookie,
    state: Data<State>,
    query: FilterQuery,
) -> Result<HttpResponse, Error> {
    let now = state.clock.now();
    let shown_state = query.choice("state").value.unwrap_or(api_tokens::State::Active);
    let filter = [("state", shown_state.into())];
    let list = List::of("/settings/tokens", &filter);
    let window: Window<api_tokens::Cursor> = list.window(&query);
    let wanted =
        api_tokens::Filter { user_id: Some(session.user.id.clone()), state: Some(shown_state) };
    let tokens = api_tokens::list(&state.store, wanted, window.clone(), now).await?;
    let pager = list.pager(&window, &tokens);
    html(&TokenSettings {
        frame: Frame::of(&state, Some(&session), "settings"),
        nav_section: "tokens",
        state: shown_state.into(),
        tokens: shown(tokens, now),
        pager,
        scopes: session.scopes().into_iter().map(ScopeOption::from).collect(),
        token_prefix: state.config.accounts.token_prefix.of_new(),
        lives: lives(state.config.accounts.max_token_days),
        me: state.site.link("/api/me", &[]).into(),
    })
}

/// Returns the lifetimes to choose from, up to the maximum that this server allows.
fn lives(longest: Option<u32>) -> Vec<Life> {
    let allowed = |days: &u32| longest.is_none_or(|longest| *days <= longest);
    let days: Vec<u32> = [7, 30, 90, 365].into_iter().filter(allowed).collect();
    let usual = days.iter().copied().filter(|days| *days <= 90).max();
    let mut lives: Vec<Life> = days
        .into_iter()
        .map(|days| Life {
            days: days.to_string(),
            name: time::in_days(days),
            usual: usual == Some(days),
        })
        .collect();
    let name = match longest {
        Some(longest) => format!("as long as this server allows: {}", time::in_days(longest)),
        None => "until it is revoked".to_owned(),
    };
    lives.push(Life { days: String::new(), name, usual: usual.is_none() });
    lives
}
