//! Somebody's own account.

use actix_web::{HttpResponse, web::Data};
use askama::Template;

use super::{
    device::{Device, devices},
    frame::{Frame, html},
    query::{Paging, window},
    tokens::{Token, shown},
};
use crate::{
    api::query::ValidQuery,
    error::Error,
    gate::{ByCookie, Session},
    state::State,
    store::{page::Page, sessions, tokens},
};

#[derive(Template)]
#[template(path = "pages/settings.html")]
struct Settings<'a> {
    frame: Frame,
    sessions: Page<Device>,
    /// Whether there are sessions beside this one.
    others: bool,
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
    let filter = tokens::Filter { user_id: Some(user_id.clone()), state: None };
    let shown_tokens = window(paging.cursor.map(Into::into));
    let tokens = tokens::list(&state.store, filter, shown_tokens, now).await?;
    html(&Settings {
        frame: Frame::of(&state, Some(&session), "settings"),
        others: sessions.next.is_some() || sessions.rows.iter().any(|row| !row.is_this),
        sessions,
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
