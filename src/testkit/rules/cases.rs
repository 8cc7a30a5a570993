//! Every kind of credential, valid and invalid.

use serde_json::json;

use crate::{
    scope,
    testkit::{Caller, Operation, Server, TestUser},
    time::days,
};

/// A credential, and how the request sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each name says it")]
pub enum Case {
    Anonymous,
    Cookie,
    Token,
    ReadOnlyToken,
    AdminCookie,
    AdminToken,
    AdminTokenWithoutAdminScope,
    CookieAndToken,
    ExpiredToken,
    RevokedToken,
    CookieAsBearer,
    DeactivatedCookie,
    DeactivatedToken,
    SuspendedCookie,
    SuspendedToken,
    ExpiredCookie,
    ProxyBasic,
    CookieAndProxyBasic,
    CookieAndBadToken,
    TokenWithCustomScopes,
    AdminTokenWithCustomScopes,
}

/// The credential that the gate accepts in a case, with its roles or scopes.
#[derive(Debug, Clone)]
pub enum AcceptedCredential {
    /// None: the request is anonymous.
    None,
    /// A session cookie.
    Cookie(&'static [&'static str]),
    /// An API token.
    Token(Vec<&'static str>),
    /// The cookie of a sign-in that waits for the second factor.
    Challenge,
}

impl Case {
    /// Every case, whatever the product.
    pub const ALL: [Self; 19] = [
        Self::Anonymous,
        Self::Cookie,
        Self::Token,
        Self::ReadOnlyToken,
        Self::AdminCookie,
        Self::AdminToken,
        Self::AdminTokenWithoutAdminScope,
        Self::CookieAndToken,
        Self::ExpiredToken,
        Self::RevokedToken,
        Self::CookieAsBearer,
        Self::DeactivatedCookie,
        Self::DeactivatedToken,
        Self::SuspendedCookie,
        Self::SuspendedToken,
        Self::ExpiredCookie,
        Self::ProxyBasic,
        Self::CookieAndProxyBasic,
        Self::CookieAndBadToken,
    ];

    /// The cases of a product with scopes of its own: tokens that have all of them.
    pub const WITH_CUSTOM_SCOPES: [Self; 2] =
        [Self::TokenWithCustomScopes, Self::AdminTokenWithCustomScopes];

    /// Returns what the gate accepts.
    pub fn accepted(self) -> AcceptedCredential {
        match self {
            Self::Cookie | Self::CookieAndProxyBasic => AcceptedCredential::Cookie(&[]),
            Self::AdminCookie => AcceptedCredential::Cookie(&["admin"]),
            Self::Token
            | Self::CookieAndToken
            | Self::AdminTokenWithoutAdminScope
            | Self::ReadOnlyToken
            | Self::AdminToken
            | Self::TokenWithCustomScopes
            | Self::AdminTokenWithCustomScopes => AcceptedCredential::Token(self.scopes()),
            _ => AcceptedCredential::None,
        }
    }

    /// Returns the scopes of the token.
    fn scopes(self) -> Vec<&'static str> {
        let custom = || scope::registered().iter().map(|scope| scope.name);
        match self {
            Self::ReadOnlyToken => vec!["read"],
            Self::AdminToken => vec!["read", "write", "admin"],
            Self::TokenWithCustomScopes => ["read", "write"].into_iter().chain(custom()).collect(),
            Self::AdminTokenWithCustomScopes => {
                ["read", "write", "admin"].into_iter().chain(custom()).collect()
            }
            _ => vec!["read", "write"],
        }
    }

    /// Returns the `Authorization` header that is sent in addition to the caller's credential.
    pub fn authorization(self) -> Option<&'static str> {
        match self {
            Self::ProxyBasic | Self::CookieAndProxyBasic => Some("Basic c3RhZ2U6Z2VoZWlt"),
            Self::CookieAndBadToken => Some("Bearer junk"),
            _ => None,
        }
    }

    /// Returns whether the user is an admin.
    pub fn is_by_admin(self) -> bool {
        matches!(
            self,
            Self::AdminCookie
                | Self::AdminToken
                | Self::AdminTokenWithoutAdminScope
                | Self::AdminTokenWithCustomScopes
        )
    }

    /// Returns a client with the credential, which belongs to this user.
    pub async fn caller(self, server: &Server, user: &TestUser) -> Caller {
        let cookie = user.browser.cookie.clone().unwrap();
        match self {
            Self::Anonymous | Self::ProxyBasic => server.anonymous.clone(),
            Self::Cookie
            | Self::AdminCookie
            | Self::CookieAndProxyBasic
            | Self::CookieAndBadToken => user.browser.clone(),
            Self::Token
            | Self::AdminTokenWithoutAdminScope
            | Self::ReadOnlyToken
            | Self::AdminToken
            | Self::TokenWithCustomScopes
            | Self::AdminTokenWithCustomScopes => user.token(&self.scopes()).await,
            Self::CookieAndToken => {
                let token = user.token(&["read", "write"]).await.token.unwrap();
                server.anonymous.with_both(&cookie, &token)
            }
            Self::ExpiredToken => {
                let created =
                    user.create_token(json!({ "name": "short", "expiresInDays": 1 })).await;
                server.advance(days(1));
                server.anonymous.with_token(created["token"].as_str().unwrap())
            }
            Self::RevokedToken => {
                let script = user.token(&["read", "write"]).await;
                script.delete("/api/tokens/current").await.expect(204);
                script
            }
            Self::CookieAsBearer => server.anonymous.with_token(cookie.split_once('=').unwrap().1),
            Self::DeactivatedCookie => {
                server.deactivate(user).await;
                user.browser.clone()
            }
            Self::DeactivatedToken => {
                let script = user.token(&["read", "write"]).await;
                server.deactivate(user).await;
                script
            }
            Self::SuspendedCookie => {
                server.suspend(user).await;
                user.browser.clone()
            }
            Self::SuspendedToken => {
                let script = user.token(&["read", "write"]).await;
                server.suspend(user).await;
                script
            }
            Self::ExpiredCookie => {
                server.advance(days(7));
                user.browser.clone()
            }
        }
    }
}

impl Operation<'_> {
    /// Returns the status of the response to this credential, as `security` declares.
    pub fn expected_status(&self, accepted: AcceptedCredential) -> u16 {
        let optional = self.security().iter().any(|requirement| *requirement == json!({}));
        match accepted {
            _ if self.security().is_empty() => self.success(),
            AcceptedCredential::Challenge if self.accepts("challenge", &[]) => self.success(),
            AcceptedCredential::None | AcceptedCredential::Challenge if optional => self.success(),
            AcceptedCredential::None | AcceptedCredential::Challenge => 401,
            AcceptedCredential::Cookie(granted) if self.accepts("cookie", granted) => {
                self.success()
            }
            AcceptedCredential::Token(granted) if self.accepts("bearer", &granted) => {
                self.success()
            }
            _ => 403,
        }
    }
}
