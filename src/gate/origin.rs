//! The origin rule: protects against cross-site request forgery (CSRF).

use actix_web::{
    dev::RequestHead,
    http::header::{HeaderName, ORIGIN, REFERER},
};

use crate::{
    error::{Code, Error},
    site::Site,
};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Rejects an unsafe request that another site may have caused.
pub(super) fn check(head: &RequestHead, site: &Site, cookie: bool) -> Result<(), Error> {
    if head.method.is_safe() { Ok(()) } else { verify_origin(head, site, cookie) }
}

/// Rejects a request that another site may have caused (OWASP, CSRF Prevention: verify the origin with standard
/// headers).
///
/// The first header present decides: Origin, then Sec-Fetch-Site, then Referer. With none of them the caller is
/// no browser, which is allowed unless it sends a cookie: then it could be an old browser. A sign-in without
/// any cookie is checked as well, to prevent login CSRF, in which a page signs a visitor in as another user.
///
/// # Errors
/// Why the request is rejected.
pub fn verify_origin(head: &RequestHead, site: &Site, cookie: bool) -> Result<(), Error> {
    let header = |name| head.headers.get(name).map(|value| value.to_str().unwrap_or("null"));
    let fetch_site = header(FETCH_SITE);
    if fetch_site == Some("cross-site") && header(FETCH_MODE) == Some("navigate") {
        return Err(Code::CrossSiteNavigation.into());
    }
    match (header(ORIGIN), fetch_site, header(REFERER)) {
        (Some("null"), _, _) => Err(Code::MissingOrNullOrigin.into()),
        (Some(origin), _, _) if site.trusts_origin(origin) => Ok(()),
        (None, None, Some(referer)) if site.trusts_page(referer) => Ok(()),
        (None, None, None) if cookie => Err(Code::MissingOrNullOrigin.into()),
        (None, Some("same-origin" | "none"), _) | (None, None, None) => Ok(()),
        _ => Err(Code::InvalidOrigin.into()),
    }
}
