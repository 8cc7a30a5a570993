//! Lists of tokens, of all users or of one.
//!
//! The list of all tokens and that of revoked ones are in the order of ids, newest first. Whether another token is
//! active or expired depends on the current time, by which no index can be divided. Lists of these two states are
//! therefore in the order of the expiry: first tokens without one, newest first, then the latest expiry first. The
//! current time divides that order in two, and no page reads rows that it does not show.

use std::{fmt, str::FromStr};

use diesel::{
    dsl::sql,
    prelude::*,
    sql_types::{Bool, Text},
};
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{ApiToken, State, with_generations};
use crate::{
    store::{
        Error, Store,
        engine::page::{self, NoCursor, Page, Start, Window},
        list_query,
        schema::api_tokens,
    },
    time::{Moment, Timestamp},
};

/// Which tokens to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this user's.
    pub user_id: Option<String>,
    /// Only those in this state.
    pub state: Option<State>,
}

/// The position at which a page begins or ends: a token's id, and its expiry if the list is in that order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    token: page::Cursor,
    expires_at: Option<Timestamp>,
}

impl Cursor {
    fn of(token: &ApiToken, expires_at: Option<Timestamp>) -> Self {
        Self { token: page::Cursor::of(&token.id), expires_at }
    }

    fn id(&self) -> String {
        self.token.id().to_owned()
    }
}

/// The position in a list in the order of ids.
impl From<page::Cursor> for Cursor {
    fn from(token: page::Cursor) -> Self {
        Self { token, expires_at: None }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.expires_at {
            Some(at) => write!(f, "{}.{}", self.token, at.micros()),
            None => self.token.fmt(f),
        }
    }
}

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let (token, expires_at) = match text.split_once('.') {
            Some((id, at)) => (id, Some(Timestamp::from_micros(at.parse().map_err(|_| NoCursor)?))),
            None => (text, None),
        };
        Ok(Self { token: token.parse()?, expires_at })
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A section of a list. A list has one or two, one after the other; each is read in the order of an index.
#[derive(Clone, Copy)]
enum Part {
    All,
    Revoked,
    WithoutExpiry,
    /// With an expiry after now.
    Unexpired,
    /// With an expiry until now.
    Expired,
}

impl Part {
    fn of(state: Option<State>) -> &'static [Self] {
        match state {
            None => &[Self::All],
            Some(State::Revoked) => &[Self::Revoked],
            Some(State::Active) => &[Self::WithoutExpiry, Self::Unexpired],
            Some(State::Expired) => &[Self::Expired],
        }
    }

    fn is_by_expiry(self) -> bool {
        matches!(self, Self::Unexpired | Self::Expired)
    }

    /// Returns the position after a row of this section.
    fn cursor(self, token: &ApiToken) -> Cursor {
        Cursor::of(token, token.expires_at.filter(|_| self.is_by_expiry()))
    }

    /// Whether rows of this section may follow this row of the list, in the direction of reading. Rows without an
    /// expiry come before all that have one.
    fn may_continue(self, from: Option<&Cursor>, backward: bool) -> bool {
        match (self, from) {
            (Self::WithoutExpiry, Some(cursor)) => backward || cursor.expires_at.is_none(),
            (Self::Unexpired, Some(cursor)) => !backward || cursor.expires_at.is_some(),
            _ => true,
        }
    }

    /// Returns the row of this section from which to continue, or none to read from the section's start or end.
    fn begins_at(self, from: Option<&Cursor>) -> Option<&Cursor> {
        from.filter(|cursor| match self {
            Self::All | Self::Revoked => true,
            Self::WithoutExpiry => cursor.expires_at.is_none(),
            Self::Unexpired | Self::Expired => cursor.expires_at.is_some(),
        })
    }
}

/// The most rows that a list of active tokens reads: tokens of a mass revocation are among them until they are marked,
/// and are left out.
const MAX_ROWS_READ: usize = 1000;

/// A page of tokens. While tokens of a mass revocation are being marked, a page of active ones may hold fewer rows
/// than the limit without being the last.
///
/// # Errors
/// As every query: see [`Error`](crate::store::Error).
pub async fn list(
    store: &Store,
    filter: Filter,
    window: Window<Cursor>,
    now: Timestamp,
) -> Result<Page<ApiToken, Cursor>, Error> {
    let fetch = window.fetch();
    let wanted = usize::try_from(fetch).unwrap_or(MAX_ROWS_READ);
    let backward = window.is_backward();
    let first: Option<Cursor> = match &window.start {
        Start::First => None,
        Start::After(cursor) | Start::Before(cursor) => Some(cursor.clone()),
    };
    let mut parts = Part::of(filter.state).to_vec();
    if backward {
        parts.reverse();
    }
    let active = filter.state == Some(State::Active);
    let (rows, last_read): (Vec<ApiToken>, Option<Cursor>) = list_query!(store, |conn| {
        let mut rows: Vec<ApiToken> = Vec::new();
        let mut from = first.clone();
        let mut read = 0;
        for part in &parts {
            if !part.may_continue(from.as_ref(), backward) {
                continue;
            }
            while rows.len() < wanted && read < MAX_ROWS_READ {
                let mut query =
                    with_generations().select(ApiToken::as_select()).into_boxed::<Backend>();
                if let Some(user_id) = &filter.user_id {
                    query = query.filter(api_tokens::user_id.eq(user_id));
                }
                query = match part {
                    Part::All => query,
                    Part::Revoked => query.filter(api_tokens::revoked_at.is_not_null()),
                    Part::WithoutExpiry => query
                        .filter(api_tokens::revoked_at.is_null())
                        .filter(api_tokens::expires_at.is_null()),
                    Part::Unexpired | Part::Expired => query
                        .filter(api_tokens::revoked_at.is_null())
                        .filter(api_tokens::expires_at.is_not_null()),
                };
                query = match part {
                    Part::Unexpired => {
                        query.filter(api_tokens::expires_at.gt(now).assume_not_null())
                    }
                    Part::Expired => query.filter(api_tokens::expires_at.le(now).assume_not_null()),
                    _ => query,
                };
                query = match part.begins_at(from.as_ref()) {
                    Some(cursor @ Cursor { expires_at: Some(at), .. }) if part.is_by_expiry() => {
                        // A row-value comparison, which the index can seek to; Diesel has none.
                        let pair = if backward {
                            "(api_tokens.expires_at, api_tokens.id) > ("
                        } else {
                            "(api_tokens.expires_at, api_tokens.id) < ("
                        };
                        let beyond = sql::<Bool>(pair)
                            .bind::<Moment, _>(*at)
                            .sql(", ")
                            .bind::<Text, _>(cursor.id())
                            .sql(")");
                        query.filter(beyond)
                    }
                    Some(cursor) if backward => query.filter(api_tokens::id.gt(cursor.id())),
                    Some(cursor) => query.filter(api_tokens::id.lt(cursor.id())),
                    None => query,
                };
                query = match (part.is_by_expiry(), backward) {
                    (true, false) => {
                        query.order((api_tokens::expires_at.desc(), api_tokens::id.desc()))
                    }
                    (true, true) => {
                        query.order((api_tokens::expires_at.asc(), api_tokens::id.asc()))
                    }
                    (false, false) => query.order(api_tokens::id.desc()),
                    (false, true) => query.order(api_tokens::id.asc()),
                };
                let batch: Vec<ApiToken> = query.limit(fetch).load(conn).await?;
                read += batch.len();
                from = batch.last().map(|token| part.cursor(token)).or(from);
                let is_last = batch.len() < wanted;
                rows.extend(batch.into_iter().filter(|token| token.current || !active));
                if is_last {
                    break;
                }
            }
        }
        Ok((rows, from.filter(|_| read >= MAX_ROWS_READ)))
    })?;
    let by_expiry = matches!(filter.state, Some(State::Active | State::Expired));
    let is_cut = rows.len() < wanted;
    let mut page = window
        .cut(rows, |token: &ApiToken| Cursor::of(token, token.expires_at.filter(|_| by_expiry)));
    if let Some(last_read) = last_read.filter(|_| is_cut) {
        let beyond = if backward { &mut page.previous } else { &mut page.next };
        *beyond = Some(last_read);
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_cursor_is_an_id_with_an_optional_expiry() {
        let id = "019ac8a0-1111-7222-8333-444455556666";
        let at = |micros: i64| format!("{id}.{micros}");
        for text in [id.to_owned(), at(1_732_800_000_000_000), at(-5), at(i64::MAX), at(i64::MIN)] {
            assert_eq!(text.parse::<Cursor>().map(|cursor| cursor.to_string()).ok(), Some(text));
        }
        assert!("~b2xkLTEuNQ.7".parse::<Cursor>().is_ok());
        for text in ["", "x", &format!("{id}."), &format!("{id}.x"), &format!("{id}.9{}", i64::MAX)]
        {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }
}
