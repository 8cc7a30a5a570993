//! Keys: the rows that open the gate, found by the hash of their secret.

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

/// A key, whose it is, and the epoch that the same statement saw.
pub(super) type Found<T> = (T, User, Epoch);

/// A row that opens the gate.
pub(super) trait Credential: Clone + Send + Sync + 'static {
    type Hash: Copy + Eq + Hash + Send + Sync;

    fn map(cache: &CredentialCache) -> &CacheMap<Self>;

    fn loader(loaders: &BatchLoaders) -> &BatchLoader<Self>;

    /// Whether it opens the gate now, as far as it is up to the key.
    fn is_live(&self, now: Timestamp) -> bool;

    fn last_used_at(&self) -> Option<Timestamp>;

    /// The gate's one statement on PostgreSQL, for all that are asked for at once.
    fn find_all(
        connection: Arc<AsyncPgConnection>,
        hashes: Vec<Self::Hash>,
    ) -> impl Future<Output = QueryResult<Vec<(Self::Hash, Found<Self>)>>> + Send;

    /// The gate's one statement on SQLite.
    fn find_one(
        connection: &mut SqliteConnection,
        hash: Self::Hash,
    ) -> QueryResult<Option<Found<Self>>>;
}

/// The gate's one statement, for keys whose hash is in this column and that fulfil this condition: those of the
/// current generation.
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
    /// The key of the current generation whose secret has this hash, in whatever state otherwise, and whose it is:
    /// from memory, or by the gate's one statement, which every request waits for, past everything else that is
    /// asked.
    pub(super) async fn lookup<T: Credential>(
        &self,
        hash: T::Hash,
        now: Timestamp,
    ) -> Result<Option<Arc<Resolved<T>>>, Error> {
        if let Some(kept) = self.cache.get(hash, now) {
            return Ok(Some(kept));
        }
        // Boxed, lest a request that memory answers is moved about together with room for this.
        let found = Box::pin(self.find(hash)).await?;
        Ok(found.map(|found| self.cache.insert_if_current(hash, found, now)))
    }

    async fn find<T: Credential>(&self, hash: T::Hash) -> Result<Option<Found<T>>, Error> {
        match &self.database {
            Database::Postgres(postgres) => {
                let (loaders, lane) = (per_worker::own(&self.loaders)?, postgres.lane()?);
                T::loader(loaders).ask(hash, lane).await.map_err(in_look_up)
            }
            Database::Sqlite(sqlite) => {
                let found = sqlite.lookup(move |connection| T::find_one(connection, hash)).await;
                found.map_err(in_look_up)
            }
        }
    }
}

fn in_look_up(error: Error) -> Error {
    error.in_operation("the gate's look-up")
}
