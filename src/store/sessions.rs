//! Browsers that are signed in.

use std::sync::Arc;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{
    AdminCheckFailed, Error, Store,
    accounts::{NewAccount, PasswordAccount},
    admin_write::admin_write,
    audit_events::Event,
    batch_loader::{BatchLoader, BatchLoaders},
    credential::{Credential, credential_lookup},
    credential_cache::{CacheMap, CredentialCache, Resolved},
    generation::{self, next_generation},
    invalidating_transaction,
    jobs::NewJob,
    list_query,
    locks::lock_user,
    page::{Page, Window, load_window, new_id},
    schema::{accounts, jobs, sessions, users},
    unreadable::OrEmpty,
    user_search::insert_user,
    users::User,
};
use crate::{
    secrets::{PasswordHash, SessionHash},
    time::{Span, Timestamp, days},
};

/// How long a session lives after its last refresh.
pub const IDLE_TIMEOUT: Span = days(7);
/// How long a session lives that is not to be remembered: it is never refreshed.
pub const SHORT_LIFE: Span = days(1);
/// A session is refreshed once a day at the most.
pub const REFRESH_AFTER: Span = days(1);
/// However often it is refreshed, a session ends after this.
pub const ABSOLUTE_TIMEOUT: Span = days(30);

/// A row of `sessions`, without its secret's hash: nobody needs that beside it.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub struct SessionRow {
    /// Which session. Not a credential: it may be shown.
    pub id: String,
    /// Whose.
    pub user_id: String,
    /// When it ends, unless it is refreshed.
    pub expires_at: Timestamp,
    /// When its user last entered a password in it.
    pub authenticated_at: Timestamp,
    /// When it was last used, to the minute or so.
    pub last_seen_at: Timestamp,
    /// Whether it outlives the browser and is refreshed.
    #[diesel(deserialize_as = OrEmpty<bool, sessions::remember>)]
    pub remember: bool,
    /// From where it was begun.
    pub ip_address: Option<String>,
    /// By which program.
    pub user_agent: Option<String>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was last refreshed.
    pub updated_at: Timestamp,
}

/// A row of `sessions` to add.
#[derive(Insertable)]
#[diesel(table_name = sessions)]
pub struct NewSession {
    id: String,
    user_id: String,
    secret_hash: SessionHash,
    expires_at: Timestamp,
    authenticated_at: Timestamp,
    last_seen_at: Timestamp,
    remember: bool,
    ip_address: Option<String>,
    user_agent: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// From where and by what a session is begun.
#[derive(Debug, Clone, Default)]
pub struct Device {
    /// The peer's address.
    pub ip_address: Option<String>,
    /// What the program calls itself.
    pub user_agent: Option<String>,
}

impl NewSession {
    /// A session that begins now.
    #[must_use]
    pub fn begin(
        user_id: &str,
        secret_hash: SessionHash,
        remember: bool,
        device: Device,
        now: Timestamp,
    ) -> Self {
        Self {
            id: new_id(),
            user_id: user_id.to_owned(),
            secret_hash,
            expires_at: now + if remember { IDLE_TIMEOUT } else { SHORT_LIFE },
            authenticated_at: now,
            last_seen_at: now,
            remember,
            ip_address: device.ip_address,
            user_agent: device.user_agent,
            created_at: now,
            updated_at: now,
        }
    }

    pub(super) fn user_id(&self) -> &str {
        &self.user_id
    }
}

impl Credential for SessionRow {
    type Hash = SessionHash;

    fn map(cache: &CredentialCache) -> &CacheMap<Self> {
        &cache.sessions
    }

    fn loader(loaders: &BatchLoaders) -> &BatchLoader<Self> {
        &loaders.sessions
    }

    fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    fn last_used_at(&self) -> Option<Timestamp> {
        Some(self.last_seen_at)
    }

    credential_lookup!(sessions.secret_hash, generation::session_is_current);
}

/// What the gate asks: the session with this secret, expired or not, and its user.
///
/// # Errors
/// When the store is unavailable.
pub async fn by_secret(
    store: &Store,
    hash: SessionHash,
    now: Timestamp,
) -> Result<Option<Arc<Resolved<SessionRow>>>, Error> {
    store.lookup(hash, now).await
}

/// Adds a user together with the way they sign in, their first session, which takes the place of the
/// one that the browser had, and the mail that they are sent, if they are sent one.
///
/// # Errors
/// [`Error::Violated`] when the address belongs to somebody.
pub async fn sign_up(
    store: &Store,
    user: User,
    account: NewAccount,
    session: NewSession,
    replaced: Option<SessionHash>,
    mail: Option<NewJob>,
) -> Result<(User, SessionRow), Error> {
    let max_sessions = store.max_sessions;
    invalidating_transaction!(store, if replaced.is_some(), |conn| {
        let user = insert_user!(conn, &user);
        diesel::insert_into(accounts::table).values(&account).execute(conn).await?;
        if let Some(mail) = &mail {
            diesel::insert_into(jobs::table).values(mail).execute(conn).await?;
        }
        let session = begin_session!(conn, &session, replaced, max_sessions);
        Ok((user, session))
    })
}

/// How signing in with a verified password ended.
pub enum SignedIn {
    /// A session has begun.
    Begun(Box<(User, SessionRow)>),
    /// The user was locked out meanwhile, or before.
    Deactivated,
    /// The password was changed while it was being checked.
    CredentialChanged,
    /// The user has yet to show that the address is theirs.
    NotVerified,
}

/// What a sign-in brings besides a password.
pub struct SigningIn {
    /// The password again, hashed as hashes are made today, where its own hash is older.
    pub rehashed: Option<PasswordHash>,
    /// The session to begin.
    pub session: NewSession,
    /// The session that the browser had until now: its secret must not live on beside the new one.
    pub replaced: Option<SessionHash>,
    /// Whether only those may come in who have shown that their address is theirs.
    pub verified_only: bool,
}

/// Begins a session, if the password that was verified is still the one, and its user not locked out.
///
/// Both rows are locked, so that a change of password or a lock-out cannot slip between the check and
/// the session.
///
/// # Errors
/// When the store is unavailable.
pub async fn sign_in(
    store: &Store,
    verified: PasswordAccount,
    with: SigningIn,
) -> Result<SignedIn, Error> {
    let SigningIn { rehashed, session, replaced, verified_only } = with;
    let keep = rehashed.as_ref().unwrap_or(&verified.hash).as_str().to_owned();
    let max_sessions = store.max_sessions;
    invalidating_transaction!(store, if replaced.is_some(), |conn| {
        let Some(user) = lock_user!(conn, &session.user_id).filter(User::is_active) else {
            return Ok(SignedIn::Deactivated);
        };
        let unchanged = diesel::update(accounts::table.find(&verified.account_id))
            .filter(accounts::password_hash.eq(verified.hash.as_str()))
            .set(accounts::password_hash.eq(&keep))
            .execute(conn)
            .await?;
        if unchanged == 0 {
            return Ok(SignedIn::CredentialChanged);
        }
        if verified_only && !user.email_verified {
            return Ok(SignedIn::NotVerified);
        }
        let session = begin_session!(conn, &session, replaced, max_sessions);
        Ok(SignedIn::Begun(Box::new((user, session))))
    })
}

/// A page of a user's sessions that have not ended, newest first.
///
/// # Errors
/// When the store is unavailable.
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

/// A session goes on under another secret, as what it may do from now on nobody shall do with the old one.
#[derive(Debug, Clone)]
pub struct Renewal {
    /// Which session.
    pub id: String,
    /// Its secret until now.
    pub presented: SessionHash,
    /// Its secret from now on.
    pub secret: SessionHash,
}

/// Notes that a session's user has entered the password again, and gives it another secret. False when it
/// was ended meanwhile, or has got another one by a second answer on its way.
///
/// # Errors
/// When the store is unavailable.
pub async fn authenticated_again(
    store: &Store,
    renewal: Renewal,
    now: Timestamp,
) -> Result<bool, Error> {
    invalidating_transaction!(store, |conn| Ok(renew!(conn, &renewal, now)))
}

/// Within a transaction: the session goes on under another secret, if it goes on.
macro_rules! renew {
    ($conn:ident, $renewal:expr, $now:expr) => {{
        let renewal: &$crate::store::sessions::Renewal = $renewal;
        let renewed = diesel::update(sessions::table.find(&renewal.id))
            .filter(sessions::secret_hash.eq(&renewal.presented))
            .set((sessions::secret_hash.eq(&renewal.secret), sessions::authenticated_at.eq($now)))
            .execute($conn)
            .await?;
        renewed == 1
    }};
}

pub(super) use renew;

/// Ends the session with this secret, whatever its user's state.
///
/// # Errors
/// When the store is unavailable.
pub async fn end_by_secret(store: &Store, hash: SessionHash) -> Result<(), Error> {
    invalidating_transaction!(store, |conn| diesel::delete(
        sessions::table.filter(sessions::secret_hash.eq(hash))
    )
    .execute(conn)
    .await)?;
    Ok(())
}

/// Which of a user's sessions to end.
#[derive(Debug, Clone)]
pub enum Which {
    /// The one with this id.
    One(String),
    /// All but the one with this id.
    AllBut(String),
    /// All.
    All,
}

/// Ends sessions of one user's own.
///
/// # Errors
/// When the store is unavailable.
pub async fn end(
    store: &Store,
    user_id: String,
    which: Which,
    now: Timestamp,
) -> Result<(), Error> {
    invalidating_transaction!(store, |conn| {
        match &which {
            Which::One(id) => {
                let one = sessions::table.find(id).filter(sessions::user_id.eq(&user_id));
                diesel::delete(one).execute(conn).await?;
            }
            Which::AllBut(id) => {
                next_generation!(conn, &user_id, session_generation);
                keep_session!(conn, &user_id, id);
                remove_sessions!(conn, &user_id, now);
            }
            Which::All => {
                next_generation!(conn, &user_id, session_generation);
                remove_sessions!(conn, &user_id, now);
            }
        }
        Ok(())
    })
}

/// Ends every session of a user, by an admin, if they are still one; says how many of the newest thousand had
/// not ended yet.
///
/// # Errors
/// When the store is unavailable.
pub async fn end_as_admin(
    store: &Store,
    user_id: String,
    now: Timestamp,
    event: Event,
) -> Result<Result<usize, AdminCheckFailed>, Error> {
    admin_write!(store, by event.actor_id.clone(), |conn| {
        next_generation!(conn, &user_id, session_generation);
        let ended = remove_sessions!(conn, &user_id, now);
        Ok(Ok((event.clone(), ended)))
    })
}

/// Ends one session of any user, by an admin, if they are still one. The event is made for the session that is found:
/// one that has ended already is not.
///
/// # Errors
/// When the store is unavailable.
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

/// Within a transaction that has just incremented a user's generation of sessions: this one goes on.
///
/// Incremented as the user's number was, not set to what that is now: a session that was revoked before stays
/// revoked, and so does one that the site's number revokes at the same time.
macro_rules! keep_session {
    ($conn:ident, $user_id:expr, $id:expr) => {{
        use $crate::store::schema::sessions;
        diesel::update(sessions::table.find($id))
            .filter(sessions::user_id.eq($user_id))
            .set(sessions::generation.eq(sessions::generation + 1))
            .execute($conn)
            .await?
    }};
}

/// Within a transaction that has just incremented a user's generation of sessions: removes the newest of those
/// that this revoked, and notes if there may be more. Says how many of the removed were valid until then.
macro_rules! remove_sessions {
    ($conn:ident, $user_id:expr, $now:expr) => {{
        use $crate::store::{
            generation::{FIRST_BATCH, generation},
            revocation_cleanup::{Kind, note_cleanup},
            schema::sessions,
        };
        let user_id: &str = $user_id;
        let generation = generation!($conn, user_id, session_generation);
        let newest: Vec<(String, i64, $crate::time::Timestamp)> = sessions::table
            .filter(sessions::user_id.eq(user_id))
            .filter(sessions::generation.lt(generation))
            .order(sessions::id.desc())
            .select((sessions::id, sessions::generation, sessions::expires_at))
            .limit(i64::from(FIRST_BATCH))
            .load($conn)
            .await?;
        let was_valid = |(_, of, until): &&(_, i64, _)| *of == generation - 1 && *until > $now;
        let ended = newest.iter().filter(was_valid).count();
        let ids = newest.iter().map(|(id, ..)| id);
        diesel::delete(sessions::table.filter(sessions::id.eq_any(ids))).execute($conn).await?;
        if newest.len() >= usize::from(FIRST_BATCH) {
            note_cleanup!($conn, Kind::Sessions, Some(user_id), $now);
        }
        ended
    }};
}

/// Within a transaction: a session begins, and takes the place of the one that the browser had. Where its user has
/// more sessions than they may have, the oldest end; no answer reports that, so none waits for it.
///
/// A macro, as the statements must be expanded for each backend.
macro_rules! begin_session {
    ($conn:ident, $session:expr, $replaced:expr, $max:expr) => {{
        use $crate::store::{
            generation::{FIRST_BATCH, generation},
            schema::sessions,
            sessions::{NewSession, SessionRow},
        };
        let new: &NewSession = $session;
        if let Some(replaced) = $replaced {
            diesel::delete(sessions::table.filter(sessions::secret_hash.eq(replaced)))
                .execute($conn)
                .await?;
        }
        let generation = generation!($conn, new.user_id(), session_generation);
        let session: SessionRow = diesel::insert_into(sessions::table)
            .values((new, sessions::generation.eq(generation)))
            .returning(SessionRow::as_returning())
            .get_result($conn)
            .await?;
        // Not the new one, which is not the last by its id if the clock was set back.
        let surplus: Vec<String> = sessions::table
            .filter(sessions::user_id.eq(&session.user_id))
            .filter(sessions::generation.eq(generation))
            .filter(sessions::expires_at.gt(session.created_at))
            .filter(sessions::id.ne(&session.id))
            .order(sessions::id.desc())
            .select(sessions::id)
            .offset(i64::from($max) - 1)
            .limit(i64::from(FIRST_BATCH))
            .load($conn)
            .await?;
        diesel::delete(sessions::table.filter(sessions::id.eq_any(surplus))).execute($conn).await?;
        session
    }};
}

pub(super) use {begin_session, keep_session, remove_sessions};
