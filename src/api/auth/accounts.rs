//! The ways in which somebody signs in.

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

/// A way in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the protocol's names")]
pub struct Account {
    id: String,
    /// `credential` is a password.
    #[schema(example = "credential")]
    provider_id: String,
    /// Your id there; for a password, your user's.
    account_id: String,
    user_id: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// What the provider lets us do; nothing, for a password.
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

/// List the ways in which you sign in
#[utoipa::path(get, path = "/api/auth/list-accounts", tag = tag::AUTH, responses((status = 200, description = "Your ways in", body = Vec<Account>)))]
pub async fn list_accounts(
    session: Session,
    _: ByCookie,
    state: Data<State>,
) -> Result<Json<Vec<Account>>, Error> {
    let rows = accounts::list(&state.store, session.user.id.clone()).await?;
    Ok(Json(rows.into_iter().map(Account::from).collect()))
}
