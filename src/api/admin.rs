//! What site admins do. Every write leaves an audit event in its own transaction.

pub mod audit_events;
pub mod credentials;
pub mod jobs;
pub mod lock_out;
pub mod tokens;
pub mod users;

use serde::Serialize;
use utoipa::ToSchema;

use crate::{store::users::User as UserRow, time::Timestamp};

/// A user, as admins see them.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdminUser {
    id: String,
    name: String,
    #[schema(format = Email)]
    email: String,
    email_verified: bool,
    #[schema(required)]
    image: Option<String>,
    /// `user` or `admin`. A newer server may have given them another, which grants nothing here.
    #[schema(example = "user")]
    role: String,
    /// Since when they are locked out; null if they are not.
    #[schema(required)]
    deactivated_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<UserRow> for AdminUser {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            email: row.email,
            email_verified: row.email_verified,
            image: row.image,
            role: row.role.name().to_owned(),
            deactivated_at: row.deactivated_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
