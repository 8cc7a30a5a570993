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
pub struct User {
    pub id: String,
    /// What to call them.
    #[schema(example = "Ada")]
    pub name: String,
    /// In lower case.
    #[schema(format = Email, example = "ada@example.com")]
    pub email: String,
    /// Whether they have shown that they read mail sent there.
    pub email_verified: bool,
    /// Where a picture of them is.
    #[schema(required)]
    pub image: Option<String>,
    /// `user` or `admin`. A newer server may have given them another, which grants nothing here.
    #[schema(example = "user")]
    pub role: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What a user may do beyond their own things.
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
#[schema(as = Session)]
pub struct SessionView {
    pub id: String,
    /// The same as `id`. Better Auth has the session's secret here; we show that to nobody.
    pub token: String,
    pub user_id: String,
    pub expires_at: Timestamp,
    pub created_at: Timestamp,
    /// When its end was last moved.
    pub updated_at: Timestamp,
    /// From where it was begun; empty when unknown.
    pub ip_address: String,
    /// By which program; empty when unknown.
    pub user_agent: String,
    /// When it was last used, to the minute or so.
    pub last_seen_at: Timestamp,
    /// When its user last entered a password in it.
    pub authenticated_at: Timestamp,
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
        }
    }
}

impl From<Arc<SessionRow>> for SessionView {
    fn from(row: Arc<SessionRow>) -> Self {
        Arc::unwrap_or_clone(row).into()
    }
}
