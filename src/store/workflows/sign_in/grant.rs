//! Sessions and their secrets: the only inserts into `sessions`, and the only changes of a secret.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::SignInRequest;
use crate::{
    secrets::SessionHash,
    store::{
        engine::page::new_id,
        schema::sessions,
        statements,
        tables::{
            generation::{FIRST_BATCH, Generations},
            sessions::{IDLE_TIMEOUT, Methods, SHORT_LIFE, SessionRow},
            users::User,
        },
    },
    time::Timestamp,
};

/// Proof that a session with this secret is in the database. Only a sign-in and the rotation of a session's secret
/// create one, and without one the session cookie cannot be set:
///
/// ```compile_fail,E0451
/// # use portcullis::{secrets::SessionSecret, store::{sessions::SessionRow, sign_in::SessionGrant}};
/// # fn bypass(session: SessionRow, secret: &SessionSecret) -> SessionGrant {
/// SessionGrant { session, secret: secret.hash() }
/// # }
/// ```
#[derive(Debug)]
pub struct SessionGrant {
    session: SessionRow,
    secret: SessionHash,
}

impl SessionGrant {
    /// The session.
    #[must_use]
    pub fn session(&self) -> &SessionRow {
        &self.session
    }

    /// Whether this is the session's secret.
    #[must_use]
    pub fn is_for(&self, secret: SessionHash) -> bool {
        self.secret == secret
    }
}

/// Rotates the secret of a session in which the user has authenticated again, so that the old secret cannot use what
/// the session may do from now on.
#[derive(Debug, Clone)]
pub struct Renewal {
    /// The session's id.
    pub id: String,
    /// Its secret until now.
    pub presented: SessionHash,
    /// Its new secret.
    pub secret: SessionHash,
    /// How the user has authenticated in it, this time included.
    pub methods: Methods,
}

/// The outcome of a re-authentication.
pub struct Reauthenticated {
    /// The user.
    pub user: User,
    /// The session with its new secret; none if it was revoked, or a concurrent request has rotated its secret.
    pub renewed: Option<SessionGrant>,
}

/// A row of `sessions` to insert.
#[derive(Insertable)]
#[diesel(table_name = sessions)]
struct NewSession<'a> {
    id: String,
    user_id: &'a str,
    secret_hash: SessionHash,
    expires_at: Timestamp,
    authenticated_at: Timestamp,
    last_seen_at: Timestamp,
    remember: bool,
    ip_address: Option<&'a str>,
    user_agent: Option<&'a str>,
    created_at: Timestamp,
    updated_at: Timestamp,
    generation: i64,
    methods: String,
}

impl<'a> NewSession<'a> {
    fn begin(
        user_id: &'a str,
        request: &'a SignInRequest,
        methods: Methods,
        generation: i64,
        now: Timestamp,
    ) -> Self {
        Self {
            id: new_id(),
            user_id,
            secret_hash: request.secret,
            expires_at: now + if request.remember { IDLE_TIMEOUT } else { SHORT_LIFE },
            authenticated_at: now,
            last_seen_at: now,
            remember: request.remember,
            ip_address: request.device.ip_address.as_deref(),
            user_agent: request.device.user_agent.as_deref(),
            created_at: now,
            updated_at: now,
            generation,
            methods: methods.to_string(),
        }
    }
}

statements! {
    /// The beginning of a session, within a transaction.
    pub(super) trait InsertSession {
        /// Inserts a session, which replaces the one that the browser had. If its user then has more sessions than allowed,
        /// deletes the oldest; no response reports that, so none waits for its invalidation.
        async fn insert_session(
            conn,
            user_id: &str,
            methods: Methods,
            request: &SignInRequest,
            max_sessions: u32,
            now: Timestamp
        ) -> SessionGrant {
            if let Some(replaced) = request.replaced {
                diesel::delete(sessions::table.filter(sessions::secret_hash.eq(replaced)))
                    .execute(conn)
                    .await?;
            }
            let generation = conn.session_generation(user_id).await?;
            let session: SessionRow = diesel::insert_into(sessions::table)
                .values(NewSession::begin(user_id, request, methods, generation, now))
                .returning(SessionRow::as_returning())
                .get_result(conn)
                .await?;
            // Excludes the new session, which is not the last by its id if the clock was set back.
            let surplus: Vec<String> = sessions::table
                .filter(sessions::user_id.eq(user_id))
                .filter(sessions::generation.eq(generation))
                .filter(sessions::expires_at.gt(now))
                .filter(sessions::id.ne(&session.id))
                .order(sessions::id.desc())
                .select(sessions::id)
                .offset(i64::from(max_sessions) - 1)
                .limit(i64::from(FIRST_BATCH))
                .load(conn)
                .await?;
            diesel::delete(sessions::table.filter(sessions::id.eq_any(surplus)))
                .execute(conn)
                .await?;
            Ok(SessionGrant { session, secret: request.secret })
        }
    }
}

statements! {
    /// Changes of the sessions of users who are signed in, within a transaction.
    pub(in crate::store) trait SessionStatements {
        /// Inserts a session in which an active user goes on, in place of all sessions, which the transaction has just
        /// revoked. It is no sign-in: the revoked session has proved whatever is required.
        async fn continue_session(
            conn,
            user_id: &str,
            methods: Methods,
            request: &SignInRequest,
            now: Timestamp
        ) -> SessionGrant {
            // The only one: all others are revoked.
            conn.insert_session(user_id, methods, request, 1, now).await
        }

        /// Rotates the session's secret, if the session still has the presented one.
        async fn rotate_secret(conn, renewal: &Renewal, now: Timestamp) -> Option<SessionGrant> {
            let session: Option<SessionRow> = diesel::update(sessions::table.find(&renewal.id))
                .filter(sessions::secret_hash.eq(renewal.presented))
                .set((
                    sessions::secret_hash.eq(renewal.secret),
                    sessions::authenticated_at.eq(now),
                    sessions::methods.eq(renewal.methods.to_string()),
                ))
                .returning(SessionRow::as_returning())
                .get_result(conn)
                .await
                .optional()?;
            Ok(session.map(|session| SessionGrant { session, secret: renewal.secret }))
        }
    }
}
