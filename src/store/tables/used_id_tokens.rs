//! ID tokens that clients have presented: each signs in once.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    secrets::IdTokenHash,
    store::{Error, Store, schema::used_id_tokens, transaction},
    time::Timestamp,
};

/// Returns whether a token was not presented before, and remembers it until then. Of concurrent calls, one succeeds.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn spend(store: &Store, token: IdTokenHash, until: Timestamp) -> Result<bool, Error> {
    transaction!(store, |conn| {
        let added = diesel::insert_into(used_id_tokens::table)
            .values((used_id_tokens::token_hash.eq(token), used_id_tokens::expires_at.eq(until)))
            .on_conflict_do_nothing()
            .execute(conn)
            .await?;
        Ok(added == 1)
    })
}
