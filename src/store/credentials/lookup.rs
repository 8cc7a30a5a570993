//! The gate's lookup: from the hash of a secret to the credential and its user. This is the only file that knows both
//! kinds of credentials.

use std::{iter::repeat_with, sync::Arc};

use diesel::prelude::*;

use super::{
    batch_loader::BatchLoader,
    cache::{CacheMap, CredentialCache, Resolved},
    credential::{Credential, Found},
    epoch::Epoch,
};
use crate::{
    secrets::{SessionHash, TokenHash},
    store::{
        Database, Error, Store,
        engine::per_worker,
        schema::{api_tokens, sessions, users},
        tables::{
            api_tokens::{ApiToken, State},
            generation,
            sessions::SessionRow,
            users::User,
        },
    },
    time::Timestamp,
};

/// Implements the lookups of [`Credential`]: one statement that finds credentials by the hash in this column and keeps
/// those of the current generation (the condition).
macro_rules! credential_lookup {
    ($table:ident.$column:ident, $is_current:path) => {
        async fn find_all(
            connection: Arc<diesel_async::AsyncPgConnection>,
            hashes: Vec<Self::Hash>,
        ) -> QueryResult<Vec<(Self::Hash, Found<Self>)>> {
            use diesel_async::RunQueryDsl;
            let found = $table::table
                .inner_join(users::table)
                .inner_join(generation::site())
                .filter($table::$column.eq_any(hashes))
                .filter($is_current())
                .select((
                    $table::$column,
                    (Self::as_select(), User::as_select(), Epoch::as_select()),
                ));
            RunQueryDsl::load(found, &mut &*connection).await
        }

        fn find_one(
            connection: &mut diesel::SqliteConnection,
            hash: Self::Hash,
        ) -> QueryResult<Option<Found<Self>>> {
            use diesel::RunQueryDsl;
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

impl Credential for SessionRow {
    type Hash = SessionHash;

    fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    fn last_used_at(&self) -> Option<Timestamp> {
        Some(self.last_seen_at)
    }

    credential_lookup!(sessions.secret_hash, generation::session_is_current);
}

impl Credential for ApiToken {
    type Hash = TokenHash;

    fn is_live(&self, now: Timestamp) -> bool {
        self.state(now) == State::Active
    }

    fn last_used_at(&self) -> Option<Timestamp> {
        self.last_used_at
    }

    credential_lookup!(api_tokens.token_hash, generation::token_is_current);
}

/// The lookups of both kinds, and the cache's lease, which they share.
pub(in crate::store) struct Lookups {
    pub cache: CredentialCache,
    sessions: Lookup<SessionRow>,
    tokens: Lookup<ApiToken>,
}

impl Lookups {
    /// Caches up to `cache_size` credentials of each kind, for this number of worker threads.
    pub fn new(cache_size: usize, workers: usize) -> Self {
        Self {
            cache: CredentialCache::new(cache_size),
            sessions: Lookup::new(cache_size, workers),
            tokens: Lookup::new(cache_size, workers),
        }
    }

    /// Frees the cached credentials, all of which are invalid.
    pub(super) fn clear(&self) {
        self.sessions.cached.clear();
        self.tokens.cached.clear();
    }
}

impl Store {
    /// Returns the session with this secret, expired or not, and its user.
    ///
    /// # Errors
    /// As every query: see [`Error`].
    pub async fn find_session(
        &self,
        hash: SessionHash,
        now: Timestamp,
    ) -> Result<Option<Arc<Resolved<SessionRow>>>, Error> {
        self.lookups.sessions.find(self, hash, now).await
    }

    /// Returns the token with this hash, in any state, and its user.
    ///
    /// # Errors
    /// As every query: see [`Error`].
    pub async fn find_token(
        &self,
        hash: TokenHash,
        now: Timestamp,
    ) -> Result<Option<Arc<Resolved<ApiToken>>>, Error> {
        self.lookups.tokens.find(self, hash, now).await
    }
}

/// The lookup of one kind of credential.
struct Lookup<C: Credential> {
    cached: CacheMap<C>,
    /// One for each worker.
    loaders: Vec<BatchLoader<C>>,
}

impl<C: Credential> Lookup<C> {
    fn new(cache_size: usize, workers: usize) -> Self {
        let loaders = repeat_with(BatchLoader::default).take(workers).collect();
        Self { cached: CacheMap::<C>::new(cache_size), loaders }
    }

    /// Returns the credential of the current generation whose secret has this hash, and its user, from the cache or
    /// the database. Whether it has expired or its user is deactivated is for the caller to check.
    ///
    /// Every request waits for this statement, so it bypasses the queues that all other statements share.
    async fn find(
        &self,
        store: &Store,
        hash: C::Hash,
        now: Timestamp,
    ) -> Result<Option<Arc<Resolved<C>>>, Error> {
        let cache = &store.lookups.cache;
        if let Some(cached) = cache.get(&self.cached, hash, now) {
            return Ok(Some(cached));
        }
        // Boxed, so that the future of a request that the cache answers does not carry room for the database path.
        let found = Box::pin(self.read(store, hash)).await?;
        Ok(found.map(|found| cache.insert_if_current(&self.cached, hash, found, now)))
    }

    async fn read(&self, store: &Store, hash: C::Hash) -> Result<Option<Found<C>>, Error> {
        let found = match store.database() {
            Database::Postgres(postgres) => {
                let loader = per_worker::own(&self.loaders)?;
                loader.load(hash, postgres.pipeline()?).await
            }
            Database::Sqlite(sqlite) => {
                sqlite.lookup(move |connection| C::find_one(connection, hash)).await
            }
        };
        found.map_err(|error| error.in_operation("the gate's lookup"))
    }
}
