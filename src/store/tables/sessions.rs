//! Sessions: signed-in browsers.

mod methods;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::json;

use crate::{
    secrets::SessionHash,
    store::{
        AdminCheckFailed, Error, Store,
        engine::{
            page::{Page, Window, load_window},
            unreadable::OrEmpty,
        },
        invalidating_transaction, list_query,
        schema::{sessions, users},
        statements,
        tables::{
            activity::{Action, Client, Event, RecordEvent},
            admin_write::admin_write,
            generation::{self, FIRST_BATCH, Generations, next_generation_tx},
            revocation_cleanup::{AddCleanup, Kind},
        },
    },
    time::{Span, Timestamp, days},
};

pub use methods::{Method, Methods};

/// How long a session lasts after its last refresh (the idle timeout).
pub const IDLE_TIMEOUT: Span = days(7);
/// How long a session lasts that is not to be remembered: it is never refreshed.
pub const SHORT_LIFE: Span = days(1);
/// The shortest time between two refreshes of a session.
pub const REFRESH_AFTER: Span = days(1);
/// How long a session lasts at most, however often it is refreshed (the absolute timeout).
pub const ABSOLUTE_TIMEOUT: Span = days(30);

/// A row of `sessions`, without the hash of its secret, which no caller needs.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub struct SessionRow {
    /// Its id. Not a credential: it may be shown.
    pub id: String,
    /// The user's id.
    pub user_id: String,
    /// When it expires, unless it is refreshed.
    pub expires_at: Timestamp,
    /// When its user last authenticated in it.
    pub authenticated_at: Timestamp,
    /// When it was last used, to about a minute.
    pub last_seen_at: Timestamp,
    /// Whether it outlives the browser and is refreshed.
    #[diesel(deserialize_as = OrEmpty<bool, sessions::remember>)]
    pub remember: bool,
    /// The IP address that it was created from.
    pub ip_address: Option<String>,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last refreshed.
    pub updated_at: Timestamp,
    /// How its user has authenticated in it.
    pub methods: Methods,
    /// When its user last proved the second factor in it.
    pub second_factor_at: Option<Timestamp>,
}

/// The client that creates a session.
#[derive(Debug, Clone, Default)]
pub struct Device {
    /// The client's IP address.
    pub ip_address: Option<String>,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
}

/// A page of a user's valid sessions, newest first.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn list(
    store: &Store,
    user_id: String,
    window: Window,
    now: Timestamp,
) -> Result<Page<SessionRow>, Error> {
    let wanted = window.clone();
    let rows = list_query!(store, |conn| {
        let query = sessions::table
            .inner_join(users::table)
            .inner_join(generation::site())
            .filter(generation::session_is_current())
            .filter(sessions::user_id.eq(&user_id))
            .filter(sessions::expires_at.gt(now))
            .select(SessionRow::as_select())
            .into_boxed::<Backend>();
        load_window!(conn, query, sessions::id, &wanted)
    })?;
    Ok(window.page(rows, |session| &session.id))
}

/// Revokes the session with this secret, whatever its user's state: they signed out.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn end_by_secret(
    store: &Store,
    hash: SessionHash,
    client: Client,
    now: Timestamp,
) -> Result<(), Error> {
    invalidating_transaction!(store, |conn| {
        let ended: Option<(String, String)> =
            diesel::delete(sessions::table.filter(sessions::secret_hash.eq(hash)))
                .returning((sessions::id, sessions::user_id))
                .get_result(conn)
                .await
                .optional()?;
        if let Some((id, user_id)) = ended {
            let event = Event::of_user(&user_id, Action::SignedOut, &client, now)
                .with_detail(json!({ "sessionId": id }));
            conn.record_event(&event).await?;
        }
        Ok(())
    })
}

/// Which of a user's sessions to revoke.
#[derive(Debug, Clone)]
pub enum Which {
    /// The one with this id.
    One(String),
    /// All but the one with this id.
    AllBut(String),
    /// All.
    All,
}

/// Revokes a user's own sessions.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn end(
    store: &Store,
    user_id: String,
    which: Which,
    client: Client,
    now: Timestamp,
) -> Result<(), Error> {
    invalidating_transaction!(store, |conn| {
        let (action, detail) = match &which {
            Which::One(id) => {
                let one = sessions::table.find(id).filter(sessions::user_id.eq(&user_id));
                if diesel::delete(one).execute(conn).await? == 0 {
                    return Ok(());
                }
                (Action::SessionEnded, json!({ "sessionId": id }))
            }
            Which::AllBut(id) => {
                next_generation_tx!(conn, &user_id, session_generation);
                conn.keep_session(&user_id, id).await?;
                conn.remove_sessions(&user_id, now).await?;
                (Action::SessionsEnded, json!({ "keptSessionId": id }))
            }
            Which::All => {
                next_generation_tx!(conn, &user_id, session_generation);
                conn.remove_sessions(&user_id, now).await?;
                (Action::SessionsEnded, json!({}))
            }
        };
        let event = Event::of_user(&user_id, action, &client, now).with_detail(detail);
        conn.record_event(&event).await?;
        Ok(())
    })
}

/// Revokes every session of a user, for an admin who still is one. Returns how many of the newest thousand were valid
/// until then.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn end_as_admin(
    store: &Store,
    user_id: String,
    now: Timestamp,
    event: Event,
) -> Result<Result<usize, AdminCheckFailed>, Error> {
    admin_write!(store, by event.actor_id.clone(), |conn| {
        next_generation_tx!(conn, &user_id, session_generation);
        let ended = conn.remove_sessions(&user_id, now).await?;
        Ok(Ok((event.clone(), ended)))
    })
}

/// Revokes one session of any user, for an admin who still is one. `event` builds the event from the session; an
/// expired session is not found.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn end_one_as_admin(
    store: &Store,
    actor: Option<String>,
    id: String,
    now: Timestamp,
    event: impl Fn(&SessionRow) -> Event + Send + 'static,
) -> Result<Result<(), AdminCheckFailed>, Error> {
    admin_write!(store, by actor, |conn| {
        let session: Option<SessionRow> = sessions::table
            .inner_join(users::table)
            .inner_join(generation::site())
            .filter(generation::session_is_current())
            .filter(sessions::id.eq(&id))
            .filter(sessions::expires_at.gt(now))
            .select(SessionRow::as_select())
            .get_result(conn)
            .await
            .optional()?;
        let Some(session) = session else { return Ok(Err(AdminCheckFailed::NotFound)) };
        let ended = diesel::delete(sessions::table.find(&id)).execute(conn).await?;
        if ended == 0 {
            return Ok(Err(AdminCheckFailed::NotFound));
        }
        Ok(Ok((event(&session), ())))
    })
}

statements! {
    /// What happens to a user's sessions, within a transaction that has just incremented their session generation.
    pub(in crate::store) trait RevokeSessions {
        /// Keeps this session valid.
        ///
        /// Increments the session's generation as the user's was, instead of setting it to the current sum: a session that
        /// was revoked before stays revoked, and so does one that the site's generation revokes at the same time.
        async fn keep_session(conn, user_id: &str, id: &str) -> () {
            diesel::update(sessions::table.find(id))
                .filter(sessions::user_id.eq(user_id))
                .set(sessions::generation.eq(sessions::generation + 1))
                .execute(conn)
                .await
                .map(drop)
        }

        /// Deletes the newest of the sessions that this revoked, and records if there may be more. Returns how many of the
        /// deleted were valid until then.
        async fn remove_sessions(conn, user_id: &str, now: Timestamp) -> usize {
            let generation = conn.session_generation(user_id).await?;
            let newest: Vec<(String, i64, Timestamp)> = sessions::table
                .filter(sessions::user_id.eq(user_id))
                .filter(sessions::generation.lt(generation))
                .order(sessions::id.desc())
                .select((sessions::id, sessions::generation, sessions::expires_at))
                .limit(i64::from(FIRST_BATCH))
                .load(conn)
                .await?;
            let was_valid = |(_, of, until): &&(_, i64, _)| *of == generation - 1 && *until > now;
            let ended = newest.iter().filter(was_valid).count();
            let ids = newest.iter().map(|(id, ..)| id);
            diesel::delete(sessions::table.filter(sessions::id.eq_any(ids))).execute(conn).await?;
            if newest.len() >= usize::from(FIRST_BATCH) {
                conn.add_cleanup(Kind::Sessions, Some(user_id), now).await?;
            }
            Ok(ended)
        }
    }
}
