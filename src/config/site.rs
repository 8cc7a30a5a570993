//! The site as its users see it.

use clap::{Args, ValueEnum};
use url::Url;

use super::{List, parse};

/// The settings under the heading "Site" of `--help`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Site")]
#[group(skip)]
#[allow(rustdoc::bare_urls, reason = "this is the text of --help")]
pub struct SiteSettings {
    /// The public URL of this server, such as https://api.example.com, without a path. It determines the
    /// cookie's attributes, the origin that may send it, and every link; request headers never do. By
    /// default, http on localhost and 127.0.0.1
    #[arg(
        long,
        env = "PORTCULLIS_PUBLIC_URL",
        value_name = "URL",
        value_parser = parse::public_url,
        global = true
    )]
    pub public_url: Option<Url>,

    /// The name of this site in emails and on pages
    #[arg(
        long,
        env = "PORTCULLIS_NAME",
        default_value = crate::name::get().title.as_str(),
        value_name = "NAME",
        value_parser = parse::site_name,
        global = true
    )]
    pub name: String,

    /// Other origins, separated by commas, whose pages may act for a signed-in user (CORS with credentials)
    /// and to which links in emails may redirect: https://app.example.com, or an app's own scheme, such as
    /// capacitor://localhost
    #[arg(
        long,
        env = "PORTCULLIS_TRUSTED_ORIGINS",
        value_name = "ORIGINS",
        value_parser = parse::origins,
        global = true
    )]
    pub trusted_origins: Option<List<String>>,

    /// The SameSite attribute of the cookie: `lax` for pages of the same site (all of example.com, if the
    /// server is api.example.com), `none` for pages of other sites as well, over https only. Such a page
    /// must also be a trusted origin
    #[arg(
        long,
        env = "PORTCULLIS_COOKIE_SAME_SITE",
        default_value = "lax",
        value_name = "PAGES",
        global = true
    )]
    pub cookie_same_site: SameSite,

    /// The page to which a browser is redirected to sign in: a path, or a URL of a front end
    #[arg(
        long,
        env = "PORTCULLIS_LOGIN_URL",
        default_value = "/login",
        value_name = "URL",
        value_parser = parse::login_url,
        global = true
    )]
    pub login_url: String,

    /// Whether the HTML pages are served: sign-in, settings, administration
    #[cfg(feature = "pages")]
    #[arg(
        long,
        env = "PORTCULLIS_PAGES",
        default_value = "on",
        value_name = "STATE",
        global = true
    )]
    pub pages: Switch,

    /// Whether Swagger UI and the OpenAPI document are served
    #[arg(
        long,
        env = "PORTCULLIS_DOCS",
        default_value = "on",
        value_name = "STATE",
        global = true
    )]
    pub docs: Switch,
}

/// The pages from which the browser sends the cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SameSite {
    /// Those of the same site, and when following a link.
    Lax,
    /// Any; it must be Secure then.
    None,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

impl SiteSettings {
    /// Returns whether the HTML pages are served.
    #[must_use]
    pub fn has_pages(&self) -> bool {
        #[cfg(feature = "pages")]
        return self.pages == Switch::On;
        #[cfg(not(feature = "pages"))]
        false
    }

    /// Returns whether Swagger UI is served.
    #[must_use]
    pub fn has_swagger_ui(&self) -> bool {
        cfg!(feature = "swagger-ui") && self.docs == Switch::On
    }

    /// Returns the trusted origins besides the server's own, as browsers write them.
    #[must_use]
    pub fn trusted_origins(&self) -> &[String] {
        self.trusted_origins.as_deref().unwrap_or_default()
    }
}
