//! Signs out.

use actix_web::{
    HttpRequest,
    web::{Data, Json},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{client::client, tag},
    error::Error,
    gate::{NotByToken, cookie::SessionCookie},
    state::State,
    store::sessions,
};

/// Signed out.
#[derive(Serialize, ToSchema)]
pub struct SignedOut {
    /// Always true, also for clients that were not signed in.
    #[schema(example = true)]
    success: bool,
}

/// Sign out
///
/// Ends the session on the server and removes the cookie. Other devices stay signed in.
#[utoipa::path(
    post,
    path = "/api/auth/sign-out",
    tag = tag::AUTH,
    responses((status = 200, description = "Signed out", body = SignedOut))
)]
pub async fn sign_out(
    _: NotByToken,
    cookie: SessionCookie,
    request: HttpRequest,
    state: Data<State>,
) -> Result<Json<SignedOut>, Error> {
    // By its secret, not by the session that the gate found: a deactivated user may still end a session.
    if let Some(secret) = cookie.presented() {
        sessions::end_by_secret(&state.store, secret, client(&request), state.clock.now()).await?;
        cookie.remove();
    }
    Ok(Json(SignedOut { success: true }))
}
