//! What an admin changes of a user: name and role, deactivation and reactivation, and mails to them.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};

use crate::{
    store::{
        Error, Store,
        schema::users,
        tables::{
            accounts::{FindPassword, password_account},
            activity::Event,
            admin_write::{AdminCheckFailed, admin_write},
            api_tokens::RevokeTokens,
            generation::next_generation_tx,
            jobs::{AddJob, NewJob},
            sessions::RevokeSessions,
            users::{Changes, Role, User, present, search::IndexUsers},
            verifications::RedeemLinks,
        },
        workflows::suspension::RestoreAccess,
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
        let before: Option<User> = conn.find_user(&id).await?;
        let Some(before) = before else { return Ok(Err(AdminCheckFailed::NotFound)) };
        let demoted = changes.role == Some(Role::User);
        if demoted && conn.is_last_admin(&before).await? {
            return Ok(Err(AdminCheckFailed::LastAdmin));
        }
        let user = diesel::update(users::table.filter(present()).find(&id))
            .set(&changes)
            .returning(User::as_returning())
            .get_result(conn)
            .await?;
        if changes.name.is_some() {
            conn.index_user(&user).await?;
        }
        if user.role == Role::Admin && before.role != Role::Admin {
            next_generation_tx!(conn, &id, session_generation);
            conn.remove_sessions(&id, changes.updated_at).await?;
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
        let before: Option<User> = conn.find_user(&id).await?;
        let Some(before) = before else { return Ok(Err(AdminCheckFailed::NotFound)) };
        if conn.is_last_admin(&before).await? {
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
            conn.remove_sessions(&id, now).await?;
            conn.mark_tokens_revoked(&id, now).await?;
            conn.remove_links(&id, now).await?;
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
        let before: Option<User> = conn.find_user(&id).await?;
        let Some(before) = before else { return Ok(Err(AdminCheckFailed::NotFound)) };
        let user = if before.is_active() {
            before.clone()
        } else {
            conn.restore_access(&id).await?;
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
        let Some(user) = conn.find_user(&user_id).await? else { return Ok(Err(AdminCheckFailed::NotFound)) };
        let has_password = conn.find_password(&user_id).await?.and_then(password_account).is_some();
        let job = match mail(&user, has_password) {
            Ok(job) => job,
            Err(reason) => return Ok(Err(AdminCheckFailed::NotNeeded(reason))),
        };
        conn.add_job(&job).await?;
        Ok(Ok((event.clone(), ())))
    })
}
