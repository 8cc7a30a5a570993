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
    /// The user who links an account.
    pub user_id: Option<String>,
    /// The session in which they do, or which is to be fresh again.
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

/// What a flow leads to.
///
/// Only the flow that links an account has a `user_id`, so that an instance of an earlier version, which knows no
/// re-authentication, takes one for a sign-in and not for a link: linking requires a fresh session, signing in does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlowPurpose {
    /// A session.
    SignIn,
    /// An account that is linked to a user, in this session.
    Link {
        /// The user's id.
        user_id: String,
        /// The session's id.
        session_id: String,
    },
    /// A session that is fresh again.
    Reauthentication {
        /// The session's id.
        session_id: String,
    },
}

impl FlowPurpose {
    /// Returns the columns `user_id` and `session_id`.
    #[must_use]
    pub fn into_columns(self) -> (Option<String>, Option<String>) {
        match self {
            Self::SignIn => (None, None),
            Self::Link { user_id, session_id } => (Some(user_id), Some(session_id)),
            Self::Reauthentication { session_id } => (None, Some(session_id)),
        }
    }
}

impl ProviderFlow {
    /// Returns what it leads to.
    #[must_use]
    pub fn purpose(&self) -> FlowPurpose {
        match (self.user_id.clone(), self.session_id.clone()) {
            (Some(user_id), Some(session_id)) => FlowPurpose::Link { user_id, session_id },
            (None, Some(session_id)) => FlowPurpose::Reauthentication { session_id },
            (_, None) => FlowPurpose::SignIn,
        }
    }

    /// Returns when it began.
    #[must_use]
    pub fn begun_at(&self) -> Timestamp {
        self.expires_at - LIFETIME
    }
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
