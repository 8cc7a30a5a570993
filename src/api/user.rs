use std::sync::Arc;

use serde::Serialize;
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::{
    scope::read_by_name,
    store::{
        sessions::SessionRow,
        users::{Role as StoredRole, User as UserRow},
    },
    time::Timestamp,
};

/// A user, as they see themselves.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "019ab2c4-7d10-7a4e-9c3b-2f6e8d0a1b5c",
    "name": "Ada",
    "email": "ada@example.com",
    "emailVerified": true,
    "image": null,
    "role": "user",
    "twoFactorEnabled": false,
    "createdAt": "2026-11-23T12:48:00.000Z",
    "updatedAt": "2026-11-23T12:48:00.000Z",
}))]
pub struct User {
    /// A UUID, which stays the same when the email changes.
    #[schema(format = Uuid)]
    pub id: String,
    /// The user's name.
    pub name: String,
    /// In lower case.
    #[schema(format = Email)]
    pub email: String,
    /// Whether the email is confirmed.
    pub email_verified: bool,
    /// The URL of a picture; null for none.
    #[schema(required)]
    pub image: Option<String>,
    /// `user` or `admin`. A newer server may have given them another, which grants nothing here.
    pub role: String,
    /// Whether a sign-in also needs a code of an authenticator app.
    pub two_factor_enabled: bool,
    /// When they signed up or were created.
    pub created_at: Timestamp,
    /// When the account was last changed.
    pub updated_at: Timestamp,
}

/// What a user may do beyond their own data.
#[derive(Debug, Clone, Copy, Serialize, EnumString, IntoStaticStr, VariantArray, ToSchema)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Role {
    /// Nothing.
    User,
    /// Run the site.
    Admin,
}

read_by_name!(Role);

impl From<Role> for StoredRole {
    fn from(role: Role) -> Self {
        match role {
            Role::User => Self::User,
            Role::Admin => Self::Admin,
        }
    }
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            email: row.email,
            email_verified: row.email_verified,
            image: row.image,
            role: row.role.name().to_owned(),
            two_factor_enabled: row.two_factor_enabled,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl From<Arc<UserRow>> for User {
    fn from(row: Arc<UserRow>) -> Self {
        Arc::unwrap_or_clone(row).into()
    }
}

/// A browser that is signed in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Session, example = json!({
    "id": "019ab2c4-7d1f-7b02-8e4d-6a9c1f3b7e20",
    "token": "019ab2c4-7d1f-7b02-8e4d-6a9c1f3b7e20",
    "userId": "019ab2c4-7d10-7a4e-9c3b-2f6e8d0a1b5c",
    "expiresAt": "2026-11-30T12:48:00.000Z",
    "createdAt": "2026-11-23T12:48:00.000Z",
    "updatedAt": "2026-11-23T12:48:00.000Z",
    "ipAddress": "203.0.113.7",
    "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "lastSeenAt": "2026-11-23T13:05:00.000Z",
    "authenticatedAt": "2026-11-23T12:48:00.000Z",
    "amr": ["pwd"],
}))]
pub struct SessionView {
    /// A UUID, by which the session can be ended.
    #[schema(format = Uuid)]
    pub id: String,
    /// The same as `id`. Better Auth has the session's secret here, which this server never shows.
    #[schema(format = Uuid)]
    pub token: String,
    /// The user who is signed in.
    #[schema(format = Uuid)]
    pub user_id: String,
    /// When it ends, unless it is extended by use.
    pub expires_at: Timestamp,
    /// When the user signed in.
    pub created_at: Timestamp,
    /// When its end was last moved.
    pub updated_at: Timestamp,
    /// The IP address that it was created from; empty when unknown.
    pub ip_address: String,
    /// The program that it was created with; empty when unknown.
    pub user_agent: String,
    /// When it was last used, to the minute or so.
    pub last_seen_at: Timestamp,
    /// When its user last authenticated in it.
    pub authenticated_at: Timestamp,
    /// How its user has authenticated in it: Authentication Method References (RFC 8176).
    pub amr: Vec<&'static str>,
}

impl From<SessionRow> for SessionView {
    fn from(row: SessionRow) -> Self {
        Self {
            token: row.id.clone(),
            id: row.id,
            user_id: row.user_id,
            expires_at: row.expires_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
            ip_address: row.ip_address.unwrap_or_default(),
            user_agent: row.user_agent.unwrap_or_default(),
            last_seen_at: row.last_seen_at,
            authenticated_at: row.authenticated_at,
            amr: row.methods.references(),
        }
    }
}

impl From<Arc<SessionRow>> for SessionView {
    fn from(row: Arc<SessionRow>) -> Self {
        Arc::unwrap_or_clone(row).into()
    }
}
