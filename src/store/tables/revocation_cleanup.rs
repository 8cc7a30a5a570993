//! Revocations that have left rows to remove, which the workflow of the same name does.

use diesel::prelude::*;
use strum::{EnumString, IntoStaticStr};

use crate::{store::schema::revocation_cleanup, time::Timestamp};

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

/// Within a transaction that has revoked credentials: records that rows of this user, or of all users, are left.
macro_rules! add_cleanup_tx {
    ($conn:ident, $kind:expr, $user_id:expr, $now:expr) => {{
        use $crate::store::{engine::page::new_id, schema::revocation_cleanup};
        let kind: &'static str = $kind.into();
        let user_id: Option<&str> = $user_id;
        diesel::insert_into(revocation_cleanup::table)
            .values((
                revocation_cleanup::id.eq(new_id()),
                revocation_cleanup::kind.eq(kind),
                revocation_cleanup::user_id.eq(user_id),
                revocation_cleanup::cursor.eq(""),
                revocation_cleanup::revoked_at.eq($now),
            ))
            .execute($conn)
            .await?
    }};
}

pub(in crate::store) use add_cleanup_tx;
