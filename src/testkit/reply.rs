//! Responses, each of which is checked: it is declared in the document, and contains no credential of its request.

use reqwest::{
    Method, Request, RequestBuilder, StatusCode,
    header::{AUTHORIZATION, COOKIE, HeaderMap, SET_COOKIE},
};
use serde_json::Value;
use url::Url;

use super::{
    Document,
    log_secret_scan::{add_secrets, secrets_in},
};
use crate::name;

/// A response.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as text.
    pub text: String,
}

/// Returns the secrets of a request: its token, and the secret in its cookie.
fn presented(request: &Request) -> Vec<String> {
    let headers = request.headers();
    let all = [AUTHORIZATION, COOKIE].into_iter().filter_map(|name| headers.get(name));
    all.flat_map(|value| secrets_in(&String::from_utf8_lossy(value.as_bytes()))).collect()
}

impl Reply {
    /// Sends a request, and returns its response.
    pub async fn of(request: RequestBuilder) -> Self {
        let (http, request) = request.build_split();
        let request = request.unwrap();
        let presented = presented(&request);
        add_secrets(presented.iter().cloned());
        let (method, url) = (request.method().clone(), request.url().clone());
        let response = http.execute(request).await.expect("the server responds");
        let reply = Self {
            status: response.status(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        };
        reply.shows_none_of(&presented);
        reply.is_declared(&method, &url);
        if let Some(cookie) = reply.cookie() {
            add_secrets(secrets_in(&cookie));
        }
        reply
    }

    /// Asserts that a response does not contain the credential of its request, since responses may be logged or
    /// shared. The one exception is the cookie itself, when it is sent again.
    fn shows_none_of(&self, credentials: &[String]) {
        for credential in credentials {
            assert!(!self.text.contains(credential), "a credential is in the body: {}", self.text);
            for (name, value) in self.headers.iter().filter(|(name, _)| *name != SET_COOKIE) {
                let value = String::from_utf8_lossy(value.as_bytes());
                assert!(
                    !value.contains(credential),
                    "a credential is in the header {name}: {value}"
                );
            }
        }
    }

    /// Asserts that the document declares the response, so that clients may rely on it.
    fn is_declared(&self, method: &Method, url: &Url) {
        let problem = self.header("content-type") == Some("application/problem+json");
        let body = self.json();
        let code = body["code"].as_str().filter(|_| problem);
        let document = Document::describing(url);
        if let Some(fault) = document.undeclared(method, url.path(), self.status.as_u16(), code) {
            panic!("{fault}: {}", self.text);
        }
    }

    /// Returns a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Returns the body; null, if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// Returns the body, and asserts the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// Returns the body of a problem, and asserts the status and the code.
    #[track_caller]
    pub fn assert_problem(self, status: u16, code: &str) -> Value {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text);
        let problem = self.expect(status);
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("/docs/errors#{code}"));
        problem
    }

    /// Returns the session cookie that is set, as `name=value`.
    pub fn cookie(&self) -> Option<String> {
        session_cookies().into_iter().find_map(|name| self.cookie_named(name))
    }

    /// Returns the cookie of this name that is set, as `name=value`.
    pub fn cookie_named(&self, name: &str) -> Option<String> {
        let pair = self.set_cookie(name)?.split(';').next()?;
        (!pair.ends_with('=')).then(|| pair.to_owned())
    }

    /// Returns the Set-Cookie header for the cookie of this name.
    pub fn set_cookie(&self, name: &str) -> Option<&str> {
        let all = self.headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap());
        all.into_iter().find(|set| set.split('=').next() == Some(name))
    }

    /// Returns whether the session cookie is removed.
    pub fn removes_cookie(&self) -> bool {
        let sets = session_cookies().into_iter().filter_map(|name| self.set_cookie(name));
        sets.into_iter().any(|set| set.contains("Max-Age=0"))
    }
}

/// Returns the names of the session cookie: without https, and with it.
fn session_cookies() -> [&'static str; 2] {
    [&name::get().slug, &name::get().secure_cookie]
}
