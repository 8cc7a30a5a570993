//! Which tokens work, as the database sees it.

use diesel::{dsl, prelude::*};

use super::schema::api_tokens;
use crate::time::Timestamp;

/// Those that are neither revoked nor expired at this moment: what [`super::tokens::ApiToken::state`]
/// says of one row, said of all.
#[diesel::dsl::auto_type(no_type_alias)]
pub(super) fn is_active(now: Timestamp) -> _ {
    let lasting = api_tokens::expires_at.is_null();
    let lasts: dsl::AssumeNotNull<dsl::Gt<api_tokens::expires_at, Timestamp>> =
        api_tokens::expires_at.gt(now).assume_not_null();
    api_tokens::revoked_at.is_null().and(lasting.or(lasts))
}
