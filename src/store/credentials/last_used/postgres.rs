//! Writes many rows with one statement, and skips locked rows instead of waiting for them: waiting would deadlock with
//! a revocation of the same rows, and the revocation could be the one to fail.

use std::collections::HashSet;

use diesel::{
    QueryResult, QueryableByName, sql_query,
    sql_types::{Array, Text},
};
use diesel_async::RunQueryDsl;

use super::{CredentialId, RESOLUTION};
use crate::{
    store::engine::postgres::Connection,
    time::{Moment, Timestamp},
};

/// Writes all rows that no other transaction has locked, and returns the credentials that still need a write.
pub(super) async fn write(
    conn: &mut Connection,
    uses: &[(CredentialId, Timestamp)],
) -> QueryResult<HashSet<CredentialId>> {
    let (mut sessions, mut tokens) = (Columns::default(), Columns::default());
    for (key, at) in uses {
        match key {
            CredentialId::Session(id) => sessions.add(id, *at),
            CredentialId::Token(id) => tokens.add(id, *at),
        }
    }
    let sessions = sessions.write(conn, "sessions", "last_seen_at").await?;
    let tokens = tokens.write(conn, "api_tokens", "last_used_at").await?;
    Ok(sessions.map(CredentialId::Session).chain(tokens.map(CredentialId::Token)).collect())
}

/// The uses of one table's rows by column, as `unnest` takes them.
#[derive(Default)]
struct Columns<'a> {
    ids: Vec<&'a str>,
    at: Vec<Timestamp>,
    behind: Vec<Timestamp>,
}

#[derive(QueryableByName)]
struct Behind {
    #[diesel(sql_type = Text)]
    id: String,
}

impl<'a> Columns<'a> {
    fn add(&mut self, id: &'a str, at: Timestamp) {
        self.ids.push(id);
        self.at.push(at);
        self.behind.push(at - RESOLUTION);
    }

    /// Writes the rows, and returns the ids of those that were locked.
    async fn write(
        &self,
        conn: &mut Connection,
        table: &str,
        column: &str,
    ) -> QueryResult<impl Iterator<Item = String> + use<>> {
        let behind = format!(
            "SELECT id, noted.at FROM {table}
             JOIN unnest($1, $2, $3) AS noted (id, at, behind) USING (id)
             WHERE {column} IS NULL OR {column} <= noted.behind"
        );
        let update = format!(
            "UPDATE {table} SET {column} = used.at
             FROM ({behind} FOR NO KEY UPDATE OF {table} SKIP LOCKED) AS used
             WHERE {table}.id = used.id"
        );
        let statement = |text| {
            sql_query(text)
                .bind::<Array<Text>, _>(&self.ids)
                .bind::<Array<Moment>, _>(&self.at)
                .bind::<Array<Moment>, _>(&self.behind)
        };
        let written = statement(update).execute(conn).await?;
        let left: Vec<Behind> =
            if written < self.ids.len() { statement(behind).load(conn).await? } else { Vec::new() };
        Ok(left.into_iter().map(|row| row.id))
    }
}
