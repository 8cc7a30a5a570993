use reqwest::{
    Method, Request, RequestBuilder, StatusCode,
    header::{AUTHORIZATION, COOKIE, HeaderMap, SET_COOKIE},
};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::PASSWORD;

/// What is shorter is junk that a test has made up.
const SHORTEST_SECRET: usize = 32;

/// Somebody who calls the API with the key that they have.
#[derive(Clone)]
pub struct Caller {
    http: reqwest::Client,
    pub base: String,
    pub cookie: Option<String>,
    pub token: Option<String>,
}

/// What they are answered.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

/// What of a request opens the gate: a token, a cookie as it stands, the secret in it.
fn presented(request: &Request) -> Vec<String> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let token = header(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    let cookie = header(COOKIE).and_then(|value| value.split_once('=')).map(|(_, value)| value);
    let of_cookie = cookie.into_iter().flat_map(|value| {
        let decoded = form_urlencoded::parse(value.as_bytes()).next();
        let secret = decoded.and_then(|(text, _)| {
            let mut words = text.split(|letter: char| {
                !letter.is_ascii_alphanumeric() && letter != '-' && letter != '_'
            });
            words.rfind(|word| word.len() >= SHORTEST_SECRET).map(str::to_owned)
        });
        [Some(value.to_owned()), secret]
    });
    let all = token.map(str::to_owned).into_iter().chain(of_cookie.flatten());
    all.filter(|credential| credential.len() >= SHORTEST_SECRET).collect()
}

impl Caller {
    pub fn nobody(base: &str) -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
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

    /// A request with the caller's keys, and, like a browser's, with an Origin; the rest is the test's.
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

    /// A request with nothing at all.
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

    /// The same browser after its user has entered the password again: it has another cookie then.
    pub async fn with_password_entered(&self) -> Self {
        let reply = self.post("/api/auth/verify-password", json!({ "password": PASSWORD })).await;
        let cookie = reply.cookie();
        reply.expect(200);
        self.with_cookie(&cookie.expect("another cookie is set"))
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
        let response = http.execute(request).await.expect("the server answers");
        let reply = Self {
            status: response.status(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        };
        reply.shows_none_of(&presented);
        reply
    }

    /// Whoever may read an answer need not know the key that asked for it. The one exception is the cookie
    /// itself, when it is sent again.
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

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The body, if this is the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// The body of a problem, if these are the status and the code.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text);
        let problem = self.expect(status);
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status);
        problem
    }

    /// The session cookie that is set, as `name=value`.
    pub fn cookie(&self) -> Option<String> {
        let set = self.header("set-cookie")?;
        let pair = set.split(';').next()?;
        (!pair.ends_with('=')).then(|| pair.to_owned())
    }

    /// Whether the session cookie is removed.
    pub fn removes_cookie(&self) -> bool {
        self.header("set-cookie").is_some_and(|set| set.contains("Max-Age=0"))
    }
}
