//! The API tokens of all users.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Json, Path},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use validator::Validate;

use crate::{
    api::{
        client::client,
        page::{Page, default_limit, window},
        query::ValidQuery,
        tag,
        tokens::{TokenState, TokenView},
    },
    error::Error,
    gate::{Fresh, SiteAdmin},
    state::State,
    store::{
        activity::{Action, Event},
        api_tokens::{self, ApiToken, Cursor, Filter},
    },
};

/// A user's token: its metadata, never the token itself.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdminToken {
    /// The user whose token it is.
    #[schema(format = Uuid, example = "019ab2c4-7d10-7a4e-9c3b-2f6e8d0a1b5c")]
    user_id: String,
    #[serde(flatten)]
    view: TokenView,
}

/// Which tokens.
#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Listing {
    /// Only tokens of this user.
    user_id: Option<Uuid>,
    /// Only those in this state. Active ones come in the order of their expiry: first those without one, then
    /// those that last longest. Of expired ones the latest comes first.
    #[param(inline)]
    state: Option<TokenState>,
    /// `nextCursor` of the page before; without it, the first page.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
    /// `previousCursor` of the page after, for the page before it. Not together with `cursor`.
    #[param(value_type = Option<String>)]
    before: Option<Cursor>,
    /// The number of items on a page, 1 to 100.
    #[serde(default = "default_limit")]
    #[validate(range(min = 1, max = 100, message = "must be 1 to 100"))]
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: u32,
}

/// List anyone's tokens
///
/// Of all users, or of one: their metadata, never the tokens themselves.
#[utoipa::path(
    get,
    path = "/api/admin/tokens",
    tag = tag::ADMIN,
    params(Listing),
    responses(
        (
            status = 200,
            description = "A page of tokens, newest first unless a state is asked for",
            body = Page<AdminToken>
        )
    )
)]
pub async fn list_all_tokens(
    _: SiteAdmin,
    state: Data<State>,
    ValidQuery(listing): ValidQuery<Listing>,
) -> Result<Json<Page<AdminToken>>, Error> {
    let now = state.clock.now();
    let filter = Filter {
        user_id: listing.user_id.map(|id| id.to_string()),
        state: listing.state.map(Into::into),
    };
    let window = window(listing.cursor, listing.before, listing.limit)?;
    let page = api_tokens::list(&state.store, filter, window, now).await?;
    Ok(Json(Page::of(page, |row| AdminToken {
        user_id: row.user_id.clone(),
        view: TokenView::at(now, row),
    })))
}

/// Revoke anyone's token
///
/// It stops working with the next request. Idempotent.
#[utoipa::path(
    delete,
    path = "/api/admin/tokens/{id}",
    tag = tag::ADMIN,
    params(("id" = Uuid, Path, description = "The token's id")),
    responses((status = 204, description = "The token is revoked"))
)]
pub async fn revoke_any_token(
    admin: SiteAdmin,
    _: Fresh,
    request: HttpRequest,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<HttpResponse, Error> {
    let (actor, now) = (admin.user.id.clone(), state.clock.now());
    let by_admin = {
        let (actor, client) = (actor.clone(), client(&request));
        move |token: &ApiToken| {
            let detail = json!({ "tokenId": token.id });
            Event::new(Some(&actor), Action::TokenRevoked, &token.user_id, &detail, now)
                .from_client(client.clone())
        }
    };
    api_tokens::revoke_as_admin(&state.store, Some(actor), id.to_string(), by_admin, now).await??;
    Ok(HttpResponse::NoContent().finish())
}
