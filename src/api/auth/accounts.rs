//! The sign-in methods of a user.

use actix_web::web::{Data, Json};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::tag,
    error::Error,
    gate::{ByCookie, Session},
    state::State,
    store::accounts,
    time::Timestamp,
};

/// A sign-in method.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "019ab2c4-7d11-7d6f-a0c4-8b2e5f7a9d13",
    "providerId": "credential",
    "accountId": "019ab2c4-7d10-7a4e-9c3b-2f6e8d0a1b5c",
    "userId": "019ab2c4-7d10-7a4e-9c3b-2f6e8d0a1b5c",
    "createdAt": "2026-11-23T12:48:00.000Z",
    "updatedAt": "2026-11-23T12:48:00.000Z",
    "scopes": [],
}))]
#[expect(clippy::struct_field_names, reason = "the protocol's names")]
pub struct Account {
    /// A UUID.
    #[schema(format = Uuid)]
    id: String,
    /// `credential` is a password.
    provider_id: String,
    /// Your id there; for a password, your user's.
    account_id: String,
    /// The user who signs in with it.
    #[schema(format = Uuid)]
    user_id: String,
    /// When it was added.
    created_at: Timestamp,
    /// When it was last changed: of a password, when it was chosen.
    updated_at: Timestamp,
    /// The scopes that the provider granted; empty for a password.
    scopes: Vec<String>,
}

impl From<accounts::Account> for Account {
    fn from(row: accounts::Account) -> Self {
        Self {
            id: row.id,
            provider_id: row.provider_id,
            account_id: row.account_id,
            user_id: row.user_id,
            created_at: row.created_at,
            updated_at: row.updated_at,
            scopes: Vec::new(),
        }
    }
}

/// List your sign-in methods
#[utoipa::path(
    get,
    path = "/api/auth/list-accounts",
    tag = tag::AUTH,
    responses((status = 200, description = "Your sign-in methods", body = Vec<Account>))
)]
pub async fn list_accounts(
    session: Session,
    _: ByCookie,
    state: Data<State>,
) -> Result<Json<Vec<Account>>, Error> {
    let rows = accounts::list(&state.store, session.user.id.clone()).await?;
    Ok(Json(rows.into_iter().map(Account::from).collect()))
}
