//! Users of a test.

use serde_json::{Value, json};

use super::Caller;
use crate::scope;

/// A password that every check accepts.
pub const PASSWORD: &str = "correct horse battery staple";

/// A user with an account.
pub struct TestUser {
    /// The id.
    pub id: String,
    /// The email, which is not verified.
    pub email: String,
    /// The user's browser, signed in by cookie.
    pub browser: Caller,
}

impl TestUser {
    /// Creates a token with these scopes, and returns a client that uses it.
    pub async fn token(&self, scopes: &[&str]) -> Caller {
        let created = self.create_token(json!({ "name": "test", "scopes": scopes })).await;
        self.browser.with_token(created["token"].as_str().unwrap())
    }

    /// Creates a token with these scopes, and every scope of the product's own, which an operation may need as well.
    pub(super) async fn token_with_custom_scopes(&self, scopes: &[&str]) -> Caller {
        let custom = scope::registered().iter().map(|scope| scope.name);
        let scopes: Vec<&str> = scopes.iter().copied().chain(custom).collect();
        self.token(&scopes).await
    }

    /// Creates a token, and returns the whole response.
    pub async fn create_token(&self, body: Value) -> Value {
        self.browser.post("/api/tokens", body).await.expect(201)
    }
}
