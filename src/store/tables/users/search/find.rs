//! The search itself: returns a page of users, and compares at most [`MOST`] candidates.

use diesel::{
    dsl::sql,
    prelude::*,
    sql_types::{Bool, Text},
};
use diesel_async::RunQueryDsl;

use super::{
    candidates::{Candidates, Matches},
    words::{Query, Words},
};
use crate::store::{
    Error, Store,
    engine::page::{Page, Window},
    list_query,
    schema::{user_words, users},
    tables::users::{Filter, User, present},
};

/// How many matches of a word are read. A word that more users have is not selective enough alone.
pub const MOST: usize = 1000;

/// How many candidates are compared at once: the first batch usually fills a page.
const BATCH_SIZE: usize = 100;

/// A page of users, newest first, and how complete it is.
#[derive(Debug, Default)]
pub struct UserPage {
    /// The users.
    pub page: Page<User>,
    /// Whether only some of the matching users were compared, because every word of the search is very common.
    pub truncated: bool,
    /// Whether some users have not been indexed yet, and so cannot be found.
    pub indexing: bool,
}

/// Returns the users that match this text and this filter.
///
/// # Errors
/// As every query: see [`Error`](crate::store::Error).
pub(in crate::store) async fn find(
    store: &Store,
    text: &str,
    filter: &Filter,
    window: &Window,
) -> Result<UserPage, Error> {
    match Query::parse(text) {
        Query::Id(id) => {
            let found = crate::store::tables::users::find(store, id).await?;
            Ok(single_user_page(found, filter, window))
        }
        Query::Words(words) if words.all.is_empty() => Ok(single_user_page(None, filter, window)),
        Query::Words(words) => by_words(store, words, filter.clone(), window.clone()).await,
    }
}

/// The page of a search that identifies one user.
fn single_user_page(found: Option<User>, filter: &Filter, window: &Window) -> UserPage {
    let is_on_page = |user: &User| filter.takes(user) && window.takes(&user.id);
    let rows = found.into_iter().filter(is_on_page).collect();
    UserPage { page: Page { rows, ..Page::default() }, ..UserPage::default() }
}

async fn by_words(
    store: &Store,
    words: Words,
    filter: Filter,
    window: Window,
) -> Result<UserPage, Error> {
    let fetch = usize::try_from(window.fetch()).unwrap_or(MOST);
    let few = filter.few();
    list_query!(store, |conn| {
        if let Some(email) = &words.email {
            let exact: Option<User> = users::table
                .filter(present())
                .filter(users::email.eq(email))
                .select(User::as_select())
                .get_result(conn)
                .await
                .optional()?;
            if exact.is_some() {
                return Ok(single_user_page(exact, &filter, &window));
            }
        }
        let mut conditions = Vec::new();
        for word in &words.all {
            conditions.push(Matches::of_word(word, ids_with!(conn, word)));
        }
        if let Some(kinds) = &few {
            let mut ids = Vec::new();
            for kind in kinds {
                let batch: Vec<String> = users::table
                    .filter(present())
                    .filter(sql::<Bool>(kind.condition()))
                    .order(users::id.desc())
                    .limit(AT_MOST)
                    .select(users::id)
                    .load(conn)
                    .await?;
                ids.extend(batch);
            }
            conditions.push(Matches::of_filter(ids));
        }
        let whole_name = match &words.phrase {
            Some(phrase) if !conditions.iter().any(Matches::is_complete) => ids_with!(conn, phrase),
            _ => Vec::new(),
        };
        let Candidates { mut ids, unchecked, truncated } =
            Candidates::among(conditions, whole_name);
        ids.retain(|id| window.takes(id));
        ids.sort_unstable_by(|one, other| window.order(one, other));
        let mut rows: Vec<User> = Vec::new();
        for batch in ids.chunks(BATCH_SIZE) {
            let mut batch = batch.to_vec();
            for word in &unchecked {
                batch = having!(conn, batch, word);
            }
            let mut found: Vec<User> = users::table
                .filter(present())
                .filter(users::id.eq_any(batch))
                .select(User::as_select())
                .load(conn)
                .await?;
            found.retain(|user| filter.takes(user));
            found.sort_unstable_by(|one, other| window.order(&one.id, &other.id));
            rows.extend(found);
            if rows.len() >= fetch {
                break;
            }
        }
        let indexing = any_unindexed!(conn);
        let page = window.page(rows, |user| &user.id);
        Ok(UserPage { page, truncated, indexing })
    })
}

/// One more than are compared, to know whether there are others.
#[expect(clippy::cast_possible_wrap, reason = "it is small")]
const AT_MOST: i64 = MOST as i64 + 1;

/// Returns the end of the range of words that begin with `word`: no word contains the last character of Unicode.
fn end_of(word: &str) -> String {
    format!("{word}\u{10FFFF}")
}

// Macros, because the statements must be expanded for each backend.

/// Returns the ids of users with a word that begins with this one, at most [`AT_MOST`]: those with the word itself
/// first, newest first, and then longer words.
macro_rules! ids_with {
    ($conn:ident, $word:expr) => {{
        let word: &String = $word;
        let mut ids: Vec<String> = user_words::table
            .filter(user_words::word.eq(word))
            .order((user_words::word.desc(), user_words::user_id.desc()))
            .limit(AT_MOST)
            .select(user_words::user_id)
            .load($conn)
            .await?;
        if ids.len() <= MOST {
            let longer: Vec<String> = user_words::table
                .filter(user_words::word.gt(word))
                .filter(user_words::word.lt(end_of(word)))
                .order((user_words::word, user_words::user_id))
                .limit(AT_MOST - i64::try_from(ids.len()).unwrap_or_default())
                .select(user_words::user_id)
                .load($conn)
                .await?;
            ids.extend(longer);
        }
        ids
    }};
}

/// Returns which of these users have a word that begins with this one. The word is turned into an expression, for
/// which there is no index: the database then reads the few words of each user, and never the many users of a common
/// word.
macro_rules! having {
    ($conn:ident, $ids:expr, $word:expr) => {{
        let ids: Vec<String> = $ids;
        let word: &String = $word;
        let mut found: Vec<String> = user_words::table
            .filter(user_words::user_id.eq_any(ids))
            .filter(sql::<Text>("(user_words.word || '')").ge(word))
            .filter(sql::<Text>("(user_words.word || '')").lt(end_of(word)))
            .select(user_words::user_id)
            .load($conn)
            .await?;
        found.sort_unstable();
        found.dedup();
        found
    }};
}

macro_rules! any_unindexed {
    ($conn:ident) => {{
        let one: Option<String> = users::table
            .filter(sql::<Bool>(<Backend as Unindexed>::CONDITION))
            .order(users::id)
            .limit(1)
            .select(users::id)
            .get_result($conn)
            .await
            .optional()?;
        one.is_some()
    }};
}

use {any_unindexed, having, ids_with};

/// The condition of the partial index of rows without their words, in each database's syntax for booleans.
trait Unindexed {
    const CONDITION: &str;
}

impl Unindexed for diesel::sqlite::Sqlite {
    const CONDITION: &str = "users.search_indexed = 0";
}

impl Unindexed for diesel::pg::Pg {
    const CONDITION: &str = "NOT users.search_indexed";
}
