use std::sync::Arc;

use reqwest::{
    Method, Request, RequestBuilder, StatusCode,
    header::{AUTHORIZATION, COOKIE, HeaderMap, SET_COOKIE},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{
    PASSWORD,
    declared_responses::undeclared,
    log_secret_scan::{add_secrets, secrets_in},
};

/// A client of the API with one credential, or none.
#[derive(Clone)]
pub struct Caller {
    http: reqwest::Client,
    pub base: String,
    pub cookie: Option<String>,
    pub token: Option<String>,
}

/// A response.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

/// Returns a client to build, for http: it trusts no certificate, since reading those of the system takes long.
pub fn http_client() -> reqwest::ClientBuilder {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls)
}

/// Returns the secrets of a request: its token, and the secret in its cookie.
fn presented(request: &Request) -> Vec<String> {
    let headers = request.headers();
    let all = [AUTHORIZATION, COOKIE].into_iter().filter_map(|name| headers.get(name));
    all.flat_map(|value| secrets_in(&String::from_utf8_lossy(value.as_bytes()))).collect()
}

impl Caller {
    pub fn anonymous(base: &str) -> Self {
        let http =
            http_client().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        Self { http, base: base.to_owned(), cookie: None, token: None }
    }

    pub fn with_cookie(&self, cookie: &str) -> Self {
        Self { cookie: Some(cookie.to_owned()), token: None, ..self.clone() }
    }

    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), cookie: None, ..self.clone() }
    }

    pub fn with_both(&self, cookie: &str, token: &str) -> Self {
        Self { token: Some(token.to_owned()), cookie: Some(cookie.to_owned()), ..self.clone() }
    }

    /// Returns a request with the caller's credential and, for a browser, with an Origin; the test adds the
    /// rest.
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

    pub async fn get(&self, path: &str) -> Reply {
        Reply::of(self.request(Method::GET, path)).await
    }

    pub async fn navigate(&self, path: &str) -> Reply {
        Reply::of(self.request(Method::GET, path).header("Accept", "text/html,*/*;q=0.8")).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        Reply::of(self.request(Method::POST, path).json(&body)).await
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

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        Reply::of(self.request(Method::PATCH, path).json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        Reply::of(self.request(Method::DELETE, path)).await
    }
}

impl Reply {
    pub async fn of(request: RequestBuilder) -> Self {
        let (http, request) = request.build_split();
        let request = request.unwrap();
        let presented = presented(&request);
        add_secrets(presented.iter().cloned());
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = http.execute(request).await.expect("the server responds");
        let reply = Self {
            status: response.status(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        };
        reply.shows_none_of(&presented);
        reply.is_declared(&method, &path);
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
    fn is_declared(&self, method: &Method, path: &str) {
        let problem = self.header("content-type") == Some("application/problem+json");
        let body = self.json();
        let code = body["code"].as_str().filter(|_| problem);
        if let Some(fault) = undeclared(method, path, self.status.as_u16(), code) {
            panic!("{fault}: {}", self.text);
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

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
        ["portcullis", "__Host-portcullis"].into_iter().find_map(|name| self.cookie_named(name))
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

    /// Whether the session cookie is removed.
    pub fn removes_cookie(&self) -> bool {
        let sets = ["portcullis", "__Host-portcullis"].into_iter();
        sets.filter_map(|name| self.set_cookie(name)).any(|set| set.contains("Max-Age=0"))
    }
}

#[tokio::test]
#[should_panic(expected = "a credential is in the body")]
async fn response_that_contains_the_sent_credential_panics() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let length = socket.read(&mut request).await.unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.write_all(&request[..length]).await.unwrap();
    });
    Caller::anonymous(&base).with_token(&"x".repeat(40)).get("/").await;
}
