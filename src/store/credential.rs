//! Credentials: the rows that authenticate a request (sessions and API tokens), found by the hash of their secret.

use std::{hash::Hash, sync::Arc};

use diesel::{QueryResult, SqliteConnection};
use diesel_async::AsyncPgConnection;

use super::{
    Database, Error, Store,
    batch_loader::{BatchLoader, BatchLoaders},
    credential_cache::{CacheMap, CredentialCache, Resolved},
    epoch::Epoch,
    per_worker,
    users::User,
};
use crate::time::Timestamp;

/// A credential, its user, and the epoch that the same statement saw.
pub(super) type Found<T> = (T, User, Epoch);

/// A row that authenticates a request.
pub(super) trait Credential: Clone + Send + Sync + 'static {
    type Hash: Copy + Eq + Hash + Send + Sync;

    fn map(cache: &CredentialCache) -> &CacheMap<Self>;

    fn loader(loaders: &BatchLoaders) -> &BatchLoader<Self>;

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

/// Implements the lookups of [`Credential`]: one statement that finds credentials by the hash in this column and keeps
/// those of the current generation (the condition).
macro_rules! credential_lookup {
    ($table:ident.$column:ident, $is_current:path) => {
        async fn find_all(
            connection: Arc<diesel_async::AsyncPgConnection>,
            hashes: Vec<Self::Hash>,
        ) -> QueryResult<Vec<(Self::Hash, $crate::store::credential::Found<Self>)>> {
            use diesel_async::RunQueryDsl;
            use $crate::store::{epoch::Epoch, generation, schema::users, users::User};
            $table::table
                .inner_join(users::table)
                .inner_join(generation::site())
                .filter($table::$column.eq_any(hashes))
                .filter($is_current())
                .select((
                    $table::$column,
                    (Self::as_select(), User::as_select(), Epoch::as_select()),
                ))
                .load(&mut &*connection)
                .await
        }

        fn find_one(
            connection: &mut diesel::SqliteConnection,
            hash: Self::Hash,
        ) -> QueryResult<Option<$crate::store::credential::Found<Self>>> {
            use diesel::RunQueryDsl;
            use $crate::store::{epoch::Epoch, generation, schema::users, users::User};
            let found = $table::table
                .inner_join(users::table)
                .inner_join(generation::site())
                .filter($table::$column.eq(hash))
                .filter($is_current())
                .select((Self::as_select(), User::as_select(), Epoch::as_select()));
            RunQueryDsl::get_result(found, connection).optional()
        }
    };
}

pub(super) use credential_lookup;

impl Store {
    /// Returns the credential of the current generation whose secret has this hash, and its user, from the cache or
    /// the database. Whether it has expired or its user is deactivated is for the caller to check.
    ///
    /// Every request waits for this statement, so it bypasses the queues that all other statements share.
    pub(super) async fn lookup<T: Credential>(
        &self,
        hash: T::Hash,
        now: Timestamp,
    ) -> Result<Option<Arc<Resolved<T>>>, Error> {
        if let Some(cached) = self.cache.get(hash, now) {
            return Ok(Some(cached));
        }
        // Boxed, so that the future of a request that the cache answers does not carry room for the database path.
        let found = Box::pin(self.find(hash)).await?;
        Ok(found.map(|found| self.cache.insert_if_current(hash, found, now)))
    }

    async fn find<T: Credential>(&self, hash: T::Hash) -> Result<Option<Found<T>>, Error> {
        match &self.database {
            Database::Postgres(postgres) => {
                let (loaders, pipeline) = (per_worker::own(&self.loaders)?, postgres.lane()?);
                T::loader(loaders).ask(hash, pipeline).await.map_err(in_lookup)
            }
            Database::Sqlite(sqlite) => {
                let found = sqlite.lookup(move |connection| T::find_one(connection, hash)).await;
                found.map_err(in_lookup)
            }
        }
    }
}

fn in_lookup(error: Error) -> Error {
    error.in_operation("the gate's lookup")
}
