//! Lists of users: by role and state in pages, or by a search.

use diesel::{dsl::sql, prelude::*, sql_types::Bool};

use super::{Role, User, present};
use crate::store::{
    Error, Store,
    engine::page::{Window, load_window},
    list_query,
    schema::users,
    tables::users::search,
};

pub use crate::store::tables::users::search::UserPage;

/// Which users to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Words of the name or the email in any order, each from its beginning; or a whole email; or an id. Case and
    /// accents are ignored.
    pub search: Option<String>,
    /// Only this role.
    pub role: Option<Role>,
    /// Only deactivated users, or only active ones.
    pub deactivated: Option<bool>,
}

/// A known role, or any unknown one, and a state. Each has an index of its own, in the order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Kind {
    role: Option<Role>,
    deactivated: bool,
}

impl Kind {
    const ALL: [Self; 6] = [
        Self { role: Some(Role::Admin), deactivated: false },
        Self { role: Some(Role::Admin), deactivated: true },
        Self { role: Some(Role::User), deactivated: true },
        Self { role: Some(Role::User), deactivated: false },
        Self { role: None, deactivated: true },
        Self { role: None, deactivated: false },
    ];

    /// The condition of its partial index, verbatim: a database matches a partial index only by literals, and not by
    /// bound values.
    pub(in crate::store) fn condition(self) -> &'static str {
        match (self.role, self.deactivated) {
            (Some(Role::Admin), false) => ACTIVE_ADMIN,
            (Some(Role::Admin), true) => {
                "users.role = 'admin' AND users.deactivated_at IS NOT NULL"
            }
            (Some(Role::User), false) => "users.role = 'user' AND users.deactivated_at IS NULL",
            (Some(Role::User), true) => "users.role = 'user' AND users.deactivated_at IS NOT NULL",
            (None, false) => {
                "coalesce(users.role, '') NOT IN ('admin', 'user') AND users.deactivated_at IS NULL"
            }
            (None, true) => {
                "coalesce(users.role, '') NOT IN ('admin', 'user') AND users.deactivated_at IS NOT NULL"
            }
        }
    }

    fn is_common(self) -> bool {
        self.role == Some(Role::User) && !self.deactivated
    }
}

/// The condition of the index of active admins.
pub(in crate::store) const ACTIVE_ADMIN: &str =
    "users.role = 'admin' AND users.deactivated_at IS NULL";

impl Filter {
    /// The roles and states to list, unless all are.
    fn kinds(&self) -> Option<Vec<Kind>> {
        let shown = |kind: &Kind| {
            self.role.is_none_or(|role| kind.role == Some(role))
                && self.deactivated.is_none_or(|deactivated| kind.deactivated == deactivated)
        };
        let all = self.role.is_none() && self.deactivated.is_none();
        (!all).then(|| Kind::ALL.into_iter().filter(shown).collect())
    }

    /// The roles and states to list, if they leave out most users.
    pub(in crate::store) fn few(&self) -> Option<Vec<Kind>> {
        self.kinds().filter(|kinds| !kinds.iter().any(|kind| kind.is_common()))
    }

    /// Whether a user has the role and the state.
    pub(in crate::store) fn takes(&self, user: &User) -> bool {
        self.role.is_none_or(|role| user.role == role)
            && self.deactivated.is_none_or(|deactivated| user.is_deactivated() == deactivated)
    }
}

/// A page of users, newest first.
///
/// # Errors
/// As every query: see [`Error`](crate::store::Error).
pub async fn list(store: &Store, filter: Filter, window: Window) -> Result<UserPage, Error> {
    if let Some(text) = &filter.search {
        return search::find(store, text, &filter, &window).await;
    }
    let wanted = window.clone();
    // One list without a filter; otherwise one for each kind, merged: no query reads a row that is not shown.
    let lists: Vec<&str> = match filter.kinds() {
        None => vec!["TRUE"],
        Some(kinds) => kinds.into_iter().map(Kind::condition).collect(),
    };
    let mut rows: Vec<User> = list_query!(store, |conn| {
        let mut rows = Vec::new();
        for condition in &lists {
            let query = users::table
                .filter(present())
                .filter(sql::<Bool>(condition))
                .select(User::as_select())
                .into_boxed::<Backend>();
            let batch: Vec<User> = load_window!(conn, query, users::id, &wanted)?;
            rows.extend(batch);
        }
        Ok(rows)
    })?;
    rows.sort_unstable_by(|one, other| window.order(&one.id, &other.id));
    rows.dedup_by(|one, other| one.id == other.id);
    let page = window.page(rows, |user| &user.id);
    Ok(UserPage { page, ..UserPage::default() })
}
