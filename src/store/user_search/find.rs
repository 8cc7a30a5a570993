//! The search itself: a page of users, of whom at most [`MOST`] candidates are looked at.

use diesel::{
    dsl::sql,
    prelude::*,
    sql_types::{Bool, Text},
};
use diesel_async::RunQueryDsl;

use super::{
    super::{
        Error, Store, list_query,
        page::{Page, Window},
        schema::{user_words, users},
        users::{Filter, User, present},
    },
    candidates::{Candidates, Matches},
    words::{Query, Words},
};

/// How many matches of a word are looked at. A word that more users have is not narrow enough alone.
pub const MOST: usize = 1000;

/// How many candidates are compared at once: mostly the first of them fill a page.
const AT_ONCE: usize = 100;

/// A page of users, newest first, and what else there is to say of it.
#[derive(Debug)]
pub struct UserPage {
    /// The users.
    pub page: Page<User>,
    /// Whether only some of those who match were looked at, since every word of the search is very common.
    pub truncated: bool,
    /// Whether some users have yet to be indexed, who therefore cannot be found.
    pub indexing: bool,
}

/// The users who match this text and this filter.
///
/// # Errors
/// When the store is unavailable.
pub(in crate::store) async fn find(
    store: &Store,
    text: &str,
    filter: &Filter,
    window: &Window,
) -> Result<UserPage, Error> {
    match Query::parse(text) {
        Query::Id(id) => {
            let found = super::super::users::find(store, id).await?;
            Ok(alone(found, filter, window))
        }
        Query::Words(words) if words.all.is_empty() => Ok(alone(None, filter, window)),
        Query::Words(words) => by_words(store, words, filter.clone(), window.clone()).await,
    }
}

/// The page of a search that means one user.
fn alone(found: Option<User>, filter: &Filter, window: &Window) -> UserPage {
    let is_on_page = |user: &User| filter.takes(user) && window.takes(&user.id);
    let rows = found.into_iter().filter(is_on_page).collect();
    UserPage { page: Page { rows, previous: None, next: None }, truncated: false, indexing: false }
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
                return Ok(alone(exact, &filter, &window));
            }
        }
        let mut conditions = Vec::new();
        for word in &words.all {
            conditions.push(Matches::of_word(word, ids_with!(conn, word)));
        }
        if let Some(kinds) = &few {
            let mut ids = Vec::new();
            for kind in kinds {
                let some: Vec<String> = users::table
                    .filter(present())
                    .filter(sql::<Bool>(kind.condition()))
                    .order(users::id.desc())
                    .limit(AT_MOST)
                    .select(users::id)
                    .load(conn)
                    .await?;
                ids.extend(some);
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
        for some in ids.chunks(AT_ONCE) {
            let mut some = some.to_vec();
            for word in &unchecked {
                some = having!(conn, some, word);
            }
            let mut found: Vec<User> = users::table
                .filter(present())
                .filter(users::id.eq_any(some))
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

/// One more than are looked at, which tells whether there are others.
#[expect(clippy::cast_possible_wrap, reason = "it is small")]
const AT_MOST: i64 = MOST as i64 + 1;

/// All that begins with a word sorts before this, and after the word: no word holds the last character.
fn end_of(word: &str) -> String {
    format!("{word}\u{10FFFF}")
}

// Macros, as the statements must be expanded for each backend.

/// The ids of users with a word that begins so, at most [`AT_MOST`]: those with the word itself first, the newest
/// first, and then longer words.
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

/// Which of these users have a word that begins so. The word is made an expression, for which there is no
/// index: each user's few words are read, and never the many users' of a common word.
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

/// What the partial index says of a row without its words, as each database spells a truth value.
trait Unindexed {
    const CONDITION: &str;
}

impl Unindexed for diesel::sqlite::Sqlite {
    const CONDITION: &str = "users.search_indexed = 0";
}

impl Unindexed for diesel::pg::Pg {
    const CONDITION: &str = "NOT users.search_indexed";
}
