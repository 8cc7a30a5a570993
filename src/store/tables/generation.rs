//! Credential generations: revoking any number of credentials is one small write.
//!
//! A session, an API token and a mailed link each store the generation in which they were issued: the sum of a number
//! on their user's row and one on the site's, for their kind. Both numbers only grow, so a credential is valid only
//! while its generation equals the sum, and incrementing either number revokes all credentials that were issued
//! before. Every query that must find only valid credentials joins `users` and `epoch` and filters by one of the
//! functions here. The rows that are left over are removed in batches (`revocation_cleanup`), which changes nothing
//! for clients.
//!
//! Deleting the rows instead could take longer than a request may, and deleting them in batches would be unsafe:
//! reactivating the user halfway would restore credentials that were meant to be revoked.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::store::{
    schema::{api_tokens, epoch, sessions, users, verifications},
    statements,
};

/// How many of a user's rows, newest first, the revocation itself removes: normally all of them.
pub(in crate::store) const FIRST_BATCH: u16 = 1000;

/// Matches sessions that have not been revoked.
#[diesel::dsl::auto_type(no_type_alias)]
pub(in crate::store) fn session_is_current() -> _ {
    sessions::generation.eq(users::session_generation + epoch::session_generation)
}

/// Matches tokens that have not been revoked together with others; a token that was revoked alone has a `revoked_at`.
#[diesel::dsl::auto_type]
pub(in crate::store) fn token_is_current() -> _ {
    api_tokens::generation.eq(users::token_generation + epoch::token_generation)
}

/// Matches mailed links that have not been revoked.
#[diesel::dsl::auto_type(no_type_alias)]
pub(in crate::store) fn link_is_current() -> _ {
    verifications::generation.eq(users::link_generation + epoch::link_generation)
}

/// Joins the single row of `epoch`.
#[diesel::dsl::auto_type]
pub(in crate::store) fn site() -> _ {
    epoch::table.on(epoch::id.eq(1_i32))
}

macro_rules! generation {
    ($conn:ident, $user_id:ident, $kind:ident) => {{
        let generation: Option<i64> = users::table
            .inner_join(site())
            .filter(users::id.eq($user_id))
            .select(users::$kind + epoch::$kind)
            .get_result($conn)
            .await
            .optional()?;
        Ok(generation.unwrap_or_default())
    }};
}

statements! {
    /// The generation for a credential that is issued now, within a transaction; 0 if the user does not exist, and nothing
    /// can be issued.
    ///
    /// Read it before anything else that decides on issuing the credential, so that a revocation in between covers it.
    pub(in crate::store) trait Generations {
        /// For a session.
        async fn session_generation(conn, user_id: &str) -> i64 {
            generation!(conn, user_id, session_generation)
        }

        /// For an API token.
        async fn token_generation(conn, user_id: &str) -> i64 {
            generation!(conn, user_id, token_generation)
        }

        /// For a mailed link.
        async fn link_generation(conn, user_id: &str) -> i64 {
            generation!(conn, user_id, link_generation)
        }
    }
}

// Macros, because the columns are different ones.

/// Within a transaction: revokes all of a user's credentials of these kinds. One statement, so that it begins one
/// epoch.
macro_rules! next_generation_tx {
    ($conn:ident, $user_id:expr, $($kind:ident),+) => {{
        use $crate::store::schema::users;
        diesel::update(users::table.find($user_id))
            .set(($(users::$kind.eq(users::$kind + 1),)+))
            .execute($conn)
            .await?
    }};
}

/// Within a transaction: revokes all credentials of these kinds, of all users.
macro_rules! next_site_generation_tx {
    ($conn:ident, $($kind:ident),+) => {{
        use $crate::store::schema::epoch;
        diesel::update(epoch::table.find(1))
            .set(($(epoch::$kind.eq(epoch::$kind + 1),)+))
            .execute($conn)
            .await?
    }};
}

pub(in crate::store) use {next_generation_tx, next_site_generation_tx};
