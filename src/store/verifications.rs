//! Links that may be used once. Their secret is stored hashed; they are redeemed where their purpose lives.

use diesel::prelude::*;

use super::{page::new_id, schema::verifications};
use crate::{secrets::LinkHash, time::Timestamp};

/// The link lets its holder choose a password.
pub const SET_PASSWORD: &str = "set-password";

/// A row of `verifications` to add.
#[derive(Insertable)]
#[diesel(table_name = verifications)]
pub struct NewVerification {
    id: String,
    user_id: String,
    purpose: &'static str,
    secret_hash: LinkHash,
    expires_at: Timestamp,
    created_at: Timestamp,
}

impl NewVerification {
    /// A link by which this user chooses a password.
    #[must_use]
    pub fn set_password(
        user_id: &str,
        secret_hash: LinkHash,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Self {
        Self {
            id: new_id(),
            user_id: user_id.to_owned(),
            purpose: SET_PASSWORD,
            secret_hash,
            expires_at,
            created_at: now,
        }
    }
}
