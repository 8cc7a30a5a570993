//! What this server is to the world, decided by settings alone and never by a request's headers.

use url::Url;

use crate::config::{Config, ConfigError, SameSite};

/// Where people reach this server, and whose pages may act for them.
#[derive(Debug, Clone)]
pub struct Site {
    /// What every link begins with.
    pub public_url: Url,
    /// Ours and the trusted ones, as browsers write them: `https://example.com`.
    origins: Vec<String>,
    /// Those of them that are not ours.
    trusted: Vec<String>,
    /// What it is called.
    pub name: String,
    /// From which pages the browser sends the cookie.
    pub same_site: SameSite,
}

impl Site {
    /// Where there is no public URL, the bound port is ours on localhost and 127.0.0.1, over http. A Unix socket has
    /// none, and is then reached by these names without a port.
    ///
    /// # Errors
    /// When the cookie would be for all sites and not Secure.
    pub fn new(config: &Config, port: Option<u16>) -> Result<Self, ConfigError> {
        let port = port.map_or(String::new(), |port| format!(":{port}"));
        let local = |host| Url::parse(&format!("http://{host}{port}"));
        let ours = match &config.public_url {
            Some(url) => vec![url.clone()],
            None => vec![local("localhost")?, local("127.0.0.1")?],
        };
        let trusted = config.trusted_origins().to_vec();
        let site = Self {
            public_url: ours[0].clone(),
            origins: ours.iter().filter_map(origin_of).chain(trusted.clone()).collect(),
            trusted,
            name: config.name.clone(),
            same_site: config.cookie_same_site,
        };
        if site.same_site == SameSite::None && !site.is_secure() {
            return Err(ConfigError::InsecureCookie);
        }
        Ok(site)
    }

    /// A URL of ours, as a mail may hold it: it begins with the public URL, whatever a request said.
    #[must_use]
    pub fn link(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.public_url.clone();
        url.set_path(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// The origins that are trusted besides ours: those that CORS is opened to.
    #[must_use]
    pub fn trusted_origins(&self) -> &[String] {
        &self.trusted
    }

    /// Whether a URL is on one of the trusted origins that are not ours.
    #[must_use]
    pub fn is_elsewhere(&self, url: &Url) -> bool {
        origin_of(url).is_some_and(|origin| self.trusted.contains(&origin))
    }

    /// Whether pages of this origin may act for a signed-in user. It is compared as the text that browsers
    /// send: a URL parser knows no origin for an app's own scheme, and reads several texts as one.
    #[must_use]
    pub fn trusts_origin(&self, origin: &str) -> bool {
        self.origins.iter().any(|trusted| trusted == origin)
    }

    /// Whether the page at this URL is of an origin that may act for a signed-in user.
    #[must_use]
    pub fn trusts_page(&self, url: &str) -> bool {
        let origin = Url::parse(url).ok().and_then(|url| origin_of(&url));
        origin.is_some_and(|origin| self.trusts_origin(&origin))
    }

    /// Whether people reach it over https.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.public_url.scheme() == "https"
    }
}

/// A URL's origin, as browsers write it in the Origin header of its pages. Those of other schemes, such as
/// `capacitor` and `tauri`, are made by apps; to the standard for URLs they have no origin.
#[must_use]
pub fn origin_of(url: &Url) -> Option<String> {
    match url.scheme() {
        "http" | "https" => Some(url.origin().ascii_serialization()),
        _ if url.is_special() => None,
        scheme => {
            let host = url.host_str().filter(|host| !host.is_empty())?;
            let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
            Some(format!("{scheme}://{host}{port}"))
        }
    }
}
