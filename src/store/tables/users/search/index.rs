//! The words of each user, written together with the name and email that they come from.
//!
//! Code that inserts a user, or changes a name or an email, must use these methods: builds with debug assertions reject
//! a transaction that leaves a row without its words ([`checked`]). Any other write to the table marks the row (a
//! trigger, and the column's default), and [`index_some`] adds its words later.

use diesel::{QueryableByName, pg::Pg, prelude::*, sql_query, sql_types::Text, sqlite::Sqlite};
use diesel_async::RunQueryDsl;

use super::words::words_of;
use crate::store::{
    Error, Store,
    engine::unreadable::OrEmpty,
    maintenance_transaction,
    schema::{user_words, users},
    statements,
    tables::users::User,
};

/// How many users one transaction indexes. It must be short, because it locks their rows and occupies SQLite's writer.
pub const BATCH: usize = 200;

/// The columns that the words come from.
#[derive(QueryableByName)]
pub(in crate::store) struct WordRow {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Text, deserialize_as = OrEmpty<String, users::name>)]
    name: String,
    #[diesel(sql_type = Text, deserialize_as = OrEmpty<String, users::email>)]
    email: String,
}

impl WordRow {
    /// The columns of this user.
    pub(in crate::store) fn of(user: &crate::store::tables::users::User) -> Self {
        Self { id: user.id.clone(), name: user.name.clone(), email: user.email.clone() }
    }

    /// The pairs of word and user to insert for these users, as JSON: one statement takes them all.
    pub(in crate::store) fn pairs(users: &[Self]) -> String {
        let pairs = users.iter().flat_map(|user| {
            words_of(&user.name, &user.email).into_iter().map(|word| (word, user.id.as_str()))
        });
        pairs
            .map(|(word, id)| serde_json::json!([word, id]))
            .collect::<serde_json::Value>()
            .to_string()
    }
}

/// The two statements that differ between the databases.
pub(in crate::store) trait PutsWords {
    /// Inserts pairs of word and user.
    const PUT: &str;
    /// Finds users whose words do not match their name and email; on PostgreSQL it skips those that another instance
    /// is indexing.
    const FIND_UNINDEXED: &str;
}

impl PutsWords for Sqlite {
    const PUT: &str = "INSERT OR IGNORE INTO user_words (word, user_id) \
         SELECT value ->> 0, value ->> 1 FROM json_each(?)";
    const FIND_UNINDEXED: &str =
        "SELECT id, name, email FROM users WHERE search_indexed = 0 ORDER BY id LIMIT 200";
}

impl PutsWords for Pg {
    const PUT: &str = "INSERT INTO user_words (word, user_id) \
         SELECT pair ->> 0, pair ->> 1 FROM json_array_elements($1::json) AS pair \
         ON CONFLICT DO NOTHING";
    const FIND_UNINDEXED: &str = "SELECT id, name, email FROM users WHERE NOT search_indexed \
         ORDER BY id LIMIT 200 FOR NO KEY UPDATE SKIP LOCKED";
}

statements! {
    /// Changes of users and of their words, within a transaction.
    pub(in crate::store) trait IndexUsers {
        /// Inserts the words of users who have none.
        async fn put_words(conn, rows: &[WordRow]) -> () {
            diesel::sql_query(<Backend as PutsWords>::PUT)
                .bind::<Text, _>(WordRow::pairs(rows))
                .execute(conn)
                .await
                .map(drop)
        }

        /// Inserts a user, with their words.
        async fn insert_user(conn, user: &User) -> User {
            let user: User = diesel::insert_into(users::table)
                .values((user, users::search_indexed.eq(true)))
                .returning(User::as_returning())
                .get_result(conn)
                .await?;
            conn.put_words(&[WordRow::of(&user)]).await?;
            Ok(user)
        }

        /// Inserts a user, with their words, unless the email is taken; returns whether it did. Runs the same two
        /// statements either way.
        async fn insert_user_unless_taken(conn, user: &User) -> bool {
            let added = diesel::insert_into(users::table)
                .values((user, users::search_indexed.eq(true)))
                .on_conflict_do_nothing()
                .execute(conn)
                .await?;
            let rows = if added == 1 { vec![WordRow::of(user)] } else { Vec::new() };
            conn.put_words(&rows).await?;
            Ok(added == 1)
        }

        /// Replaces a user's words by the current ones, after a change of name or email.
        async fn index_user(conn, user: &User) -> () {
            diesel::delete(user_words::table.filter(user_words::user_id.eq(&user.id)))
                .execute(conn)
                .await?;
            conn.put_words(&[WordRow::of(user)]).await?;
            diesel::update(users::table.find(&user.id))
                .set(users::search_indexed.eq(true))
                .execute(conn)
                .await
                .map(drop)
        }

        /// Removes an account that is to be deleted from the search. Its row stays until everything that belongs to it has
        /// been deleted.
        async fn unindex_user(conn, id: &str) -> () {
            diesel::delete(user_words::table.filter(user_words::user_id.eq(id)))
                .execute(conn)
                .await?;
            diesel::update(users::table.find(id))
                .set(users::search_indexed.eq(true))
                .execute(conn)
                .await
                .map(drop)
        }
    }
}

/// Adds the words of some users that were inserted or changed by other means. Returns how many it found: fewer than
/// [`BATCH`] when there are no more. Each call is one short transaction.
///
/// # Errors
/// As every query: see [`Error`]. Nothing is done then, and the next call finds the same users.
pub async fn index_some(store: &Store) -> Result<usize, Error> {
    maintenance_transaction!(store, |conn| {
        let rows: Vec<WordRow> =
            sql_query(<Backend as PutsWords>::FIND_UNINDEXED).load(conn).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        diesel::delete(user_words::table.filter(user_words::user_id.eq_any(ids.clone())))
            .execute(conn)
            .await?;
        conn.put_words(&rows).await?;
        diesel::update(users::table.filter(users::id.eq_any(ids)))
            .set(users::search_indexed.eq(true))
            .execute(conn)
            .await?;
        Ok(rows.len())
    })
}
