//! The headers of all responses that tell browsers what to forbid, as the OWASP Secure Headers Project recommends, and
//! `Cache-Control`.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CROSS_ORIGIN_OPENER_POLICY,
    CROSS_ORIGIN_RESOURCE_POLICY, HeaderMap, HeaderName, HeaderValue, PERMISSIONS_POLICY,
    REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

use crate::{docs, routes::ASSETS};

/// The kind of content, which determines the response's Content-Security-Policy: for most, data only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Data,
    Docs,
    Assets,
}

impl Content {
    pub(super) fn of(path: &str) -> Self {
        if path.starts_with("/docs/") || path == "/openapi.json" {
            Self::Docs
        } else if path.starts_with(ASSETS) {
            Self::Assets
        } else {
            Self::Data
        }
    }

    const fn content_security_policy(self) -> &'static str {
        match self {
            Self::Docs => docs::CONTENT_SECURITY_POLICY,
            Self::Data | Self::Assets => {
                "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
            }
        }
    }
}

/// Adds the headers: over https, where `secure` says so, also Strict-Transport-Security (RFC 6797). A response keeps its
/// own Content-Security-Policy.
pub(super) fn add(headers: &mut HeaderMap, secure: bool, content: Content) {
    let mut set = |name: HeaderName, value| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    set(CROSS_ORIGIN_OPENER_POLICY, "same-origin");
    set(CROSS_ORIGIN_RESOURCE_POLICY, "same-origin");
    set(PERMISSIONS_POLICY, "camera=(), geolocation=(), microphone=()");
    if secure {
        set(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    // The pages have another one.
    if !headers.contains_key(REFERRER_POLICY) {
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        let policy = HeaderValue::from_static(content.content_security_policy());
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    let kept = headers.contains_key(CACHE_CONTROL);
    if content == Content::Data || !kept {
        // Access to a response is decided for each request, so no cache may decide it again. Nor may a missing
        // asset be cached: a newer instance may have it.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
