//! Links that have confirmed an email, kept until they would have expired: when followed again, they report that the
//! email is confirmed. They grant nothing.

use diesel::prelude::*;

use crate::{secrets::LinkHash, store::schema::used_links, time::Timestamp};

/// A row of `used_links` to insert.
#[derive(Insertable)]
#[diesel(table_name = used_links)]
pub(in crate::store) struct UsedLink<'a> {
    pub secret_hash: LinkHash,
    pub user_id: &'a str,
    /// The email that the link confirmed.
    pub email: &'a str,
    pub expires_at: Timestamp,
}

/// Within a transaction: whether this link has confirmed the email that its user still has.
macro_rules! has_confirmed_tx {
    ($conn:ident, $link:expr, $now:expr) => {{
        use $crate::store::schema::{used_links, users};
        let used: i64 = used_links::table
            .inner_join(users::table)
            .filter($crate::store::tables::users::present())
            .filter(used_links::secret_hash.eq($link))
            .filter(used_links::expires_at.gt($now))
            .filter(used_links::email.eq(users::email))
            .filter(users::email_verified.eq(true))
            .count()
            .get_result($conn)
            .await?;
        used == 1
    }};
}

pub(in crate::store) use has_confirmed_tx;
