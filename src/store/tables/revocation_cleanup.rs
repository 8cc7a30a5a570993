//! Revocations that have left rows to remove, which the workflow of the same name does.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use strum::{EnumString, IntoStaticStr};

use crate::{
    store::{engine::page::new_id, schema::revocation_cleanup, statements},
    time::Timestamp,
};

/// Which credentials were revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Kind {
    /// Sessions: their rows are deleted.
    Sessions,
    /// API tokens: their rows get a `revoked_at`, and stay in their owner's list for a while.
    Tokens,
    /// Mailed links: their rows are deleted.
    Links,
}

/// A row of `revocation_cleanup`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = revocation_cleanup)]
pub(in crate::store) struct Cleanup {
    pub id: String,
    pub kind: String,
    pub user_id: Option<String>,
    pub cursor: String,
    pub revoked_at: Timestamp,
}

statements! {
    /// Records that revoked rows are left.
    pub(in crate::store) trait AddCleanup {
        /// Records it of this user, or of all users, within the transaction that has revoked their credentials.
        async fn add_cleanup(conn, kind: Kind, user_id: Option<&str>, now: Timestamp) -> () {
            diesel::insert_into(revocation_cleanup::table)
                .values((
                    revocation_cleanup::id.eq(new_id()),
                    revocation_cleanup::kind.eq(<&'static str>::from(kind)),
                    revocation_cleanup::user_id.eq(user_id),
                    revocation_cleanup::cursor.eq(""),
                    revocation_cleanup::revoked_at.eq(now),
                ))
                .execute(conn)
                .await
                .map(drop)
        }
    }
}
