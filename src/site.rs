//! What this server is to the world, decided by settings alone and never by a request's headers.

use std::net::SocketAddr;

use url::Url;

use crate::config::Config;

/// Where people reach this server, and whose pages may act for them.
#[derive(Debug, Clone)]
pub struct Site {
    /// What every link begins with.
    pub public_url: Url,
    /// Ours and the trusted ones, as browsers write them: `https://example.com`.
    origins: Vec<String>,
}

impl Site {
    /// Where there is no public URL, the bound port is ours on localhost and 127.0.0.1, over http.
    ///
    /// # Errors
    /// When an address cannot be written as a URL, which does not happen.
    pub fn new(config: &Config, bound: SocketAddr) -> Result<Self, url::ParseError> {
        let local = |host| Url::parse(&format!("http://{host}:{}", bound.port()));
        let ours = match &config.public_url {
            Some(url) => vec![url.clone()],
            None => vec![local("localhost")?, local("127.0.0.1")?],
        };
        let origins = ours
            .iter()
            .chain(&config.trusted_origins)
            .map(|url| url.origin().ascii_serialization())
            .collect();
        Ok(Self { public_url: ours[0].clone(), origins })
    }

    /// Whether pages of this origin, or of this URL's, may act for a signed-in user.
    #[must_use]
    pub fn trusts(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| {
            let origin = url.origin();
            origin.is_tuple() && self.origins.contains(&origin.ascii_serialization())
        })
    }

    /// Whether people reach it over https.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.public_url.scheme() == "https"
    }
}
