//! The condition for active API tokens, in SQL.

use diesel::{dsl, prelude::*};

use crate::{store::schema::api_tokens, time::Timestamp};

/// Matches tokens that are neither revoked nor expired at `now`: the same rule as [`crate::store::tables::api_tokens::ApiToken::state`],
/// for a query.
#[diesel::dsl::auto_type(no_type_alias)]
pub(in crate::store) fn is_active(now: Timestamp) -> _ {
    let never_expires = api_tokens::expires_at.is_null();
    let expires_later: dsl::AssumeNotNull<dsl::Gt<api_tokens::expires_at, Timestamp>> =
        api_tokens::expires_at.gt(now).assume_not_null();
    api_tokens::revoked_at.is_null().and(never_expires.or(expires_later))
}
