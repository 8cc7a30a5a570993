//! API tokens: the credentials of scripts, instead of a cookie.

pub(in crate::store) mod active;
mod list;
mod scopes;

use std::collections::HashMap;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::json;
use strum::{EnumString, IntoStaticStr};

use crate::{
    scope::Scope,
    secrets::{PlainToken, TokenHash},
    store::{
        AdminCheckFailed, Error, Store,
        engine::{page::new_id, unreadable::OrEmpty},
        invalidating_transaction, list_query, query,
        schema::{api_tokens, users},
        statements,
        tables::{
            activity::{Action, Client, Event, RecordEvent},
            admin_write::admin_write,
            api_tokens::active::is_active,
            generation::{self, FIRST_BATCH, Generations, next_generation_tx},
            jobs::{AddJob, NewJob},
            locks::Locks,
            revocation_cleanup::{AddCleanup, Kind},
            users::{Role, User, present},
            verifications::RedeemLinks,
        },
        transaction,
    },
    time::{Timestamp, days},
};

pub use list::{Cursor, Filter, list};
pub use scopes::StoredScopes;

/// A row of `api_tokens`, without the token's hash, which no caller needs.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = api_tokens)]
pub struct ApiToken {
    /// Its id.
    pub id: String,
    /// The owner's id.
    pub user_id: String,
    /// Its first characters, by which its owner recognizes it.
    #[diesel(deserialize_as = OrEmpty<String, api_tokens::display_prefix>)]
    pub display_prefix: String,
    /// The name that its owner gave it.
    #[diesel(deserialize_as = OrEmpty<String, api_tokens::name>)]
    pub name: String,
    /// What it may do.
    pub scopes: StoredScopes,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Whether it has not been revoked together with all tokens of its user or of the site. It takes a moment until
    /// `revoked_at` of such a token is set.
    #[diesel(select_expression = generation::token_is_current())]
    #[diesel(select_expression_type = generation::token_is_current)]
    #[diesel(deserialize_as = OrEmpty<bool, api_tokens::generation>)]
    pub current: bool,
}

/// A row of `api_tokens` to insert.
#[derive(Insertable)]
#[diesel(table_name = api_tokens)]
pub struct NewToken {
    id: String,
    user_id: String,
    token_hash: TokenHash,
    display_prefix: String,
    name: String,
    scopes: String,
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
}

impl NewToken {
    /// A token for this user that is valid from now on, for `lifetime_days` days or without expiry.
    #[must_use]
    pub fn new(
        user_id: &str,
        token: &PlainToken,
        name: String,
        scopes: &StoredScopes,
        lifetime_days: Option<u32>,
        now: Timestamp,
    ) -> Self {
        Self {
            id: new_id(),
            user_id: user_id.to_owned(),
            token_hash: token.hash(),
            display_prefix: token.display_prefix().to_owned(),
            name,
            scopes: scopes.names().join(" "),
            expires_at: lifetime_days.map(|number| now + days(number)),
            created_at: now,
        }
    }

    /// The id that it will have.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Whether a token is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum State {
    /// It is valid.
    Active,
    /// It has expired.
    Expired,
    /// It was revoked.
    Revoked,
}

impl ApiToken {
    /// Returns its state now. At the instant of its expiry it is no longer valid.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> State {
        match (self.revoked_at, self.expires_at) {
            (Some(_), _) => State::Revoked,
            (None, Some(end)) if end <= now => State::Expired,
            _ if !self.current => State::Revoked,
            _ => State::Active,
        }
    }
}

/// The creator of a token.
pub enum Maker {
    /// Its owner, in this session, which must still be valid.
    Owner {
        /// The session's id.
        session_id: String,
        /// The client that creates it.
        client: Client,
        /// The mail that notifies them.
        notice: NewJob,
    },
    /// The operator, with the event for the activity log.
    Operator(Event),
}

/// The outcome of creating a token.
#[derive(Debug)]
pub enum CreateTokenOutcome {
    /// The new token.
    Token(Box<ApiToken>),
    /// Its owner is deactivated or deleted, or the session is no longer valid.
    Deactivated,
    /// It was to have the scope `admin`, but its owner is not (or no longer) an admin.
    NotAnAdmin,
}

/// Inserts a token, unless its owner was deactivated or signed out, or it asks for `admin` and its owner is not (or no
/// longer) an admin.
///
/// Locks the owner's row, so that no deactivation can interleave.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn create(
    store: &Store,
    token: NewToken,
    scopes: StoredScopes,
    maker: Maker,
) -> Result<CreateTokenOutcome, Error> {
    transaction!(store, |conn| {
        match conn.lock_user(&token.user_id).await?.filter(User::is_active) {
            None => return Ok(CreateTokenOutcome::Deactivated),
            Some(owner) if scopes.contains(Scope::Admin.into()) && owner.role != Role::Admin => {
                return Ok(CreateTokenOutcome::NotAnAdmin);
            }
            Some(_) => {}
        }
        // Read before the session is checked: a revocation in between revokes this token too.
        let generation = conn.token_generation(&token.user_id).await?;
        match &maker {
            Maker::Owner { session_id, client, notice } => {
                if !conn.session_is_valid(Some(session_id), token.created_at).await? {
                    return Ok(CreateTokenOutcome::Deactivated);
                }
                let (user_id, now) = (&token.user_id, token.created_at);
                let detail = json!({ "tokenId": token.id, "scopes": scopes.names() });
                let event =
                    Event::of_user(user_id, Action::TokenCreated, client, now).with_detail(detail);
                conn.record_event(&event).await?;
                conn.add_job(notice).await?;
            }
            Maker::Operator(event) => {
                conn.record_event(event).await?;
            }
        }
        diesel::insert_into(api_tokens::table)
            .values((&token, api_tokens::generation.eq(generation)))
            .execute(conn)
            .await?;
        let token = with_generations()
            .filter(api_tokens::id.eq(&token.id))
            .select(ApiToken::as_select())
            .get_result(conn)
            .await?;
        Ok(CreateTokenOutcome::Token(Box::new(token)))
    })
}

/// Returns a user's token by its id.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn find(store: &Store, user_id: String, id: String) -> Result<Option<ApiToken>, Error> {
    query!(store, |conn| with_generations()
        .select(ApiToken::as_select())
        .filter(api_tokens::id.eq(&id))
        .filter(api_tokens::user_id.eq(&user_id))
        .get_result(conn)
        .await
        .optional())
}

/// Renames a user's token.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn rename(
    store: &Store,
    user_id: String,
    id: String,
    name: String,
) -> Result<Option<ApiToken>, Error> {
    invalidating_transaction!(store, |conn| {
        diesel::update(api_tokens::table.find(&id))
            .filter(api_tokens::user_id.eq(&user_id))
            .set(api_tokens::name.eq(&name))
            .execute(conn)
            .await?;
        with_generations()
            .select(ApiToken::as_select())
            .filter(api_tokens::id.eq(&id))
            .filter(api_tokens::user_id.eq(&user_id))
            .get_result(conn)
            .await
            .optional()
    })
}

/// Returns the names of those of these tokens that still exist, by their ids.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn names(store: &Store, ids: Vec<String>) -> Result<HashMap<String, String>, Error> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(String, String)> = list_query!(store, |conn| with_generations()
        .filter(api_tokens::id.eq_any(&ids))
        .select((api_tokens::id, api_tokens::name))
        .load(conn)
        .await)?;
    Ok(rows.into_iter().collect())
}

/// Revokes a user's own token. Returns false if there is none with that id. Idempotent.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn revoke(
    store: &Store,
    user_id: String,
    id: String,
    client: Client,
    now: Timestamp,
) -> Result<bool, Error> {
    let revoked = invalidating_transaction!(store, |conn| {
        let revoked = diesel::update(api_tokens::table.find(&id))
            .filter(api_tokens::user_id.eq(&user_id))
            .filter(api_tokens::revoked_at.is_null())
            .set(api_tokens::revoked_at.eq(now))
            .execute(conn)
            .await?;
        // Only the first revocation changes access.
        if revoked > 0 {
            let event = Event::of_user(&user_id, Action::TokenRevoked, &client, now)
                .with_detail(json!({ "tokenId": id }));
            conn.record_event(&event).await?;
        }
        api_tokens::table
            .find(&id)
            .filter(api_tokens::user_id.eq(&user_id))
            .count()
            .get_result::<i64>(conn)
            .await
    })?;
    Ok(revoked == 1)
}

/// Revokes any token, for an admin who still is one, or the operator. `event` builds the event from the token.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn revoke_as_admin(
    store: &Store,
    actor: Option<String>,
    id: String,
    event: impl Fn(&ApiToken) -> Event + Send + 'static,
    now: Timestamp,
) -> Result<Result<ApiToken, AdminCheckFailed>, Error> {
    admin_write!(store, by actor, |conn| {
        let token: Option<ApiToken> = with_generations()
            .select(ApiToken::as_select())
            .filter(api_tokens::id.eq(&id))
            .get_result(conn)
            .await
            .optional()?;
        let Some(token) = token else { return Ok(Err(AdminCheckFailed::NotFound)) };
        diesel::update(api_tokens::table.find(&id))
            .filter(api_tokens::revoked_at.is_null())
            .set(api_tokens::revoked_at.eq(now))
            .execute(conn)
            .await?;
        Ok(Ok((event(&token), token)))
    })
}

/// Revokes every token of a user, for an admin who still is one. Returns how many of the newest thousand were active
/// until then.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn revoke_all(
    store: &Store,
    user_id: String,
    now: Timestamp,
    event: Event,
) -> Result<Result<usize, AdminCheckFailed>, Error> {
    admin_write!(store, by event.actor_id.clone(), |conn| {
        next_generation_tx!(conn, &user_id, token_generation);
        let revoked = conn.mark_tokens_revoked(&user_id, now).await?;
        Ok(Ok((event.clone(), revoked)))
    })
}

/// Tokens joined with all that decides whether they are valid. An [`ApiToken`] cannot be selected from `api_tokens`
/// alone, so none is read without it.
#[diesel::dsl::auto_type(no_type_alias)]
fn with_generations() -> _ {
    api_tokens::table.inner_join(users::table).inner_join(generation::site()).filter(present())
}

statements! {
    /// What happens to a user's tokens, within a transaction that has just incremented their token generation.
    pub(in crate::store) trait RevokeTokens {
        /// Sets `revoked_at` of the newest of the tokens that this revoked, and records if there may be more. Returns how
        /// many of them were active until then.
        async fn mark_tokens_revoked(conn, user_id: &str, now: Timestamp) -> usize {
            let generation = conn.token_generation(user_id).await?;
            let newest: Vec<(String, i64)> = api_tokens::table
                .filter(api_tokens::user_id.eq(user_id))
                .filter(api_tokens::generation.lt(generation))
                .order(api_tokens::id.desc())
                .select((api_tokens::id, api_tokens::generation))
                .limit(i64::from(FIRST_BATCH))
                .load(conn)
                .await?;
            // A token that an earlier mass revocation covered keeps that time, which is still to be written.
            let ids = newest.iter().filter(|(_, of)| *of == generation - 1).map(|(id, _)| id);
            let revoked = diesel::update(api_tokens::table.filter(api_tokens::id.eq_any(ids)))
                .filter(is_active(now))
                .set(api_tokens::revoked_at.eq(now))
                .execute(conn)
                .await?;
            if newest.len() >= usize::from(FIRST_BATCH) {
                conn.add_cleanup(Kind::Tokens, Some(user_id), now).await?;
            }
            Ok(revoked)
        }
    }
}
