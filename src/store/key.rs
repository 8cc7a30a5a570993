//! Keys: the rows that open the gate, found by the hash of their secret.

use std::{hash::Hash, sync::Arc};

use diesel::{QueryResult, SqliteConnection};
use diesel_async::AsyncPgConnection;

use super::{
    Database, Error, Store,
    epoch::Epoch,
    lane,
    loader::{Loader, Loaders},
    memory::{Kept, Memory, Resolved},
    users::User,
};
use crate::time::Timestamp;

/// A key, whose it is, and the epoch that the same statement saw, if it was asked for: it costs a tenth, and
/// what is not kept needs none.
pub(super) type Found<T> = (T, User, Option<Epoch>);

/// A row that opens the gate.
pub(super) trait Key: Clone + Send + Sync + 'static {
    type Hash: Copy + Eq + Hash + Send + Sync;

    fn kept(memory: &Memory) -> &Kept<Self>;

    fn loader(loaders: &Loaders) -> &Loader<Self>;

    /// Whether it opens the gate now, as far as it is up to the key.
    fn is_live(&self, now: Timestamp) -> bool;

    fn last_used_at(&self) -> Option<Timestamp>;

    /// The gate's one statement on PostgreSQL, for all that are asked for at once.
    fn find_all(
        connection: Arc<AsyncPgConnection>,
        hashes: Vec<Self::Hash>,
        with_epoch: bool,
    ) -> impl Future<Output = QueryResult<Vec<(Self::Hash, Found<Self>)>>> + Send;

    /// The gate's one statement on SQLite.
    fn find_one(
        connection: &mut SqliteConnection,
        hash: Self::Hash,
        with_epoch: bool,
    ) -> QueryResult<Option<Found<Self>>>;
}

/// The gate's one statement, for keys whose hash is in this column.
macro_rules! found_by {
    ($table:ident.$column:ident) => {
        async fn find_all(
            connection: Arc<diesel_async::AsyncPgConnection>,
            hashes: Vec<Self::Hash>,
            with_epoch: bool,
        ) -> QueryResult<Vec<(Self::Hash, $crate::store::key::Found<Self>)>> {
            use diesel_async::RunQueryDsl;
            use $crate::store::{
                epoch::Epoch,
                schema::{epoch, users},
                users::User,
            };
            let asked =
                $table::table.inner_join(users::table).filter($table::$column.eq_any(hashes));
            if with_epoch {
                let found = (Self::as_select(), User::as_select(), Option::<Epoch>::as_select());
                asked
                    .left_join(epoch::table.on(epoch::id.eq(1)))
                    .select(($table::$column, found))
                    .load(&mut &*connection)
                    .await
            } else {
                let found = asked.select(($table::$column, Self::as_select(), User::as_select()));
                let found: Vec<(_, Self, User)> = found.load(&mut &*connection).await?;
                Ok(found.into_iter().map(|(hash, key, user)| (hash, (key, user, None))).collect())
            }
        }

        fn find_one(
            connection: &mut diesel::SqliteConnection,
            hash: Self::Hash,
            with_epoch: bool,
        ) -> QueryResult<Option<$crate::store::key::Found<Self>>> {
            use diesel::RunQueryDsl;
            use $crate::store::{
                epoch::Epoch,
                schema::{epoch, users},
                users::User,
            };
            let asked = $table::table.inner_join(users::table).filter($table::$column.eq(hash));
            if with_epoch {
                let found = asked.left_join(epoch::table.on(epoch::id.eq(1))).select((
                    Self::as_select(),
                    User::as_select(),
                    Option::<Epoch>::as_select(),
                ));
                RunQueryDsl::get_result(found, connection).optional()
            } else {
                let found = asked.select((Self::as_select(), User::as_select()));
                let found = RunQueryDsl::get_result(found, connection).optional()?;
                Ok(found.map(|(key, user)| (key, user, None)))
            }
        }
    };
}

pub(super) use found_by;

impl Store {
    /// The key whose secret has this hash, in whatever state, and whose it is: from memory, or by the gate's one
    /// statement, which every request waits for, past everything else that is asked.
    pub(super) async fn look_up<T: Key>(
        &self,
        hash: T::Hash,
        now: Timestamp,
    ) -> Result<Option<Arc<Resolved<T>>>, Error> {
        if let Some(kept) = self.memory.recall(hash, now) {
            return Ok(Some(kept));
        }
        // Boxed, lest a request that memory answers is moved about together with room for this.
        let found = Box::pin(self.find(hash)).await?;
        Ok(found.map(|found| self.memory.learn(hash, found, now)))
    }

    async fn find<T: Key>(&self, hash: T::Hash) -> Result<Option<Found<T>>, Error> {
        let with_epoch = self.memory.holds_lease();
        match &self.database {
            Database::Postgres(postgres) => {
                let (loaders, lane) = (lane::own(&self.loaders)?, postgres.lane()?);
                T::loader(loaders).ask(hash, with_epoch, lane).await
            }
            Database::Sqlite(sqlite) => {
                sqlite.look_up(move |connection| T::find_one(connection, hash, with_epoch)).await
            }
        }
    }
}
