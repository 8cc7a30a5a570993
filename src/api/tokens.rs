//! The caller's API tokens. Creating, renaming and revoking them requires the cookie, so that a leaked token
//! can neither create others nor outlive its revocation through them.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Json, Path},
};
use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::{Components, RefOr, Schema},
};
use uuid::Uuid;
use validator::{Validate, ValidationError};

use super::{
    client::client,
    created,
    json::ValidJson,
    limited,
    page::{Page, Paging, window},
    query::ValidQuery,
    tag,
};
use crate::{
    error::{Code, Error, FieldError},
    fields,
    gate::{ByCookie, ByToken, Fresh, Session},
    jobs::{Job, MailKind},
    scope::{GrantableScope, Scope},
    secrets::PlainToken,
    state::State,
    store::api_tokens::{
        self, ApiToken, CreateTokenOutcome, Filter, Maker, NewToken, State as Stored, StoredScopes,
    },
    time::Timestamp,
};

/// An API token; the token itself was shown once, when it was created.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApiToken, example = json!({
    "id": "019ab2d9-41c8-7f3a-a6b1-0d8e5c2f9473",
    "name": "deploy script",
    "prefix": "sk_live_…",
    "scopes": ["read", "write"],
    "state": "active",
    "expiresAt": "2027-02-21T12:48:00.000Z",
    "lastUsedAt": "2026-11-23T13:05:00.000Z",
    "revokedAt": null,
    "createdAt": "2026-11-23T12:48:00.000Z",
}))]
pub struct TokenView {
    /// A UUID, by which it can be renamed and revoked.
    #[schema(format = Uuid)]
    id: String,
    /// Its name.
    name: String,
    /// Its first characters, to recognize it.
    prefix: String,
    /// What it may do. A newer server may have given it scopes that are not known here, which grant nothing.
    scopes: Vec<String>,
    /// Whether it works; an expired or revoked one does not.
    state: TokenState,
    /// When it expires; null for never.
    #[schema(required)]
    expires_at: Option<Timestamp>,
    /// When it was last used, to the minute or so.
    #[schema(required)]
    last_used_at: Option<Timestamp>,
    /// When it was revoked; null if it was not.
    #[schema(required)]
    revoked_at: Option<Timestamp>,
    /// When it was created.
    created_at: Timestamp,
}

/// Whether a token works.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenState {
    /// It does.
    Active,
    /// Its time is over.
    Expired,
    /// Revoked.
    Revoked,
}

impl From<Stored> for TokenState {
    fn from(state: Stored) -> Self {
        match state {
            Stored::Active => Self::Active,
            Stored::Expired => Self::Expired,
            Stored::Revoked => Self::Revoked,
        }
    }
}

impl From<TokenState> for Stored {
    fn from(state: TokenState) -> Self {
        match state {
            TokenState::Active => Self::Active,
            TokenState::Expired => Self::Expired,
            TokenState::Revoked => Self::Revoked,
        }
    }
}

impl TokenView {
    /// Creates the view of a token in its current state.
    #[must_use]
    pub fn at(now: Timestamp, row: ApiToken) -> Self {
        Self {
            state: row.state(now).into(),
            id: row.id,
            name: row.name,
            prefix: row.display_prefix,
            scopes: row.scopes.names().into_iter().map(ToOwned::to_owned).collect(),
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
            created_at: row.created_at,
        }
    }
}

/// List your tokens
///
/// Also those that have expired or were revoked; these are forgotten after 30 days.
#[utoipa::path(
    get,
    path = "/api/tokens",
    tag = tag::TOKENS,
    params(Paging),
    responses(
        (status = 200, description = "A page of your tokens, newest first", body = Page<TokenView>)
    )
)]
pub async fn list_tokens(
    session: Session,
    state: Data<State>,
    ValidQuery(paging): ValidQuery<Paging>,
) -> Result<Json<Page<TokenView>>, Error> {
    let now = state.clock.now();
    let filter = Filter { user_id: Some(session.user.id.clone()), state: None };
    let (cursor, before) = (paging.cursor.map(Into::into), paging.before.map(Into::into));
    let window = window(cursor, before, paging.limit)?;
    let page = api_tokens::list(&state.store, filter, window, now).await?;
    Ok(Json(Page::of(page, |row| TokenView::at(now, row))))
}

/// A token to create.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(
    example = json!({"name": "deploy script", "scopes": ["read", "write"], "expiresInDays": 90})
)]
pub struct CreateToken {
    /// Its name.
    #[validate(custom(function = "fields::name"))]
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What it may do; `read` and `write` if left out. `admin` is granted to admins who request it.
    #[validate(custom(function = "some_scopes"))]
    #[schema(min_items = 1)]
    scopes: Option<Vec<GrantableScope>>,
    /// The number of days after which the token expires. If left out: never, or as late as this server allows.
    #[validate(range(min = 1, max = 3650, message = "must be 1 to 3650"))]
    #[schema(minimum = 1, maximum = 3650)]
    expires_in_days: Option<u32>,
}

fn some_scopes(scopes: &[GrantableScope]) -> Result<(), ValidationError> {
    if (1..=GrantableScope::all().count()).contains(&scopes.len()) {
        return Ok(());
    }
    let message = "must hold at least one scope, and each once".into();
    Err(ValidationError::new("length").with_message(message))
}

/// Adds to a document how many scopes a token may have: as many as there are, which depends on the product.
pub(crate) fn allow_scopes(components: &mut Components, number: usize) {
    if let Some(RefOr::T(Schema::Object(body))) = components.schemas.get_mut("CreateToken")
        && let Some(RefOr::T(Schema::Array(scopes))) = body.properties.get_mut("scopes")
    {
        scopes.max_items = Some(number);
    }
}

/// A new token.
#[derive(Serialize, ToSchema)]
pub struct CreatedToken {
    #[serde(flatten)]
    view: TokenView,
    /// The token itself. It cannot be shown again.
    #[schema(example = "sk_live_…")]
    token: String,
}

/// Make a token
///
/// The answer alone carries the token: copy it now.
#[utoipa::path(
    post, path = "/api/tokens", tag = tag::TOKENS, request_body = CreateToken,
    responses((status = 201, description = "The token, which is shown only once", body = CreatedToken, headers(("Location" = String, description = "The URL of the token")))),
)]
pub async fn create_token(
    _: limited::Tokens,
    session: Session,
    ByCookie(own): ByCookie,
    _: Fresh,
    request: HttpRequest,
    state: Data<State>,
    ValidJson(body): ValidJson<CreateToken>,
) -> Result<HttpResponse, Error> {
    let usual = || vec![Scope::Read.into(), Scope::Write.into()];
    let scopes: StoredScopes = body.scopes.unwrap_or_else(usual).into_iter().collect();
    if scopes.contains(Scope::Admin.into()) && !session.allows(Scope::Admin) {
        return Err(only("scopes", ADMINS_ONLY));
    }
    let longest = state.config.accounts.max_token_days;
    if let (Some(asked), Some(longest)) = (body.expires_in_days, longest)
        && asked > longest
    {
        return Err(only("expiresInDays", format!("may be at most {longest} on this server")));
    }
    let now = state.clock.now();
    let token = PlainToken::generate(state.config.accounts.token_prefix.of_new());
    let life = body.expires_in_days.or(longest);
    let row = NewToken::new(&session.user.id, &token, body.name, &scopes, life, now);
    let maker = Maker::Owner {
        session_id: own.id.clone(),
        client: client(&request),
        notice: Job::mail_to(&session.user, MailKind::TokenCreated, now),
    };
    // What the gate has read may have changed in the meantime.
    let row = match api_tokens::create(&state.store, row, scopes, maker).await? {
        CreateTokenOutcome::Token(row) => *row,
        CreateTokenOutcome::Deactivated => return Err(Code::Unauthorized.into()),
        CreateTokenOutcome::NotAnAdmin => return Err(only("scopes", ADMINS_ONLY)),
    };
    state.job_added.notify_one();
    let id = row.id.clone();
    let item = CreatedToken { view: TokenView::at(now, row), token: token.reveal().to_owned() };
    Ok(created("/api/tokens", &id, &item))
}

const ADMINS_ONLY: &str = "`admin` is for site admins";

fn only(field: &str, message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    let fault =
        FieldError { field: field.to_owned(), code: "not_allowed".into(), message: message.into() };
    Code::ValidationFailed.on(vec![fault])
}

/// See a token
///
/// What is known of it. The token itself was shown once, when it was made.
#[utoipa::path(
    get,
    path = "/api/tokens/{id}",
    tag = tag::TOKENS,
    params(("id" = Uuid, Path, description = "The token's id")),
    responses((status = 200, description = "The token", body = TokenView))
)]
pub async fn show_token(
    session: Session,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<Json<TokenView>, Error> {
    let found = api_tokens::find(&state.store, session.user.id.clone(), id.to_string()).await?;
    Ok(Json(TokenView::at(state.clock.now(), found.ok_or(Code::NotFound)?)))
}

/// A token's new name.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "nightly job"}))]
pub struct RenameToken {
    /// Its name.
    #[validate(custom(function = "fields::name"))]
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// Rename a token
#[utoipa::path(
    patch, path = "/api/tokens/{id}", tag = tag::TOKENS, params(("id" = Uuid, Path, description = "The token's id")), request_body = RenameToken,
    responses((status = 200, description = "The token as it is now", body = TokenView)),
)]
pub async fn rename_token(
    session: Session,
    _: ByCookie,
    state: Data<State>,
    id: Path<Uuid>,
    ValidJson(body): ValidJson<RenameToken>,
) -> Result<Json<TokenView>, Error> {
    let found =
        api_tokens::rename(&state.store, session.user.id.clone(), id.to_string(), body.name)
            .await?;
    Ok(Json(TokenView::at(state.clock.now(), found.ok_or(Code::NotFound)?)))
}

/// Revoke a token
///
/// It stops working with the next request. Idempotent.
#[utoipa::path(
    delete,
    path = "/api/tokens/{id}",
    tag = tag::TOKENS,
    params(("id" = Uuid, Path, description = "The token's id")),
    responses((status = 204, description = "The token is revoked"))
)]
pub async fn revoke_token(
    session: Session,
    _: ByCookie,
    request: HttpRequest,
    state: Data<State>,
    id: Path<Uuid>,
) -> Result<HttpResponse, Error> {
    if revoke(&state, &session, id.to_string(), &request).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(Code::NotFound.into())
    }
}

/// Revoke the token that you present
///
/// Whatever its scopes: for a script that has finished, or for a person who found a leaked token.
#[utoipa::path(
    delete,
    path = "/api/tokens/current",
    tag = tag::TOKENS,
    responses((status = 204, description = "The token is revoked"))
)]
pub async fn revoke_current_token(
    session: Session,
    ByToken(id): ByToken,
    request: HttpRequest,
    state: Data<State>,
) -> Result<HttpResponse, Error> {
    revoke(&state, &session, id, &request).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn revoke(
    state: &State,
    session: &Session,
    id: String,
    request: &HttpRequest,
) -> Result<bool, Error> {
    let (user_id, now) = (session.user.id.clone(), state.clock.now());
    Ok(api_tokens::revoke(&state.store, user_id, id, client(request), now).await?)
}
