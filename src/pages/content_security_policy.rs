//! The Content-Security-Policy of the pages, and what a page of a product may add to it.

use url::Url;

/// The policy: only this site's resources, and nothing inline (CSP 3).
const DIRECTIVES: [(&str, &str); 9] = [
    ("default-src", "'none'"),
    ("script-src", "'self'"),
    ("style-src", "'self'"),
    ("img-src", "'self'"),
    ("connect-src", "'self'"),
    ("form-action", "'self'"),
    ("base-uri", "'none'"),
    ("frame-ancestors", "'none'"),
    ("require-trusted-types-for", "'script'"),
];

/// What a page may get from another origin, or send to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Directive {
    /// Scripts.
    ScriptSrc,
    /// Stylesheets.
    StyleSrc,
    /// Images; of these, `data:` URLs as well.
    ImgSrc,
    /// Fonts.
    FontSrc,
    /// Sound and video.
    MediaSrc,
    /// Pages in a frame.
    FrameSrc,
    /// Requests of a script, and connections with `wss:`.
    ConnectSrc,
    /// The targets of forms.
    FormAction,
}

impl Directive {
    const fn name(self) -> &'static str {
        match self {
            Self::ScriptSrc => "script-src",
            Self::StyleSrc => "style-src",
            Self::ImgSrc => "img-src",
            Self::FontSrc => "font-src",
            Self::MediaSrc => "media-src",
            Self::FrameSrc => "frame-src",
            Self::ConnectSrc => "connect-src",
            Self::FormAction => "form-action",
        }
    }

    /// Returns whether a page may add this source: an origin with https, as browsers write it, and no keyword or pattern,
    /// which would allow more than can be listed.
    pub(crate) fn allows(self, source: &str) -> bool {
        if source == "data:" {
            return self == Self::ImgSrc;
        }
        let Ok(url) = Url::parse(source) else { return false };
        let is_secure =
            url.scheme() == "https" || (url.scheme() == "wss" && self == Self::ConnectSrc);
        is_secure && !source.contains('*') && url.origin().ascii_serialization() == source
    }
}

/// Returns the policy with these sources added.
pub(super) fn policy(added: &[(Directive, &str)]) -> String {
    let sources = |name: &str| {
        let of_this = added.iter().filter(move |(directive, _)| directive.name() == name);
        of_this.fold(String::new(), |text, (_, source)| format!("{text} {source}"))
    };
    let known = DIRECTIVES.map(|(name, own)| format!("{name} {own}{}", sources(name)));
    let others =
        [Directive::FontSrc, Directive::MediaSrc, Directive::FrameSrc].map(Directive::name);
    let others = others.into_iter().filter(|name| !sources(name).is_empty());
    let others = others.map(|name| format!("{name} 'self'{}", sources(name)));
    known.into_iter().chain(others).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_adds_only_origins_with_https() {
        for source in ["https://images.example.com", "https://example.com:8443"] {
            assert!(Directive::ImgSrc.allows(source), "{source}");
            assert!(Directive::ScriptSrc.allows(source), "{source}");
        }
        for source in [
            "'unsafe-inline'",
            "'unsafe-eval'",
            "'self'",
            "*",
            "https:",
            "https://*.example.com",
            "https://example.com/",
            "https://example.com/path",
            "https://user@example.com",
            "https://EXAMPLE.com",
            "https://example.com https://evil.example",
            "https://example.com;script-src *",
            "http://example.com",
            "blob:",
            "data:text/html,x",
            "",
        ] {
            assert!(!Directive::ImgSrc.allows(source), "{source}");
            assert!(!Directive::ScriptSrc.allows(source), "{source}");
        }
        assert!(Directive::ImgSrc.allows("data:") && !Directive::ScriptSrc.allows("data:"));
        let socket = "wss://live.example.com";
        assert!(Directive::ConnectSrc.allows(socket) && !Directive::ScriptSrc.allows(socket));
    }

    #[test]
    fn policy_has_what_a_page_adds_beside_its_own() {
        let own = policy(&[]);
        assert!(own.starts_with("default-src 'none'; script-src 'self'; "), "{own}");
        assert!(!own.contains("font-src"));
        let added = policy(&[
            (Directive::ImgSrc, "https://images.example.com"),
            (Directive::ImgSrc, "data:"),
            (Directive::FontSrc, "https://fonts.example.com"),
        ]);
        assert!(added.contains("img-src 'self' https://images.example.com data:;"), "{added}");
        assert!(added.ends_with("; font-src 'self' https://fonts.example.com"), "{added}");
    }
}
