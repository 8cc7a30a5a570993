//! What an admin changes of a user: name and role, deactivation and reactivation, and mails to them.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};

use crate::{
    store::{
        Error, Store,
        schema::{jobs, users},
        tables::{
            accounts::{find_password_tx, password_account},
            activity::Event,
            admin_write::{AdminCheckFailed, admin_write},
            api_tokens::mark_tokens_revoked_tx,
            generation::next_generation_tx,
            jobs::NewJob,
            sessions::remove_sessions_tx,
            users::{
                Changes, Role, User, find_user_tx, is_last_admin_tx, present, search::index_user_tx,
            },
            verifications::remove_links_tx,
        },
        workflows::suspension::restore_access_tx,
    },
    time::Timestamp,
};

/// Changes a user's name or role. The site keeps at least one active admin. A user who becomes an admin must sign in
/// again: no existing session secret may become an admin's (ASVS 7.2.4).
///
/// # Errors
/// As every query: see [`Error`].
pub async fn update(
    store: &Store,
    id: String,
    changes: Changes,
    event: Event,
) -> Result<Result<User, AdminCheckFailed>, Error> {
    admin_write!(store, by event.actor_id.clone(), |conn| {
        let before: Option<User> = find_user_tx!(conn, &id);
        let Some(before) = before else { return Ok(Err(AdminCheckFailed::NotFound)) };
        let demoted = changes.role == Some(Role::User);
        if demoted && is_last_admin_tx!(conn, &before) {
            return Ok(Err(AdminCheckFailed::LastAdmin));
        }
        let user = diesel::update(users::table.filter(present()).find(&id))
            .set(&changes)
            .returning(User::as_returning())
            .get_result(conn)
            .await?;
        if changes.name.is_some() {
            index_user_tx!(conn, &user);
        }
        if user.role == Role::Admin && before.role != Role::Admin {
            next_generation_tx!(conn, &id, session_generation);
            remove_sessions_tx!(conn, &id, changes.updated_at);
        }
        Ok(Ok((event.clone().with_change(&named(&before), &named(&user)), user)))
    })
}

/// Deactivates a user at once; `revoke` also revokes their sessions and tokens permanently.
///
/// The site keeps at least one active admin. Idempotent: a second call keeps the first date.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn deactivate(
    store: &Store,
    id: String,
    revoke: bool,
    now: Timestamp,
    event: Event,
) -> Result<Result<User, AdminCheckFailed>, Error> {
    admin_write!(store, by event.actor_id.clone(), |conn| {
        let before: Option<User> = find_user_tx!(conn, &id);
        let Some(before) = before else { return Ok(Err(AdminCheckFailed::NotFound)) };
        if is_last_admin_tx!(conn, &before) {
            return Ok(Err(AdminCheckFailed::LastAdmin));
        }
        let user = if before.deactivated_at.is_some() {
            before.clone()
        } else {
            diesel::update(users::table.filter(present()).find(&id))
                .set((users::deactivated_at.eq(now), users::updated_at.eq(now)))
                .returning(User::as_returning())
                .get_result(conn)
                .await?
        };
        if revoke {
            next_generation_tx!(conn, &id, session_generation, token_generation, link_generation);
            remove_sessions_tx!(conn, &id, now);
            mark_tokens_revoked_tx!(conn, &id, now);
            remove_links_tx!(conn, &id, now);
        }
        Ok(Ok((event.clone().with_change(&state(&before), &state(&user)), user)))
    })
}

/// Reactivates a user, and restores suspended access. Their sessions and tokens that have neither expired nor been revoked are valid again.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn reactivate(
    store: &Store,
    id: String,
    now: Timestamp,
    event: Event,
) -> Result<Result<User, AdminCheckFailed>, Error> {
    admin_write!(store, by event.actor_id.clone(), |conn| {
        let before: Option<User> = find_user_tx!(conn, &id);
        let Some(before) = before else { return Ok(Err(AdminCheckFailed::NotFound)) };
        let user = if before.is_active() {
            before.clone()
        } else {
            restore_access_tx!(conn, &id);
            diesel::update(users::table.filter(present()).find(&id))
                .set((users::deactivated_at.eq(None::<Timestamp>), users::updated_at.eq(now)))
                .returning(User::as_returning())
                .get_result(conn)
                .await?
        };
        Ok(Ok((event.clone().with_change(&state(&before), &state(&user)), user)))
    })
}

/// What the log shows of a user before and after an update.
fn named(user: &User) -> Value {
    json!({ "name": user.name, "role": user.role.to_string() })
}

/// What the log shows of a user before and after a deactivation or reactivation.
fn state(user: &User) -> Value {
    json!({ "deactivated": user.is_deactivated(), "suspended": user.suspended_at.is_some() })
}

/// Adds a job that mails a user, for an admin who still is one. `mail` builds it from the user and whether they have a
/// password; if no mail would be useful, its reason becomes an [`AdminCheckFailed::NotNeeded`].
///
/// # Errors
/// As every query: see [`Error`].
pub async fn mail_as_admin(
    store: &Store,
    user_id: String,
    event: Event,
    mail: impl Fn(&User, bool) -> Result<NewJob, &'static str> + Send + 'static,
) -> Result<Result<(), AdminCheckFailed>, Error> {
    admin_write!(store, by event.actor_id.clone(), |conn| {
        let Some(user) = find_user_tx!(conn, &user_id) else { return Ok(Err(AdminCheckFailed::NotFound)) };
        let has_password = find_password_tx!(conn, &user_id).and_then(password_account).is_some();
        let job = match mail(&user, has_password) {
            Ok(job) => job,
            Err(reason) => return Ok(Err(AdminCheckFailed::NotNeeded(reason))),
        };
        diesel::insert_into(jobs::table).values(&job).execute(conn).await?;
        Ok(Ok((event.clone(), ())))
    })
}
