//! Lists of events, by several filters at once.

use diesel::prelude::*;

use super::{Action, Event, id};
use crate::{
    store::{
        Error, Store,
        engine::page::{Cursor, Page, Start, Window, load_window},
        list_query,
        schema::activity,
    },
    time::Timestamp,
};

/// Which events to list: those that match all of these.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those of this actor.
    pub actor_id: Option<String>,
    /// Only those with this subject.
    pub subject_id: Option<String>,
    /// Only those of this action.
    pub action: Option<Action>,
    /// Only those from this network.
    pub network: Option<String>,
    /// Only those from this time on.
    pub since: Option<Timestamp>,
    /// Only those before this time.
    pub until: Option<Timestamp>,
}

impl Filter {
    /// Returns the window with the bound of the period that it begins at. One bound on each side, because SQLite would
    /// look at every row between two of them.
    fn within_period(&self, window: &Window) -> Window {
        let until = self.until.map(|until| Cursor::of(&id::first(until)));
        let since = self.since.map(|since| Cursor::of(&id::first(since)));
        let start = match (window.start.clone(), until, since) {
            (Start::First, Some(until), _) => Start::After(until),
            (Start::After(last), Some(until), _) if until.id() < last.id() => Start::After(until),
            (Start::Before(first), _, Some(since)) if since.id() > first.id() => {
                Start::Before(since)
            }
            (start, ..) => start,
        };
        Window { start, limit: window.limit }
    }
}

/// Narrows a query to the rows whose column has a value, if there is one. The first one uses the index of its column;
/// for the others the column becomes an expression, which has no index: they are in the order in which they narrow most,
/// and without statistics SQLite would choose another one.
macro_rules! narrow {
    ($query:ident, $column:expr, $value:expr, unless $is_indexed:expr) => {
        if let Some(value) = $value {
            $query = if $is_indexed {
                $query.filter($column.concat("").eq(value))
            } else {
                $query.filter($column.eq(value))
            };
        }
    };
}

/// A page of events, newest first.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn list(store: &Store, filter: Filter, window: Window) -> Result<Page<Event>, Error> {
    let wanted = filter.within_period(&window);
    let rows = list_query!(store, |conn| {
        let mut query = activity::table.select(Event::as_select()).into_boxed::<Backend>();
        let Filter { subject_id, actor_id, network, .. } = &filter;
        let action = filter.action.map(<&'static str>::from);
        let by_subject = subject_id.is_some();
        let by_user = by_subject || actor_id.is_some();
        let by_client = by_user || network.is_some();
        narrow!(query, activity::subject_id, subject_id, unless false);
        narrow!(query, activity::actor_id, actor_id, unless by_subject);
        narrow!(query, activity::network, network, unless by_user);
        narrow!(query, activity::action, action, unless by_client);
        // The other bound of the period. By the ids, which begin with the time, so that the same index serves it.
        match (filter.since, filter.until) {
            (Some(since), _) if !wanted.is_backward() => {
                query = query.filter(activity::id.gt(id::first(since)));
            }
            (_, Some(until)) if wanted.is_backward() => {
                query = query.filter(activity::id.lt(id::first(until)));
            }
            _ => {}
        }
        load_window!(conn, query, activity::id, &wanted)
    })?;
    Ok(window.page(rows, |event| &event.id))
}
