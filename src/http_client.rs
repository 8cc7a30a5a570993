//! The HTTP client for requests to other servers: identity providers.
//!
//! It follows no redirect, reads no proxy from the environment, limits time and size, and connects to no private
//! address, so that a provider cannot make this server call its own network (SSRF, OWASP ASVS 5.0, 1.3.6).

mod public_network;

use std::{sync::Arc, time::Duration};

use openidconnect::{HttpRequest, HttpResponse, http};
use reqwest::{Client, Request, redirect::Policy};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;
use url::{Host, Url};

use public_network::{PublicNetwork, is_public};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a whole exchange may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest response body that is read, in bytes.
const LARGEST_BODY: usize = 512 * 1024;
/// For servers that reject requests without one.
const USER_AGENT: &str = concat!("portcullis/", env!("CARGO_PKG_VERSION"));

/// Which addresses may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those of the internet, by https.
    Public,
    /// Those of private networks as well, by https.
    Private,
    /// As `Private`, and http to this machine.
    Loopback,
}

/// Why a request has no usable response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// The URL must not be called.
    #[error("the URL {0} is not https, or not on a public network")]
    Refused(String),
    /// The connection failed, or took too long.
    #[error("{0}")]
    Failed(String),
    /// The body is too large.
    #[error("the response is larger than 512 KiB")]
    TooLarge,
    /// The response is not HTTP.
    #[error(transparent)]
    Malformed(#[from] http::Error),
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

/// The clients, which share their TLS configuration.
pub(crate) struct HttpClient {
    public: Client,
    private: Client,
}

impl HttpClient {
    /// Builds the clients.
    ///
    /// # Errors
    /// When the system's certificate authorities cannot be read.
    pub(crate) fn new() -> Result<Self, String> {
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
                .user_agent(USER_AGENT)
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(TIMEOUT)
        };
        let build = |builder: reqwest::ClientBuilder| builder.build().map_err(|e| e.to_string());
        Ok(Self {
            public: build(builder().https_only(true).dns_resolver(PublicNetwork))?,
            private: build(builder())?,
        })
    }

    /// Sends a request, and reads the whole response.
    ///
    /// # Errors
    /// When the URL must not be called, or there is no whole response.
    pub(crate) async fn send(
        &self,
        request: HttpRequest,
        reach: Reach,
    ) -> Result<HttpResponse, RequestError> {
        let request = Request::try_from(request)?;
        if !may_call(request.url(), reach) {
            return Err(RequestError::Refused(origin(request.url())));
        }
        let client = if reach == Reach::Public { &self.public } else { &self.private };
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
