//! The endpoints for site admins. Every write records an event in the activity log in the same transaction.

pub mod activity;
pub mod credentials;
pub mod deactivation;
pub mod jobs;
pub mod mails;
pub mod tokens;
pub mod two_factor;
pub mod users;

use serde::Serialize;
use utoipa::ToSchema;

use crate::{store::users::User as UserRow, time::Timestamp};

/// A user, as admins see them.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "019ab2c4-7d10-7a4e-9c3b-2f6e8d0a1b5c",
    "name": "Ada",
    "email": "ada@example.com",
    "emailVerified": true,
    "image": null,
    "role": "user",
    "deactivatedAt": null,
    "suspendedAt": null,
    "twoFactorEnabled": false,
    "createdAt": "2026-11-23T12:48:00.000Z",
    "updatedAt": "2026-11-23T12:48:00.000Z",
}))]
pub struct AdminUser {
    /// A UUID, which stays the same when the email changes.
    #[schema(format = Uuid)]
    id: String,
    /// The user's name.
    name: String,
    /// In lower case.
    #[schema(format = Email)]
    email: String,
    /// Whether the email is confirmed.
    email_verified: bool,
    /// The URL of a picture; null for none.
    #[schema(required)]
    image: Option<String>,
    /// `user` or `admin`. A newer server may have given them another, which grants nothing here.
    role: String,
    /// When they were deactivated; null if they are active.
    #[schema(required)]
    deactivated_at: Option<Timestamp>,
    /// When they suspended access to their account; null if they did not.
    #[schema(required)]
    suspended_at: Option<Timestamp>,
    /// Whether their sign-in also needs a second factor.
    two_factor_enabled: bool,
    /// When they signed up or were created.
    created_at: Timestamp,
    /// When the account was last changed.
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
            suspended_at: row.suspended_at,
            two_factor_enabled: row.two_factor_enabled,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
