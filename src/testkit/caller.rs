//! Clients of the API.

use std::sync::Arc;

use reqwest::{Method, RequestBuilder, redirect::Policy};
use serde_json::{Value, json};

use super::{Document, PASSWORD, Reply};

/// A client of the API with one credential, or none.
#[derive(Clone)]
pub struct Caller {
    http: reqwest::Client,
    /// The URL of the server.
    pub base: String,
    /// The cookies, as `name=value`, separated by `; `.
    pub cookie: Option<String>,
    /// The API token.
    pub token: Option<String>,
}

/// Returns a client to build, for http: it trusts no certificate, since reading those of the system takes long.
///
/// # Panics
/// Never: the provider supports the default versions.
pub fn http_client() -> reqwest::ClientBuilder {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls)
}

impl Caller {
    /// Returns a client without a credential of the server at this URL, which has this document.
    pub fn new(base: &str, document: &Arc<Document>) -> Self {
        document.describe(base);
        let http = http_client().redirect(Policy::none()).no_proxy().build().unwrap();
        Self { http, base: base.to_owned(), cookie: None, token: None }
    }

    /// Returns the same client with this cookie alone.
    pub fn with_cookie(&self, cookie: &str) -> Self {
        Self { cookie: Some(cookie.to_owned()), token: None, ..self.clone() }
    }

    /// Returns the same client with this token alone.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), cookie: None, ..self.clone() }
    }

    /// Returns the same client with a cookie and a token.
    pub fn with_both(&self, cookie: &str, token: &str) -> Self {
        Self { token: Some(token.to_owned()), cookie: Some(cookie.to_owned()), ..self.clone() }
    }

    /// Returns a request with the caller's credential and, for a browser, with an Origin; the test adds the rest.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.bare(method, path).header("Origin", &self.base);
        if let Some(cookie) = &self.cookie {
            request = request.header("Cookie", cookie);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        request
    }

    /// Returns a request without a credential or any other header.
    pub fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Sends a GET request.
    pub async fn get(&self, path: &str) -> Reply {
        Reply::of(self.request(Method::GET, path)).await
    }

    /// Sends a GET request as a browser does for a page.
    pub async fn navigate(&self, path: &str) -> Reply {
        Reply::of(self.request(Method::GET, path).header("Accept", "text/html,*/*;q=0.8")).await
    }

    /// Sends a POST request.
    pub async fn post(&self, path: &str, body: Value) -> Reply {
        Reply::of(self.request(Method::POST, path).json(&body)).await
    }

    /// Sends a PATCH request.
    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        Reply::of(self.request(Method::PATCH, path).json(&body)).await
    }

    /// Sends a DELETE request.
    pub async fn delete(&self, path: &str) -> Reply {
        Reply::of(self.request(Method::DELETE, path)).await
    }

    /// Returns the same browser after its user has entered the password again, which replaces the cookie.
    pub async fn with_password_entered(&self) -> Self {
        let reply = self.post("/api/auth/verify-password", json!({ "password": PASSWORD })).await;
        let cookie = reply.cookie();
        reply.expect(200);
        self.with_cookie(&cookie.expect("another cookie is set"))
    }

    /// Returns the id of the browser's own session.
    pub async fn session_id(&self) -> String {
        let me = self.get("/api/me").await.expect(200);
        me["session"]["id"].as_str().unwrap().to_owned()
    }
}
