//! The HTTP client for requests to other servers: identity providers, and those that a product calls.
//!
//! It follows no redirect, reads no proxy from the environment, limits time and size, and connects to no private
//! address unless a request asks for it, so that no user can make this server call its own network (SSRF, OWASP ASVS 5.0,
//! 1.3.6).

mod message;
mod public_network;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use reqwest::{Client, redirect::Policy};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;
use url::{Host, Url};

use crate::{jobs::Failure, name};

pub use message::{Request, Response};

use public_network::{PublicNetwork, is_public};

/// A request as `reqwest` and `openidconnect` know it.
pub(crate) type HttpRequest = http::Request<Vec<u8>>;
/// A response as `openidconnect` knows it.
pub(crate) type HttpResponse = http::Response<Vec<u8>>;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a whole exchange may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest response body that is read, in bytes.
const LARGEST_BODY: usize = 512 * 1024;

/// Which addresses may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// Those of the internet, by https: the only choice for a URL that a user has entered.
    #[default]
    Public,
    /// Those of private networks as well, by https: for a URL that the operator has configured.
    Private,
    /// As `Private`, and http to this machine: for a URL that the operator has configured, of a service that runs beside
    /// this one.
    Loopback,
}

/// Why a request has no usable response.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The URL must not be called.
    #[error("the URL {0} is not https, or not on a public network")]
    Refused(String),
    /// The connection failed, or took too long.
    #[error("{0}")]
    Failed(String),
    /// The body is too large.
    #[error("the response is larger than 512 KiB")]
    TooLarge,
    /// The request or the response is not what it must be.
    #[error("{0}")]
    Malformed(String),
}

impl From<http::Error> for RequestError {
    fn from(error: http::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl From<reqwest::Error> for RequestError {
    /// Without the URL, which can contain an authorization code, and with the cause.
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause {
            text = format!("{text}: {inner}");
            cause = inner.source();
        }
        Self::Failed(text)
    }
}

/// A URL that must not be called never may be; anything else is retried.
impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Refused(_) => Self::Permanent(error.to_string()),
            _ => Self::Transient(error.to_string()),
        }
    }
}

/// The HTTP client, which all requests share: `state.http`. A clone is the same client.
///
/// A request takes at most ten seconds, follows no redirect, and reads at most 512 KiB.
///
/// ```no_run
/// use portcullis::http_client::{HttpClient, Request, RequestError};
///
/// #[derive(serde::Deserialize)]
/// struct Rate {
///     rate: f64,
/// }
///
/// async fn rate(http: &HttpClient, currency: &str) -> Result<f64, RequestError> {
///     let request = Request::get("https://rates.example.com/latest").query("currency", currency);
///     let response = http.send(request).await?.success()?;
///     Ok(response.json::<Rate>()?.rate)
/// }
/// ```
#[derive(Clone)]
pub struct HttpClient(Arc<Inner>);

struct Inner {
    user_agent: String,
    /// Built when they are needed: a server that calls no other needs no certificate authorities.
    clients: OnceLock<Result<Clients, String>>,
}

/// The clients, which share their TLS configuration.
struct Clients {
    public: Client,
    private: Client,
}

impl Clients {
    fn new(user_agent: &str) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(BuilderVerifierExt::with_platform_verifier)
            .map_err(|error| error.to_string())?
            .with_no_client_auth();
        let builder = || {
            Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .no_proxy()
                .redirect(Policy::none())
                .user_agent(user_agent)
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(TIMEOUT)
        };
        let build = |builder: reqwest::ClientBuilder| builder.build().map_err(|e| e.to_string());
        Ok(Self {
            public: build(builder().https_only(true).dns_resolver(PublicNetwork))?,
            private: build(builder())?,
        })
    }
}

impl HttpClient {
    /// Creates the client of a product of this version: servers that it calls see the product's name.
    pub(crate) fn new(version: &str) -> Self {
        let user_agent = format!("{}/{version}", name::get().slug);
        Self(Arc::new(Inner { user_agent, clients: OnceLock::new() }))
    }

    /// Builds what it consists of, unless that is done.
    ///
    /// # Errors
    /// When the system's certificate authorities cannot be read.
    #[cfg(feature = "providers")]
    pub(crate) fn prepare(&self) -> Result<(), String> {
        self.clients().map(drop).map_err(str::to_owned)
    }

    fn clients(&self) -> Result<&Clients, &str> {
        let Inner { user_agent, clients } = &*self.0;
        clients.get_or_init(|| Clients::new(user_agent)).as_ref().map_err(String::as_str)
    }

    /// Sends a request, and reads the whole response, whatever its status.
    ///
    /// # Errors
    /// When the URL must not be called, or there is no whole response.
    pub async fn send(&self, request: Request) -> Result<Response, RequestError> {
        let reach = request.reach;
        self.exchange(request.into_http()?, reach).await.map(Response::from)
    }

    /// Sends a request of the protocol of a provider, and reads the whole response.
    ///
    /// # Errors
    /// When the URL must not be called, or there is no whole response.
    pub(crate) async fn exchange(
        &self,
        request: HttpRequest,
        reach: Reach,
    ) -> Result<HttpResponse, RequestError> {
        let request = reqwest::Request::try_from(request)?;
        if !may_call(request.url(), reach) {
            return Err(RequestError::Refused(origin(request.url())));
        }
        let clients = self.clients().map_err(|reason| RequestError::Failed(reason.to_owned()))?;
        let client = if reach == Reach::Public { &clients.public } else { &clients.private };
        let mut response = client.execute(request).await?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LARGEST_BODY {
                return Err(RequestError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let mut builder = http::Response::builder().status(response.status());
        for (name, value) in response.headers() {
            builder = builder.header(name, value);
        }
        Ok(builder.body(body)?)
    }
}

/// Returns whether a URL may be called. The resolver sees only names, so addresses are checked here.
fn may_call(url: &Url, reach: Reach) -> bool {
    let secure = url.scheme() == "https";
    match reach {
        Reach::Public => {
            let public = match url.host() {
                Some(Host::Ipv4(address)) => is_public(address.into()),
                Some(Host::Ipv6(address)) => is_public(address.into()),
                Some(Host::Domain(_)) => true,
                None => false,
            };
            secure && public
        }
        Reach::Private => secure,
        Reach::Loopback => secure || (url.scheme() == "http" && is_loopback(url)),
    }
}

/// Returns whether a URL names this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn url_is_called_only_by_https_and_within_its_reach() {
        for (url, public, private, loopback) in [
            ("https://id.example.com/", true, true, true),
            ("https://8.8.8.8/", true, true, true),
            ("https://10.0.0.1/", false, true, true),
            ("https://[::1]/", false, true, true),
            ("https://[::ffff:127.0.0.1]/", false, true, true),
            ("http://id.example.com/", false, false, false),
            ("http://10.0.0.1/", false, false, false),
            ("http://localhost:4000/", false, false, true),
            ("http://127.0.0.1:4000/", false, false, true),
            ("ftp://localhost/", false, false, false),
        ] {
            let url = Url::parse(url).unwrap();
            let may = [Reach::Public, Reach::Private, Reach::Loopback].map(|r| may_call(&url, r));
            assert_eq!(may, [public, private, loopback], "{url}");
        }
    }
}
