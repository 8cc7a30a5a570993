//! Lists a user's sessions and ends one or all of them; revokes all of a user's tokens.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Json, Path},
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    api::{
        client::client,
        page::{Page, Paging, window},
        query::ValidQuery,
        tag,
        user::SessionView,
    },
    error::{Code, Error},
    gate::{Fresh, SiteAdmin},
    state::State,
    store::{
        activity::{Action, Event},
        api_tokens,
        sessions::{self, SessionRow},
        users,
    },
};

/// The number of sessions or tokens that were revoked.
#[derive(Serialize, ToSchema)]
pub struct EndedCount {
    /// How many were valid until now.
    #[schema(example = 2)]
    ended: usize,
}

/// List a user's sessions
///
/// The browsers in which the user is signed in, newest first.
#[utoipa::path(
    get,
    path = "/api/admin/users/{id}/sessions",
    tag = tag::ADMIN,
    params(("id" = Uuid, Path, description = "The user's id"), Paging),
    responses(
        (
            status = 200,
            description = "A page of their sessions, newest first",
            body = Page<SessionView>
        )
    )
)]
pub async fn list_user_sessions(
    _: SiteAdmin,
    state: Data<State>,
    id: Path<Uuid>,
    ValidQuery(paging): ValidQuery<Paging>,
) -> Result<Json<Page<SessionView>>, Error> {
    let id = existing(&state, &id).await?;
    let window = window(paging.cursor, paging.before, paging.limit)?;
    let page = sessions::list(&state.store, id, window, state.clock.now()).await?;
    Ok(Json(Page::of(page, SessionView::from)))
}

/// End a user's sessions
///
/// All their browsers are signed out with the next request.
#[utoipa::path(
    delete,
    path = "/api/admin/users/{id}/sessions",
    tag = tag::ADMIN,
    params(("id" = Uuid, Path, description = "The user's id")),
    responses((status = 200, description = "The sessions ended", body = EndedCount))
)]
pub async fn end_user_sessions(
    admin: SiteAdmin,
    _: Fresh,
    request: HttpRequest,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<Json<EndedCount>, Error> {
    let id = existing(&state, &id).await?;
    let event = event(&admin, Action::SessionsEnded, &id, &request, &state);
    let ended = sessions::end_as_admin(&state.store, id, state.clock.now(), event).await??;
    Ok(Json(EndedCount { ended }))
}

/// Revoke a user's tokens
///
/// All their tokens stop working with the next request.
#[utoipa::path(
    delete,
    path = "/api/admin/users/{id}/tokens",
    tag = tag::ADMIN,
    params(("id" = Uuid, Path, description = "The user's id")),
    responses((status = 200, description = "The tokens are revoked", body = EndedCount))
)]
pub async fn revoke_user_tokens(
    admin: SiteAdmin,
    _: Fresh,
    request: HttpRequest,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<Json<EndedCount>, Error> {
    let id = existing(&state, &id).await?;
    let event = event(&admin, Action::TokensRevoked, &id, &request, &state);
    let ended = api_tokens::revoke_all(&state.store, id, state.clock.now(), event).await??;
    Ok(Json(EndedCount { ended }))
}

/// End a session
///
/// That browser is signed out with its next request.
#[utoipa::path(
    delete,
    path = "/api/admin/sessions/{id}",
    tag = tag::ADMIN,
    params(("id" = Uuid, Path, description = "The session's id")),
    responses((status = 204, description = "Session ended"))
)]
pub async fn end_any_session(
    admin: SiteAdmin,
    _: Fresh,
    request: HttpRequest,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<HttpResponse, Error> {
    let now = state.clock.now();
    let actor = admin.user.id.clone();
    let by_admin = {
        let (actor, client) = (actor.clone(), client(&request));
        move |session: &SessionRow| {
            let detail = json!({ "sessionId": session.id });
            Event::new(Some(&actor), Action::SessionEnded, &session.user_id, &detail, now)
                .from_client(client.clone())
        }
    };
    let id = id.to_string();
    sessions::end_one_as_admin(&state.store, Some(actor), id, now, by_admin).await??;
    Ok(HttpResponse::NoContent().finish())
}

async fn existing(state: &State, id: &Uuid) -> Result<String, Error> {
    let user = users::find(&state.store, id.to_string()).await?;
    Ok(user.ok_or(Code::NotFound)?.id)
}

fn event(
    admin: &SiteAdmin,
    action: Action,
    user_id: &str,
    request: &HttpRequest,
    state: &State,
) -> Event {
    Event::new(Some(&admin.user.id), action, user_id, &json!({}), state.clock.now())
        .from_client(client(request))
}
