//! Requests to other servers, and their responses.

use serde::{Serialize, de::DeserializeOwned};
use url::{Url, form_urlencoded};

use super::{HttpRequest, HttpResponse, Reach, RequestError};

/// A request to another server. It reaches public networks alone, unless [`Self::reach`] says otherwise.
#[derive(Clone)]
pub struct Request {
    method: &'static str,
    url: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Result<Vec<u8>, String>,
    pub(super) reach: Reach,
}

impl Request {
    fn new(method: &'static str, url: &str) -> Self {
        Self {
            method,
            url: url.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Ok(Vec::new()),
            reach: Reach::default(),
        }
    }

    /// Creates a GET request.
    #[must_use]
    pub fn get(url: &str) -> Self {
        Self::new("GET", url)
    }

    /// Creates a POST request.
    #[must_use]
    pub fn post(url: &str) -> Self {
        Self::new("POST", url)
    }

    /// Creates a PUT request.
    #[must_use]
    pub fn put(url: &str) -> Self {
        Self::new("PUT", url)
    }

    /// Creates a PATCH request.
    #[must_use]
    pub fn patch(url: &str) -> Self {
        Self::new("PATCH", url)
    }

    /// Creates a DELETE request.
    #[must_use]
    pub fn delete(url: &str) -> Self {
        Self::new("DELETE", url)
    }

    /// Adds a parameter to the query string.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Ok(body.into()), ..self }
    }

    /// Sets the body to a value as JSON, and its Content-Type.
    #[must_use]
    pub fn json(self, value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).map_err(|error| error.to_string());
        Self { body, ..self }.header("content-type", "application/json")
    }

    /// Sets the body to fields as an HTML form sends them, and its Content-Type.
    #[must_use]
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body(body).header("content-type", "application/x-www-form-urlencoded")
    }

    /// Sets which addresses it may call. For a URL that a user has entered, leave it as it is.
    #[must_use]
    pub fn reach(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }

    pub(super) fn into_http(self) -> Result<HttpRequest, RequestError> {
        let malformed = |error: url::ParseError| RequestError::Malformed(error.to_string());
        let mut url = Url::parse(&self.url).map_err(malformed)?;
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let mut builder = http::Request::builder().method(self.method).uri(url.as_str());
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        Ok(builder.body(self.body.map_err(RequestError::Malformed)?)?)
    }
}

/// A response of another server.
pub struct Response(HttpResponse);

impl From<HttpResponse> for Response {
    fn from(response: HttpResponse) -> Self {
        Self(response)
    }
}

impl Response {
    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// Returns the response if its status is 2xx.
    ///
    /// # Errors
    /// [`RequestError::Failed`] with the status, if it is another.
    pub fn success(self) -> Result<Self, RequestError> {
        if self.0.status().is_success() {
            return Ok(self);
        }
        Err(RequestError::Failed(format!("the response has the status {}", self.status())))
    }

    /// Returns a header, if the response has it once or more, and it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.headers().get(name)?.to_str().ok()
    }

    /// Returns the body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.0.body()
    }

    /// Returns the body, which must be JSON of this type.
    ///
    /// # Errors
    /// [`RequestError::Malformed`], if it is not.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, RequestError> {
        serde_json::from_slice(self.body()).map_err(|error| {
            RequestError::Malformed(format!("the response is not the expected JSON: {error}"))
        })
    }
}
