//! Somebody's own account, and their tokens.

use actix_web::{HttpResponse, web::Data};
use askama::Template;
use serde::Deserialize;
use validator::Validate;

use super::{
    device::{Device, devices},
    frame::{Frame, html},
    query::{Paging, filled, window},
    tokens::{Token, shown},
};
use crate::{
    api::{auth::email::wanted_by, query::ValidQuery},
    error::Error,
    gate::{ByCookie, Session},
    state::State,
    store::{emails, page::Page, sessions, tokens},
};

#[derive(Template)]
#[template(path = "pages/settings.html")]
struct Settings {
    frame: Frame,
    room: &'static str,
    /// The email that they have asked to change theirs to.
    pending_email: Option<String>,
    sessions: Page<Device>,
    /// Whether there are sessions beside this one.
    others: bool,
}

pub(super) async fn settings(
    session: Session,
    ByCookie(own): ByCookie,
    state: Data<State>,
    ValidQuery(paging): ValidQuery<Paging>,
) -> Result<HttpResponse, Error> {
    let now = state.clock.now();
    let user_id = &session.user.id;
    let shown_sessions = window(paging.sessions);
    let sessions = sessions::list(&state.store, user_id.clone(), shown_sessions, now).await?;
    let sessions = devices(sessions, &own.id);
    html(&Settings {
        frame: Frame::of(&state, Some(&session), "settings"),
        room: "account",
        pending_email: emails::pending_change(&state.store, user_id.clone(), wanted_by, now)
            .await?,
        others: sessions.next.is_some() || sessions.rows.iter().any(|row| !row.is_this),
        sessions,
    })
}

/// Which tokens: those of one state.
#[derive(Deserialize, Validate)]
pub(super) struct TokenFilter {
    #[serde(default, deserialize_with = "filled")]
    state: Option<tokens::State>,
    #[serde(default, deserialize_with = "filled")]
    cursor: Option<tokens::Cursor>,
}

#[derive(Template)]
#[template(path = "pages/settings-tokens.html")]
struct TokenSettings<'a> {
    frame: Frame,
    room: &'static str,
    state: &'static str,
    tokens: Page<Token, tokens::Cursor>,
    token_prefix: &'a str,
    lives: Vec<Life>,
    /// What a new token is tried on.
    me: String,
}

/// How long a token may live.
struct Life {
    /// In days; without any, for ever.
    days: String,
    name: String,
    usual: bool,
}

pub(super) async fn tokens(
    session: Session,
    _: ByCookie,
    state: Data<State>,
    ValidQuery(filter): ValidQuery<TokenFilter>,
) -> Result<HttpResponse, Error> {
    let now = state.clock.now();
    let shown_state = filter.state.unwrap_or(tokens::State::Active);
    let wanted =
        tokens::Filter { user_id: Some(session.user.id.clone()), state: Some(shown_state) };
    let tokens = tokens::list(&state.store, wanted, window(filter.cursor), now).await?;
    html(&TokenSettings {
        frame: Frame::of(&state, Some(&session), "settings"),
        room: "tokens",
        state: shown_state.into(),
        tokens: shown(tokens, now),
        token_prefix: state.config.token_prefix.of_new(),
        lives: lives(state.config.max_token_days),
        me: state.site.link("/api/me", &[]).into(),
    })
}

/// The lives to choose from, up to the longest that this server allows.
fn lives(longest: Option<u32>) -> Vec<Life> {
    let allowed = |days: &u32| longest.is_none_or(|longest| *days <= longest);
    let days: Vec<u32> = [7, 30, 90, 365].into_iter().filter(allowed).collect();
    let usual = days.iter().copied().filter(|days| *days <= 90).max();
    let mut lives: Vec<Life> = days
        .into_iter()
        .map(|days| Life {
            days: days.to_string(),
            name: format!("{days} days"),
            usual: usual == Some(days),
        })
        .collect();
    let name = match longest {
        Some(longest) => format!("as long as this server allows: {longest} days"),
        None => "until it is revoked".to_owned(),
    };
    lives.push(Life { days: String::new(), name, usual: usual.is_none() });
    lives
}
