//! Writes row by row: to SQLite a statement costs little, while a transaction costs a sync of the disk.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{CredentialId, RESOLUTION};
use crate::{
    store::{
        engine::sqlite::Connection,
        schema::{api_tokens, sessions},
    },
    time::Timestamp,
};

pub(super) async fn write(
    conn: &mut Connection,
    uses: Vec<(CredentialId, Timestamp)>,
) -> QueryResult<()> {
    for (key, at) in uses {
        let behind = at - RESOLUTION;
        match key {
            CredentialId::Session(id) => {
                diesel::update(sessions::table.find(id))
                    .filter(sessions::last_seen_at.le(behind))
                    .set(sessions::last_seen_at.eq(at))
                    .execute(conn)
                    .await?
            }
            CredentialId::Token(id) => {
                diesel::update(api_tokens::table.find(id))
                    .filter(
                        api_tokens::last_used_at
                            .is_null()
                            .or(api_tokens::last_used_at.le(behind).assume_not_null()),
                    )
                    .set(api_tokens::last_used_at.eq(at))
                    .execute(conn)
                    .await?
            }
        };
    }
    Ok(())
}
