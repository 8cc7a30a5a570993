//! Restores suspended access with a mailed link, where passwords are not used.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde::Deserialize;
use utoipa::ToSchema;
use validator::Validate;

use super::{
    browser,
    magic_link::{MagicLinkResponse, reached},
};
use crate::{
    api::{json::ProtocolJson, limited, tag},
    error::{Code, Error},
    gate::{NotByToken, cookie::SessionCookie},
    secrets::{LinkSecret, SessionSecret},
    state::State,
    store::suspension,
};

/// The secret of a link.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"token": "the part of the link after token="}))]
pub struct RestoreAccess {
    /// What the link carries.
    token: String,
}

/// Restore suspended access
///
/// Ends the suspension with the secret of a link, which a server that uses no passwords mails in place of a link to
/// choose one, and signs in. Revokes all sessions, tokens, passkeys, linked accounts and links from before. The link
/// works once, for an hour; `POST /api/auth/sign-in/magic-link` mails another.
#[utoipa::path(
    post, path = "/api/auth/restore-access", tag = tag::AUTH, request_body = RestoreAccess,
    responses((status = 200, description = "Access is restored", body = MagicLinkResponse)),
)]
pub async fn restore_access(
    _: limited::SignIn,
    _: NotByToken,
    cookie: SessionCookie,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<RestoreAccess>,
) -> Result<HttpResponse, Error> {
    let link = LinkSecret::presented(body.token).hash();
    let secret = SessionSecret::generate();
    let browser = browser(&state.site, &request, &cookie, &secret, true);
    let now = state.clock.now();
    let outcome =
        suspension::restore(&state.store, link, browser, now).await?.map_err(Code::from)?;
    reached(&state, &request, &cookie, outcome, secret)??.respond(&state, None)
}
