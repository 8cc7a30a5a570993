//! Credentials: the rows that authenticate a request, found by the hash of their secret.

use std::{hash::Hash, sync::Arc};

use diesel::{QueryResult, SqliteConnection};
use diesel_async::AsyncPgConnection;

use super::epoch::Epoch;
use crate::{store::tables::users::User, time::Timestamp};

/// A credential, its user, and the epoch that the same statement saw.
pub(super) type Found<C> = (C, User, Epoch);

/// A row that authenticates a request.
pub(super) trait Credential: Clone + Send + Sync + 'static {
    type Hash: Copy + Eq + Hash + Send + Sync;

    /// Whether the credential itself is valid now; whether its user is active is checked elsewhere.
    fn is_live(&self, now: Timestamp) -> bool;

    fn last_used_at(&self) -> Option<Timestamp>;

    /// The lookup on PostgreSQL: one statement for a batch of hashes.
    fn find_all(
        connection: Arc<AsyncPgConnection>,
        hashes: Vec<Self::Hash>,
    ) -> impl Future<Output = QueryResult<Vec<(Self::Hash, Found<Self>)>>> + Send;

    /// The lookup on SQLite: one statement for one hash.
    fn find_one(
        connection: &mut SqliteConnection,
        hash: Self::Hash,
    ) -> QueryResult<Option<Found<Self>>>;
}
