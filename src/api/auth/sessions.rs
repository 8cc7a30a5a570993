//! The session that asks, and its sisters.

use std::sync::Arc;

use actix_web::{
    Responder,
    http::header::PRAGMA,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::{DONE, Status};
use crate::{
    api::{
        json::ProtocolJson,
        query::ProtocolQuery,
        tag,
        user::{SessionView, User},
    },
    error::Error,
    gate::{ByCookie, Session, cookie::SessionCookie},
    state::State,
    store::sessions::{self, SessionRow, Which},
};

/// Whoever is signed in.
#[derive(Serialize, ToSchema)]
pub struct Current {
    /// The session; null for an API token.
    #[schema(required)]
    session: Option<SessionView>,
    user: User,
}

/// How to look.
#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct Looking {
    /// Any text: leave the session's end where it is.
    disable_refresh: Option<String>,
}

/// Ask who is signed in
///
/// Answers `null` when nobody is. Once a day it moves the session's end and sends the cookie again.
/// A token is answered `{"session": null, "user": …}`.
#[utoipa::path(
    get, path = "/api/auth/get-session", tag = tag::AUTH, params(Looking),
    responses((status = 200, description = "Whoever is signed in, or null", body = Option<Current>)),
)]
pub async fn get_session(
    session: Option<Session>,
    cookie: SessionCookie,
    state: Data<State>,
    ProtocolQuery(looking): ProtocolQuery<Looking>,
) -> Result<impl Responder, Error> {
    let current = match session {
        None => {
            cookie.remove_if_stale();
            None
        }
        Some(Session { user, session: None, .. }) => {
            Some(Current { session: None, user: user.into() })
        }
        Some(Session { user, session: Some(row), .. }) => {
            let asleep = looking.disable_refresh.is_some_and(|text| !text.is_empty());
            let row = Arc::unwrap_or_clone(row);
            let row = if asleep { row } else { refresh(&state, &cookie, row).await? };
            Some(Current { session: Some(row.into()), user: user.into() })
        }
    };
    Ok(Json(current).customize().insert_header((PRAGMA, "no-cache")))
}

/// Moves a session's end where that is due. If it was ended meanwhile it is left at that, and the
/// cookie is not sent again; if the store can only be read, the session is still a good one.
async fn refresh(
    state: &State,
    cookie: &SessionCookie,
    row: SessionRow,
) -> Result<SessionRow, Error> {
    let now = state.clock.now();
    let Some(until) = row.refreshed(now) else { return Ok(row) };
    match sessions::refresh(&state.store, &row, until, now).await {
        Ok(true) => {
            cookie.renew()?;
            Ok(SessionRow { expires_at: until, updated_at: now, ..row })
        }
        Ok(false) => Ok(row),
        Err(fault) => {
            tracing::warn!(%fault, "a session could not be refreshed");
            Ok(row)
        }
    }
}

/// List your sessions
///
/// Every browser that is signed in as you, newest first.
#[utoipa::path(get, path = "/api/auth/list-sessions", tag = tag::AUTH, responses((status = 200, description = "Your sessions", body = Vec<SessionView>)))]
pub async fn list_sessions(
    session: Session,
    _: ByCookie,
    state: Data<State>,
) -> Result<Json<Vec<SessionView>>, Error> {
    let rows = sessions::list(&state.store, session.user.id.clone(), state.clock.now()).await?;
    Ok(Json(rows.into_iter().map(SessionView::from).collect()))
}

/// Which session to end.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"token": "019ab000-0000-7000-8000-000000000000"}))]
pub struct RevokeSession {
    /// The session's id, as list-sessions has it.
    #[validate(
        length(max = 100, message = "is too long"),
        does_not_contain(pattern = "\0", message = "is not an id")
    )]
    token: String,
}

/// End one of your sessions
///
/// One that is not there, or not yours, is no error: nothing is ended then.
#[utoipa::path(
    post, path = "/api/auth/revoke-session", tag = tag::AUTH, request_body = RevokeSession,
    responses((status = 200, description = "It is no more", body = Status)),
)]
pub async fn revoke_session(
    session: Session,
    ByCookie(own): ByCookie,
    cookie: SessionCookie,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<RevokeSession>,
) -> Result<Json<Status>, Error> {
    let is_own = own.id == body.token;
    let which = Which::One(body.token);
    sessions::end(&state.store, session.user.id.clone(), which, state.clock.now()).await?;
    if is_own {
        cookie.remove();
    }
    Ok(Json(DONE))
}

/// End all your sessions
///
/// This one too: the cookie is removed.
#[utoipa::path(post, path = "/api/auth/revoke-sessions", tag = tag::AUTH, responses((status = 200, description = "They are no more", body = Status)))]
pub async fn revoke_sessions(
    session: Session,
    _: ByCookie,
    cookie: SessionCookie,
    state: Data<State>,
) -> Result<Json<Status>, Error> {
    sessions::end(&state.store, session.user.id.clone(), Which::All, state.clock.now()).await?;
    cookie.remove();
    Ok(Json(DONE))
}

/// End all your other sessions
#[utoipa::path(post, path = "/api/auth/revoke-other-sessions", tag = tag::AUTH, responses((status = 200, description = "They are no more", body = Status)))]
pub async fn revoke_other_sessions(
    session: Session,
    ByCookie(own): ByCookie,
    state: Data<State>,
) -> Result<Json<Status>, Error> {
    let which = Which::AllBut(own.id.clone());
    sessions::end(&state.store, session.user.id.clone(), which, state.clock.now()).await?;
    Ok(Json(DONE))
}
