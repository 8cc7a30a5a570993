//! People. Whoever is deactivated keeps every row and loses every right, at the gate.

mod list;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{
    AdminCheckFailed, Error, Store, admin_write::admin_write, audit_events::Event,
    constraints::Constraint, generation::next_generation, invalidating_transaction, list_query,
    page::new_id, query, schema::users, sessions::remove_sessions, tokens::mark_tokens,
    unreadable::OrEmpty, user_search::index_user, verifications::remove_links,
};
use crate::time::Timestamp;

pub use super::role::{Role, StoredRole};
pub(super) use list::ACTIVE_ADMIN;
pub use list::{Filter, UserPage, list};

/// What the table's constraints mean.
pub(super) const CONSTRAINTS: &[Constraint] = &[
    Constraint::unique("users_email_key", "users.email", "email", EMAIL_TAKEN),
    Constraint::unique_index("users_by_any_case", "email", EMAIL_TAKEN),
];

const EMAIL_TAKEN: &str = "Somebody has this address already.";

/// Those who have not deleted their account. Of the others nothing is to be seen, and their row is only kept until all
/// that is theirs has been deleted: every query of users says this, and a test goes through all of them.
#[diesel::dsl::auto_type]
pub(super) fn present() -> _ {
    users::deleted_at.is_null()
}

/// A row of `users`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = users)]
pub struct User {
    /// Never used again, not even after deletion.
    pub id: String,
    /// What to call them.
    #[diesel(deserialize_as = OrEmpty<String, users::name>)]
    pub name: String,
    /// In lower case; no two users share one.
    #[diesel(deserialize_as = OrEmpty<String, users::email>)]
    pub email: String,
    /// Whether they have shown that they read mail sent there.
    #[diesel(deserialize_as = OrEmpty<bool, users::email_verified>)]
    pub email_verified: bool,
    /// Where a picture of them is.
    pub image: Option<String>,
    /// What they may do beyond their own things.
    pub role: StoredRole,
    /// Since when they are locked out, if they are.
    pub deactivated_at: Option<Timestamp>,
    /// When they came.
    pub created_at: Timestamp,
    /// When their row last changed.
    pub updated_at: Timestamp,
}

impl User {
    /// Somebody new, whose address is in lower case.
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
        }
    }

    /// Whether they are not locked out.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.deactivated_at.is_none()
    }
}

/// What an admin changes of a user.
#[derive(Debug, Clone, AsChangeset)]
#[diesel(table_name = users)]
pub struct Changes {
    /// A new name.
    pub name: Option<String>,
    /// A new role.
    pub role: Option<Role>,
    /// The moment of the change.
    pub updated_at: Timestamp,
}

/// What a user changes of themselves.
#[derive(Debug, Clone, AsChangeset)]
#[diesel(table_name = users)]
pub struct Profile {
    /// A new name.
    pub name: Option<String>,
    /// A new picture, or none from now on.
    pub image: Option<Option<String>>,
    /// The moment of the change.
    pub updated_at: Timestamp,
}

/// The user with this id.
///
/// # Errors
/// When the store is unavailable.
pub async fn find(store: &Store, id: String) -> Result<Option<User>, Error> {
    query!(store, |conn| users::table
        .filter(present())
        .find(&id)
        .select(User::as_select())
        .get_result(conn)
        .await
        .optional())
}

/// The users with these ids, as far as there are any, in no order.
///
/// # Errors
/// When the store is unavailable.
pub async fn find_all(store: &Store, ids: Vec<String>) -> Result<Vec<User>, Error> {
    list_query!(store, |conn| users::table
        .filter(present())
        .filter(users::id.eq_any(&ids))
        .select(User::as_select())
        .load(conn)
        .await)
}

/// The user with this address, which is in lower case.
///
/// # Errors
/// When the store is unavailable.
pub async fn find_by_email(store: &Store, email: String) -> Result<Option<User>, Error> {
    query!(store, |conn| users::table
        .filter(present())
        .filter(users::email.eq(&email))
        .select(User::as_select())
        .get_result(conn)
        .await
        .optional())
}

/// Whether anybody runs this site.
///
/// # Errors
/// When the store is unavailable.
pub async fn any_active_admin(store: &Store) -> Result<bool, Error> {
    query!(store, |conn| Ok(any_active_admin_in!(conn)))
}

/// Changes name or role. The site keeps at least one active admin. Whoever becomes one signs in anew: no
/// secret of before shall be an admin's (ASVS 7.2.4).
///
/// # Errors
/// When the store is unavailable.
pub async fn update(
    store: &Store,
    id: String,
    changes: Changes,
    event: Event,
) -> Result<Result<User, AdminCheckFailed>, Error> {
    admin_write!(store, by event.actor_id.clone(), |conn| {
        let before: Option<User> = find_in!(conn, &id);
        let Some(before) = before else { return Ok(Err(AdminCheckFailed::NotFound)) };
        let demoted = changes.role == Some(Role::User);
        if demoted && is_last_admin!(conn, &before) {
            return Ok(Err(AdminCheckFailed::LastAdmin));
        }
        let user = diesel::update(users::table.filter(present()).find(&id))
            .set(&changes)
            .returning(User::as_returning())
            .get_result(conn)
            .await?;
        if changes.name.is_some() {
            index_user!(conn, &user);
        }
        if user.role == Role::Admin && before.role != Role::Admin {
            next_generation!(conn, &id, session_generation);
            remove_sessions!(conn, &id, changes.updated_at);
        }
        Ok(Ok((event.clone(), user)))
    })
}

/// Changes what a user says of themselves.
///
/// # Errors
/// When the store is unavailable.
pub async fn update_profile(store: &Store, id: String, profile: Profile) -> Result<(), Error> {
    invalidating_transaction!(store, |conn| {
        let user: Option<User> = diesel::update(users::table.filter(present()).find(&id))
            .set(&profile)
            .returning(User::as_returning())
            .get_result(conn)
            .await
            .optional()?;
        if let Some(user) = user.filter(|_| profile.name.is_some()) {
            index_user!(conn, &user);
        }
        Ok(())
    })
}

/// Locks a user out at once; `revoke` also ends sessions and tokens for good.
///
/// The site keeps at least one active admin. Doing it again is no error and leaves the first date.
///
/// # Errors
/// When the store is unavailable.
pub async fn deactivate(
    store: &Store,
    id: String,
    revoke: bool,
    now: Timestamp,
    event: Event,
) -> Result<Result<User, AdminCheckFailed>, Error> {
    admin_write!(store, by event.actor_id.clone(), |conn| {
        let before: Option<User> = find_in!(conn, &id);
        let Some(before) = before else { return Ok(Err(AdminCheckFailed::NotFound)) };
        if is_last_admin!(conn, &before) {
            return Ok(Err(AdminCheckFailed::LastAdmin));
        }
        let user = if before.deactivated_at.is_some() {
            before
        } else {
            diesel::update(users::table.filter(present()).find(&id))
                .set((users::deactivated_at.eq(now), users::updated_at.eq(now)))
                .returning(User::as_returning())
                .get_result(conn)
                .await?
        };
        if revoke {
            next_generation!(conn, &id, session_generation, token_generation, link_generation);
            remove_sessions!(conn, &id, now);
            mark_tokens!(conn, &id, now);
            remove_links!(conn, &id, now);
        }
        Ok(Ok((event.clone(), user)))
    })
}

/// Lets a user in again. What of their sessions and tokens has not expired or ended works again.
///
/// # Errors
/// When the store is unavailable.
pub async fn reactivate(
    store: &Store,
    id: String,
    now: Timestamp,
    event: Event,
) -> Result<Result<User, AdminCheckFailed>, Error> {
    admin_write!(store, by event.actor_id.clone(), |conn| {
        let before: Option<User> = find_in!(conn, &id);
        let Some(before) = before else { return Ok(Err(AdminCheckFailed::NotFound)) };
        let user = if before.deactivated_at.is_none() {
            before
        } else {
            diesel::update(users::table.filter(present()).find(&id))
                .set((users::deactivated_at.eq(None::<Timestamp>), users::updated_at.eq(now)))
                .returning(User::as_returning())
                .get_result(conn)
                .await?
        };
        Ok(Ok((event.clone(), user)))
    })
}

// Macros, as the statements must be expanded for each backend.
macro_rules! find_in {
    ($conn:ident, $id:expr) => {
        users::table
            .filter($crate::store::users::present())
            .find($id)
            .select($crate::store::users::User::as_select())
            .get_result($conn)
            .await
            .optional()?
    };
}

macro_rules! is_last_admin {
    ($conn:ident, $user:expr) => {{
        let user: &User = $user;
        user.role == Role::Admin && user.is_active() && {
            let other: Option<String> = users::table
                .filter($crate::store::users::present())
                .filter(diesel::dsl::sql::<diesel::sql_types::Bool>(
                    $crate::store::users::ACTIVE_ADMIN,
                ))
                .filter(users::id.ne(&user.id))
                .select(users::id)
                .limit(1)
                .get_result($conn)
                .await
                .optional()?;
            other.is_none()
        }
    }};
}

macro_rules! any_active_admin_in {
    ($conn:ident) => {{
        let admin: Option<String> = users::table
            .filter($crate::store::users::present())
            .filter(diesel::dsl::sql::<diesel::sql_types::Bool>($crate::store::users::ACTIVE_ADMIN))
            .select(users::id)
            .limit(1)
            .get_result($conn)
            .await
            .optional()?;
        admin.is_some()
    }};
}

pub(super) use {any_active_admin_in, find_in, is_last_admin};
