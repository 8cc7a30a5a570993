//! Users. A deactivated user keeps all rows and loses every right, which the gate enforces.

mod list;
mod role;
#[doc(hidden)]
pub mod search;

use diesel::{
    dsl::{IsNull, sql},
    prelude::*,
    sql_types::Bool,
};
use diesel_async::RunQueryDsl;

use crate::{
    store::{
        Error, Store,
        constraints::Constraint,
        engine::{page::new_id, unreadable::OrEmpty},
        invalidating_transaction, list_query, query,
        schema::users,
        statements,
        tables::users::search::IndexUsers,
    },
    time::Timestamp,
};

pub(in crate::store) use list::ACTIVE_ADMIN;
#[doc(hidden)]
pub use list::{Filter, UserPage, list};
pub use role::{Role, StoredRole};

/// What the table's constraints mean.
pub(in crate::store) const CONSTRAINTS: &[Constraint] = &[
    Constraint::unique("users_email_key", "users.email", "email", EMAIL_TAKEN),
    Constraint::unique_index("users_by_any_case", "email", EMAIL_TAKEN),
];

const EMAIL_TAKEN: &str = "This email is already in use.";

/// The type of [`present()`], which Diesel's `auto_type` looks up under the name of the function.
#[expect(non_camel_case_types, reason = "it is the name of a function")]
pub type present = IsNull<users::deleted_at>;

/// Matches users who have not deleted their account. The others must not appear anywhere, and their rows are kept only
/// until everything that belongs to them has been deleted: every query of users uses this condition, and a test goes
/// through all of them.
#[must_use]
pub fn present() -> present {
    users::deleted_at.is_null()
}

/// A row of `users`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = users)]
pub struct User {
    /// Never reused, not even after deletion.
    pub id: String,
    /// The name to address them by.
    #[diesel(deserialize_as = OrEmpty<String, users::name>)]
    pub name: String,
    /// In lower case; no two users share one.
    #[diesel(deserialize_as = OrEmpty<String, users::email>)]
    pub email: String,
    /// Whether they have proved that they read mail to this email.
    #[diesel(deserialize_as = OrEmpty<bool, users::email_verified>)]
    pub email_verified: bool,
    /// The URL of a picture of them.
    pub image: Option<String>,
    /// What they may do beyond managing their own data.
    pub role: StoredRole,
    /// Since when they are deactivated, if they are.
    pub deactivated_at: Option<Timestamp>,
    /// When their account was created.
    pub created_at: Timestamp,
    /// When the row last changed.
    pub updated_at: Timestamp,
    /// Whether a sign-in also needs a second factor.
    #[diesel(deserialize_as = OrEmpty<bool, users::two_factor_enabled>)]
    pub two_factor_enabled: bool,
    /// Since when their access is suspended, if it is: by their own request, with a link in a mail.
    pub suspended_at: Option<Timestamp>,
}

impl User {
    /// A new user; `email` must be in lower case.
    #[must_use]
    pub fn new(name: String, email: String, role: Role, now: Timestamp) -> Self {
        Self {
            id: new_id(),
            name,
            email,
            email_verified: false,
            image: None,
            role: role.into(),
            deactivated_at: None,
            created_at: now,
            updated_at: now,
            two_factor_enabled: false,
            suspended_at: None,
        }
    }

    /// Whether they are neither deactivated nor suspended.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.is_deactivated() && self.suspended_at.is_none()
    }

    /// Whether they are deactivated.
    #[must_use]
    pub fn is_deactivated(&self) -> bool {
        self.deactivated_at.is_some()
    }
}

/// The changes that an admin makes to a user.
#[derive(Debug, Clone, AsChangeset)]
#[diesel(table_name = users)]
#[doc(hidden)]
pub struct Changes {
    /// A new name.
    pub name: Option<String>,
    /// A new role.
    pub role: Option<Role>,
    /// The time of the change.
    pub updated_at: Timestamp,
}

/// The changes that users make to their own profile.
#[derive(Debug, Clone, AsChangeset)]
#[diesel(table_name = users)]
#[doc(hidden)]
pub struct Profile {
    /// A new name.
    pub name: Option<String>,
    /// A new picture, or none from now on.
    pub image: Option<Option<String>>,
    /// The time of the change.
    pub updated_at: Timestamp,
}

/// Returns the user with this id.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn find(store: &Store, id: String) -> Result<Option<User>, Error> {
    query!(store, |conn| users::table
        .filter(present())
        .find(&id)
        .select(User::as_select())
        .get_result(conn)
        .await
        .optional())
}

/// Returns those users with these ids that exist, in no particular order.
///
/// # Errors
/// As every query: see [`Error`].
#[doc(hidden)]
pub async fn find_all(store: &Store, ids: Vec<String>) -> Result<Vec<User>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    list_query!(store, |conn| users::table
        .filter(present())
        .filter(users::id.eq_any(&ids))
        .select(User::as_select())
        .load(conn)
        .await)
}

/// Returns the user with this email, which must be in lower case.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn find_by_email(store: &Store, email: String) -> Result<Option<User>, Error> {
    query!(store, |conn| users::table
        .filter(present())
        .filter(users::email.eq(&email))
        .select(User::as_select())
        .get_result(conn)
        .await
        .optional())
}

/// Whether the site has an active admin.
///
/// # Errors
/// As every query: see [`Error`].
#[doc(hidden)]
pub async fn any_active_admin(store: &Store) -> Result<bool, Error> {
    query!(store, |conn| conn.any_active_admin().await)
}

/// Changes a user's own profile.
///
/// # Errors
/// As every query: see [`Error`].
#[doc(hidden)]
pub async fn update_profile(store: &Store, id: String, profile: Profile) -> Result<(), Error> {
    invalidating_transaction!(store, |conn| {
        let user: Option<User> = diesel::update(users::table.filter(present()).find(&id))
            .set(&profile)
            .returning(User::as_returning())
            .get_result(conn)
            .await
            .optional()?;
        if let Some(user) = user.filter(|_| profile.name.is_some()) {
            conn.index_user(&user).await?;
        }
        Ok(())
    })
}

statements! {
    /// Reads users, within a transaction.
    pub(in crate::store) trait FindUsers {
        /// Returns a user.
        async fn find_user(conn, id: &str) -> Option<User> {
            users::table
                .filter(present())
                .find(id)
                .select(User::as_select())
                .get_result(conn)
                .await
                .optional()
        }

        /// Returns whether a user is the last active admin. A suspended admin counts as active: they can restore their
        /// access themselves.
        async fn is_last_admin(conn, user: &User) -> bool {
            if user.role != Role::Admin || user.is_deactivated() {
                return Ok(false);
            }
            let other: Option<String> = users::table
                .filter(present())
                .filter(sql::<Bool>(ACTIVE_ADMIN))
                .filter(users::id.ne(&user.id))
                .select(users::id)
                .limit(1)
                .get_result(conn)
                .await
                .optional()?;
            Ok(other.is_none())
        }

        /// Returns whether there is an active admin.
        async fn any_active_admin(conn) -> bool {
            let admin: Option<String> = users::table
                .filter(present())
                .filter(sql::<Bool>(ACTIVE_ADMIN))
                .select(users::id)
                .limit(1)
                .get_result(conn)
                .await
                .optional()?;
            Ok(admin.is_some())
        }
    }
}

// A suspended admin counts: they can restore their access themselves.
