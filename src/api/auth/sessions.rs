//! The caller's current session and other sessions.

use actix_web::{
    HttpRequest, Responder,
    http::header::{LINK, PRAGMA},
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::{DONE, StatusResponse};
use crate::{
    api::{
        client::client,
        json::ProtocolJson,
        page::window,
        query::ProtocolQuery,
        tag,
        user::{SessionView, User},
    },
    error::{Code, Error},
    fields,
    gate::{ByCookie, Session, cookie::SessionCookie},
    state::State,
    store::{
        page::Cursor,
        sessions::{self, Which},
    },
};

/// The session and its user.
#[derive(Serialize, ToSchema)]
pub struct CurrentSession {
    /// The session; null for an API token.
    #[schema(required)]
    session: Option<SessionView>,
    /// The user who is signed in, or whose token it is.
    user: User,
}

/// How to look.
#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct Looking {
    /// Any text: this request does not extend the session.
    #[allow(dead_code, reason = "the gate reads it")]
    disable_refresh: Option<String>,
}

/// Get the session
///
/// Returns `null` to anonymous clients. Like every request, it extends a remembered session once a day, until it is
/// 30 days old; `disableRefresh` prevents that. With a token the response is `{"session": null, "user": …}`.
#[utoipa::path(
    get, path = "/api/auth/get-session", tag = tag::AUTH, params(Looking),
    responses((status = 200, description = "The session and its user, or null", body = Option<CurrentSession>)),
)]
pub async fn get_session(
    session: Option<Session>,
    ProtocolQuery(_): ProtocolQuery<Looking>,
) -> impl Responder {
    let current = session.map(|Session { user, session, .. }| CurrentSession {
        session: session.map(SessionView::from),
        user: user.into(),
    });
    Json(current).customize().insert_header((PRAGMA, "no-cache"))
}

/// Which of your sessions.
#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SessionPaging {
    /// The id of the last session of the page before; without it, the first page.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
    /// The id of the first session of the page after, for the page before it. Not together with `cursor`.
    #[param(value_type = Option<String>)]
    before: Option<Cursor>,
    /// The number of items on a page, 1 to 100.
    #[serde(default = "most_listed")]
    #[validate(range(min = 1, max = 100, message = "must be 1 to 100"))]
    #[param(minimum = 1, maximum = 100, default = 100)]
    limit: u32,
}

fn most_listed() -> u32 {
    100
}

/// List your sessions
///
/// The browsers that are signed in as you, newest first. If there are more than fit on a page, the header `Link`
/// has the next and the previous page (RFC 8288, `rel="next"` and `rel="prev"`).
#[utoipa::path(
    get, path = "/api/auth/list-sessions", tag = tag::AUTH, params(SessionPaging),
    responses((status = 200, description = "A page of your sessions", body = Vec<SessionView>, headers(("Link" = Option<String>, description = "The next and the previous page, if there are any")))),
)]
pub async fn list_sessions(
    session: Session,
    _: ByCookie,
    state: Data<State>,
    ProtocolQuery(SessionPaging { cursor, before, limit }): ProtocolQuery<SessionPaging>,
) -> Result<impl Responder, Error> {
    let window = window(cursor, before, limit).map_err(|_| {
        Code::ProtocolValidation.because("[query] before cannot be combined with cursor")
    })?;
    let page =
        sessions::list(&state.store, session.user.id.clone(), window, state.clock.now()).await?;
    let views: Vec<SessionView> = page.rows.into_iter().map(SessionView::from).collect();
    let link = |name: &str, cursor: Cursor, rel: &str| {
        format!("</api/auth/list-sessions?limit={limit}&{name}={cursor}>; rel=\"{rel}\"")
    };
    let next = page.next.map(|cursor| link("cursor", cursor, "next"));
    let previous = page.previous.map(|cursor| link("before", cursor, "prev"));
    let links: Vec<String> = next.into_iter().chain(previous).collect();
    let listed = Json(views).customize();
    Ok(if links.is_empty() { listed } else { listed.insert_header((LINK, links.join(", "))) })
}

/// Which session to end.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"token": "019ab2c4-7d1f-7b02-8e4d-6a9c1f3b7e20"}))]
pub struct RevokeSession {
    /// The session's id, as list-sessions has it.
    #[validate(custom(function = "fields::id"))]
    token: String,
}

/// End one of your sessions
///
/// An unknown session, or one of another user, is not an error: nothing is ended.
#[utoipa::path(
    post, path = "/api/auth/revoke-session", tag = tag::AUTH, request_body = RevokeSession,
    responses((status = 200, description = "The session ended", body = StatusResponse)),
)]
pub async fn revoke_session(
    session: Session,
    ByCookie(own): ByCookie,
    cookie: SessionCookie,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<RevokeSession>,
) -> Result<Json<StatusResponse>, Error> {
    let is_own = own.id == body.token;
    let which = Which::One(body.token);
    end(&state, &session, which, &request).await?;
    if is_own {
        cookie.remove();
    }
    Ok(Json(DONE))
}

/// End all your sessions
///
/// This includes the current one, whose cookie is removed.
#[utoipa::path(
    post,
    path = "/api/auth/revoke-sessions",
    tag = tag::AUTH,
    responses((status = 200, description = "The sessions ended", body = StatusResponse))
)]
pub async fn revoke_sessions(
    session: Session,
    _: ByCookie,
    cookie: SessionCookie,
    request: HttpRequest,
    state: Data<State>,
) -> Result<Json<StatusResponse>, Error> {
    end(&state, &session, Which::All, &request).await?;
    cookie.remove();
    Ok(Json(DONE))
}

/// End all your other sessions
#[utoipa::path(
    post,
    path = "/api/auth/revoke-other-sessions",
    tag = tag::AUTH,
    responses((status = 200, description = "The sessions ended", body = StatusResponse))
)]
pub async fn revoke_other_sessions(
    session: Session,
    ByCookie(own): ByCookie,
    request: HttpRequest,
    state: Data<State>,
) -> Result<Json<StatusResponse>, Error> {
    let which = Which::AllBut(own.id.clone());
    end(&state, &session, which, &request).await?;
    Ok(Json(DONE))
}

async fn end(
    state: &State,
    session: &Session,
    which: Which,
    request: &HttpRequest,
) -> Result<(), Error> {
    let (user_id, now) = (session.user.id.clone(), state.clock.now());
    Ok(sessions::end(&state.store, user_id, which, client(request), now).await?)
}
