//! Sign-ins at identity providers that have begun.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    secrets::FlowStateHash,
    store::{Error, Store, schema::provider_flows, transaction},
    time::{Span, Timestamp, seconds},
};

/// How long a user may take at the provider.
pub const LIFETIME: Span = seconds(10 * 60);

/// A row of `provider_flows`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = provider_flows)]
pub struct ProviderFlow {
    /// The hash of its state.
    pub state_hash: FlowStateHash,
    /// The provider's id.
    pub provider_id: String,
    /// The user who links an account; none for a sign-in.
    pub user_id: Option<String>,
    /// The session in which they do.
    pub session_id: Option<String>,
    /// Where to go after it.
    pub callback_url: Option<String>,
    /// Where a new user goes instead.
    pub new_user_callback_url: Option<String>,
    /// Where to go after a failure.
    pub error_callback_url: Option<String>,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Begins a flow.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn begin(store: &Store, flow: ProviderFlow) -> Result<(), Error> {
    transaction!(store, |conn| {
        diesel::insert_into(provider_flows::table).values(&flow).execute(conn).await?;
        Ok(())
    })
}

/// Ends a flow, and returns it if it has not expired. Of concurrent calls, one gets it.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn end(
    store: &Store,
    state: FlowStateHash,
    now: Timestamp,
) -> Result<Option<ProviderFlow>, Error> {
    transaction!(store, |conn| diesel::delete(provider_flows::table.find(state))
        .filter(provider_flows::expires_at.gt(now))
        .returning(ProviderFlow::as_returning())
        .get_result(conn)
        .await
        .optional())
}
