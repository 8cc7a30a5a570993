//! The server's public URL, name and trusted origins: determined by settings alone and never by a request's
//! headers.

use url::Url;

use crate::config::{Config, ConfigError, SameSite};

/// The server's public URL, and the origins whose pages may act for a signed-in user.
#[derive(Debug, Clone)]
pub struct Site {
    /// The base of every link.
    pub public_url: Url,
    /// The server's own origins and the trusted ones, as browsers write them: `https://example.com`.
    origins: Vec<String>,
    /// The trusted origins without the server's own.
    trusted: Vec<String>,
    /// The site's name.
    pub name: String,
    /// The pages from which the browser sends the cookie.
    pub same_site: SameSite,
}

impl Site {
    /// Creates the site. Without a public URL it is http on localhost and 127.0.0.1, with the bound port. A
    /// Unix socket has no port, and is then reached by these names without one.
    ///
    /// # Errors
    /// When the cookie would have `SameSite=None` and not be Secure.
    pub fn new(config: &Config, port: Option<u16>) -> Result<Self, ConfigError> {
        let port = port.map_or(String::new(), |port| format!(":{port}"));
        let local = |host| Url::parse(&format!("http://{host}{port}"));
        let ours = match &config.site.public_url {
            Some(url) => vec![url.clone()],
            None => vec![local("localhost")?, local("127.0.0.1")?],
        };
        let trusted = config.site.trusted_origins().to_vec();
        let site = Self {
            public_url: ours[0].clone(),
            origins: ours.iter().filter_map(origin_of).chain(trusted.clone()).collect(),
            trusted,
            name: config.site.name.clone(),
            same_site: config.site.cookie_same_site,
        };
        if site.same_site == SameSite::None && !site.is_secure() {
            return Err(ConfigError::InsecureCookie);
        }
        Ok(site)
    }

    /// Returns an absolute URL of this site, for an email: it is based on the public URL, whatever a request
    /// contained.
    #[must_use]
    pub fn link(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.public_url.clone();
        url.set_path(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Returns the trusted origins besides the server's own: those that CORS allows.
    #[must_use]
    pub fn trusted_origins(&self) -> &[String] {
        &self.trusted
    }

    /// Returns whether a URL is on a trusted origin that is not the server's own.
    #[must_use]
    pub fn is_elsewhere(&self, url: &Url) -> bool {
        origin_of(url).is_some_and(|origin| self.trusted.contains(&origin))
    }

    /// Returns whether pages of this origin may act for a signed-in user. It is compared as the text that
    /// browsers send: a URL parser knows no origin for an app's own scheme, and maps several texts to the same
    /// one.
    #[must_use]
    pub fn trusts_origin(&self, origin: &str) -> bool {
        self.origins.iter().any(|trusted| trusted == origin)
    }

    /// Returns whether the page at this URL has an origin that may act for a signed-in user.
    #[must_use]
    pub fn trusts_page(&self, url: &str) -> bool {
        let origin = Url::parse(url).ok().and_then(|url| origin_of(&url));
        origin.is_some_and(|origin| self.trusts_origin(&origin))
    }

    /// Returns whether the public URL is https.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.public_url.scheme() == "https"
    }
}

/// Returns a URL's origin, as browsers write it in the Origin header. Other schemes, such as `capacitor` and
/// `tauri`, are created by apps; according to the URL standard they have no origin.
#[must_use]
#[doc(hidden)]
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
