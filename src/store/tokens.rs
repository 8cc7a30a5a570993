//! API tokens: what scripts hold instead of a cookie.

mod list;

use std::{collections::HashMap, sync::Arc};

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use strum::{EnumString, IntoStaticStr};

use super::{
    AdminCheckFailed, Error, Store,
    admin_write::admin_write,
    audit_events::Event,
    batch_loader::{BatchLoader, BatchLoaders},
    credential::{Credential, credential_lookup},
    credential_cache::{CacheMap, CredentialCache, Resolved},
    generation::{self, generation, next_generation},
    invalidating_transaction, list_query,
    locks::lock_user,
    page::new_id,
    query,
    schema::{api_tokens, audit_events, users},
    scopes::StoredScopes,
    transaction,
    unreadable::OrEmpty,
    users::{Role, User, present},
    verifications::asker_is_signed_in,
};
use crate::{
    scope::{Scope, Scopes},
    secrets::{PlainToken, TokenHash},
    time::{Timestamp, days},
};

pub use list::{Cursor, Filter, list};

/// A row of `api_tokens`, without its hash: nobody needs that beside it.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = api_tokens)]
pub struct ApiToken {
    /// Which token.
    pub id: String,
    /// Whose.
    pub user_id: String,
    /// Its first characters, by which its owner knows it.
    #[diesel(deserialize_as = OrEmpty<String, api_tokens::display_prefix>)]
    pub display_prefix: String,
    /// What its owner calls it.
    #[diesel(deserialize_as = OrEmpty<String, api_tokens::name>)]
    pub name: String,
    /// What it may do.
    pub scopes: StoredScopes,
    /// When it stops.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute or so.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it has not been revoked together with all of its user's, or of the site's. It takes a moment
    /// until such a token's own row says so.
    #[diesel(select_expression = generation::token_is_current())]
    #[diesel(select_expression_type = generation::token_is_current)]
    #[diesel(deserialize_as = OrEmpty<bool, api_tokens::generation>)]
    pub current: bool,
}

/// A row of `api_tokens` to add.
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
    /// A token of this user's, from now on, for so many days or for good.
    #[must_use]
    pub fn new(
        user_id: &str,
        token: &PlainToken,
        name: String,
        scopes: Scopes,
        life: Option<u32>,
        now: Timestamp,
    ) -> Self {
        Self {
            id: new_id(),
            user_id: user_id.to_owned(),
            token_hash: token.hash(),
            display_prefix: token.display_prefix().to_owned(),
            name,
            scopes: scopes.to_text(),
            expires_at: life.map(|number| now + days(number)),
            created_at: now,
        }
    }

    /// Which token it will be.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Whether a token works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum State {
    /// It does.
    Active,
    /// Its time is over.
    Expired,
    /// Somebody revoked it.
    Revoked,
}

impl ApiToken {
    /// Whether it works now. The instant of its expiry is the first at which it does not.
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

impl Credential for ApiToken {
    type Hash = TokenHash;

    fn map(cache: &CredentialCache) -> &CacheMap<Self> {
        &cache.tokens
    }

    fn loader(loaders: &BatchLoaders) -> &BatchLoader<Self> {
        &loaders.tokens
    }

    fn is_live(&self, now: Timestamp) -> bool {
        self.state(now) == State::Active
    }

    fn last_used_at(&self) -> Option<Timestamp> {
        self.last_used_at
    }

    credential_lookup!(api_tokens.token_hash, generation::token_is_current);
}

/// What the gate asks: the token with this hash, in whatever state, and its user.
///
/// # Errors
/// When the store is unavailable.
pub async fn by_hash(
    store: &Store,
    hash: TokenHash,
    now: Timestamp,
) -> Result<Option<Arc<Resolved<ApiToken>>>, Error> {
    store.lookup(hash, now).await
}

/// Who makes a token.
pub enum Maker {
    /// Its owner, in this session, which must live on.
    Owner(String),
    /// The operator, of whom the audit log says so.
    Operator(Event),
}

/// How making a token ended.
#[derive(Debug)]
pub enum CreateTokenOutcome {
    /// Here it is.
    Token(Box<ApiToken>),
    /// Its owner has been locked out or is gone, or the session has ended.
    Deactivated,
    /// It was to have the scope `admin`, and its owner is no admin (any more).
    NotAnAdmin,
}

/// Adds a token, unless its owner was locked out or signed out, or asks for `admin` and is none (any
/// more).
///
/// The owner's row is locked, so that a lock-out cannot slip in between.
///
/// # Errors
/// When the store is unavailable.
pub async fn create(
    store: &Store,
    token: NewToken,
    scopes: Scopes,
    maker: Maker,
) -> Result<CreateTokenOutcome, Error> {
    transaction!(store, |conn| {
        match lock_user!(conn, &token.user_id).filter(User::is_active) {
            None => return Ok(CreateTokenOutcome::Deactivated),
            Some(owner) if scopes.contains(Scope::Admin) && owner.role != Role::Admin => {
                return Ok(CreateTokenOutcome::NotAnAdmin);
            }
            Some(_) => {}
        }
        // Before the session is looked at: a revocation that comes in between revokes this token too.
        let generation = generation!(conn, &token.user_id, token_generation);
        match &maker {
            Maker::Owner(session_id) => {
                if !asker_is_signed_in!(conn, Some(session_id), token.created_at) {
                    return Ok(CreateTokenOutcome::Deactivated);
                }
            }
            Maker::Operator(event) => {
                diesel::insert_into(audit_events::table).values(event).execute(conn).await?;
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

/// A user's token by its id.
///
/// # Errors
/// When the store is unavailable.
pub async fn find(store: &Store, user_id: String, id: String) -> Result<Option<ApiToken>, Error> {
    query!(store, |conn| with_generations()
        .select(ApiToken::as_select())
        .filter(api_tokens::id.eq(&id))
        .filter(api_tokens::user_id.eq(&user_id))
        .get_result(conn)
        .await
        .optional())
}

/// Gives a user's token another name.
///
/// # Errors
/// When the store is unavailable.
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

/// The names of those of these tokens that are still kept, by their ids.
///
/// # Errors
/// When the store is unavailable.
pub async fn names(store: &Store, ids: Vec<String>) -> Result<HashMap<String, String>, Error> {
    let rows: Vec<(String, String)> = list_query!(store, |conn| with_generations()
        .filter(api_tokens::id.eq_any(&ids))
        .select((api_tokens::id, api_tokens::name))
        .load(conn)
        .await)?;
    Ok(rows.into_iter().collect())
}

/// Revokes a user's own token. False when there is none of that id; doing it again is no error.
///
/// # Errors
/// When the store is unavailable.
pub async fn revoke(
    store: &Store,
    user_id: String,
    id: String,
    now: Timestamp,
) -> Result<bool, Error> {
    let revoked = invalidating_transaction!(store, |conn| {
        diesel::update(api_tokens::table.find(&id))
            .filter(api_tokens::user_id.eq(&user_id))
            .filter(api_tokens::revoked_at.is_null())
            .set(api_tokens::revoked_at.eq(now))
            .execute(conn)
            .await?;
        api_tokens::table
            .find(&id)
            .filter(api_tokens::user_id.eq(&user_id))
            .count()
            .get_result::<i64>(conn)
            .await
    })?;
    Ok(revoked == 1)
}

/// Revokes any token, by an admin, if they are still one, or the operator. The event is made for the token that is found.
///
/// # Errors
/// When the store is unavailable.
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

/// Revokes every token of a user, by an admin, if they are still one; says how many of the newest thousand worked
/// until then.
///
/// # Errors
/// When the store is unavailable.
pub async fn revoke_all(
    store: &Store,
    user_id: String,
    now: Timestamp,
    event: Event,
) -> Result<Result<usize, AdminCheckFailed>, Error> {
    admin_write!(store, by event.actor_id.clone(), |conn| {
        next_generation!(conn, &user_id, token_generation);
        let revoked = mark_tokens!(conn, &user_id, now);
        Ok(Ok((event.clone(), revoked)))
    })
}

/// Tokens, with all that says whether they work. None is read without it: an [`ApiToken`] cannot be selected from
/// `api_tokens` alone.
#[diesel::dsl::auto_type(no_type_alias)]
fn with_generations() -> _ {
    api_tokens::table.inner_join(users::table).inner_join(generation::site()).filter(present())
}

/// Within a transaction that has just incremented a user's generation of tokens: has the newest of those that this
/// revoked say when, and notes if there may be more. Says how many of them worked until then.
macro_rules! mark_tokens {
    ($conn:ident, $user_id:expr, $now:expr) => {{
        use $crate::store::{
            active_tokens::is_active,
            generation::{FIRST_BATCH, generation},
            revocation_cleanup::{Kind, note_cleanup},
            schema::api_tokens,
        };
        let user_id: &str = $user_id;
        let generation = generation!($conn, user_id, token_generation);
        let newest: Vec<(String, i64)> = api_tokens::table
            .filter(api_tokens::user_id.eq(user_id))
            .filter(api_tokens::generation.lt(generation))
            .order(api_tokens::id.desc())
            .select((api_tokens::id, api_tokens::generation))
            .limit(i64::from(FIRST_BATCH))
            .load($conn)
            .await?;
        // One that was revoked with others before has yet to say when that was.
        let ids = newest.iter().filter(|(_, of)| *of == generation - 1).map(|(id, _)| id);
        let revoked = diesel::update(api_tokens::table.filter(api_tokens::id.eq_any(ids)))
            .filter(is_active($now))
            .set(api_tokens::revoked_at.eq($now))
            .execute($conn)
            .await?;
        if newest.len() >= usize::from(FIRST_BATCH) {
            note_cleanup!($conn, Kind::Tokens, Some(user_id), $now);
        }
        revoked
    }};
}

pub(super) use mark_tokens;
