//! Credential generations: revoking any number of credentials is one small write.
//!
//! A session, an API token and a mailed link each store the generation in which they were issued: their user's
//! number for their kind plus the site's. Both only grow, so a credential is valid only while its generation
//! equals that sum, and incrementing either number revokes all that were issued before. Every query that
//! must find valid credentials alone joins `users` and `epoch` and filters by one of the functions here. The
//! rows that are left over are removed in batches (`revocation_cleanup`), which by then changes nothing.
//!
//! Deleting the rows themselves would take longer than a request may, and doing that in batches would be
//! unsafe: to reactivate the user halfway would restore credentials that were meant to be gone.

use diesel::prelude::*;

use super::schema::{api_tokens, epoch, sessions, users, verifications};

/// How many of a user's rows are removed, newest first, by the revocation itself: all of them, as a rule.
pub(super) const FIRST_BATCH: u16 = 1000;

/// Sessions that have not been revoked.
#[diesel::dsl::auto_type(no_type_alias)]
pub(super) fn session_is_current() -> _ {
    sessions::generation.eq(users::session_generation + epoch::session_generation)
}

/// Tokens that have not been revoked together with others; one that was revoked alone has a `revoked_at`.
#[diesel::dsl::auto_type]
pub(super) fn token_is_current() -> _ {
    api_tokens::generation.eq(users::token_generation + epoch::token_generation)
}

/// Links that have not been revoked.
#[diesel::dsl::auto_type(no_type_alias)]
pub(super) fn link_is_current() -> _ {
    verifications::generation.eq(users::link_generation + epoch::link_generation)
}

/// The one row of `epoch`, to join with.
#[diesel::dsl::auto_type]
pub(super) fn site() -> _ {
    epoch::table.on(epoch::id.eq(1_i32))
}

// Macros, as the statements must be expanded for each backend.

/// Within a transaction: the generation of a credential of this kind that is issued now; 0 where the
/// user is gone, and nothing can be issued.
///
/// Read before whatever else decides on issuing it, so that a revocation in between revokes it.
macro_rules! generation {
    ($conn:ident, $user_id:expr, $kind:ident) => {{
        use $crate::store::schema::{epoch, users};
        let generation: Option<i64> = users::table
            .inner_join($crate::store::generation::site())
            .filter(users::id.eq($user_id))
            .select(users::$kind + epoch::$kind)
            .get_result($conn)
            .await
            .optional()?;
        generation.unwrap_or_default()
    }};
}

/// Within a transaction: revokes all of a user's credentials of these kinds. In one statement, which begins
/// one epoch.
macro_rules! next_generation {
    ($conn:ident, $user_id:expr, $($kind:ident),+) => {{
        use $crate::store::schema::users;
        diesel::update(users::table.find($user_id))
            .set(($(users::$kind.eq(users::$kind + 1),)+))
            .execute($conn)
            .await?
    }};
}

/// Within a transaction: revokes all credentials of these kinds, of all users.
macro_rules! next_site_generation {
    ($conn:ident, $($kind:ident),+) => {{
        use $crate::store::schema::epoch;
        diesel::update(epoch::table.find(1))
            .set(($(epoch::$kind.eq(epoch::$kind + 1),)+))
            .execute($conn)
            .await?
    }};
}

pub(super) use {generation, next_generation, next_site_generation};
