//! Redirects a browser after it has followed a mailed link.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, HttpResponse, dev::Payload, http::header::LOCATION};
use serde::Deserialize;
use url::Url;
use utoipa::IntoParams;
use validator::Validate;

use crate::{
    error::{Code, Error},
    gate::{Access, DeclaresAccess, next::trusted_callback},
    site::Site,
    state::State,
};

/// The built-in page on which a password is chosen.
const RESET_PAGE: &str = "/reset-password";

/// What a link carries.
#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Following {
    /// The link's secret.
    pub token: String,
    /// Where to redirect to.
    #[serde(rename = "callbackURL")]
    pub callback_url: Option<String>,
}

/// DeclaresAccess that following the link has a one-time effect.
pub struct Once;

impl FromRequest for Once {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self))
    }
}

impl DeclaresAccess for Once {
    const ACCESS: Access = Access { once: true, ..Access::UNGATED };
}

/// Returns a callback unchanged if it is on this site or on a trusted origin, to prevent open redirects.
pub(super) fn checked(
    callback: Option<String>,
    site: &Site,
    refusal: Code,
) -> Result<Option<String>, Error> {
    match callback {
        Some(url) if !trusted_callback(&url, site) => Err(refusal.into()),
        callback => Ok(callback),
    }
}

/// Returns the page that a password reset link leads to; `None` for the built-in page.
///
/// A page that cannot handle the link would leave the user stuck. Of the built-in pages only `/reset-password`
/// handles it; if the pages are disabled, every path on this origin belongs to the product.
pub(super) fn reset_page(
    redirect_to: Option<String>,
    state: &State,
) -> Result<Option<String>, Error> {
    let Some(page) = checked(redirect_to, &state.site, Code::InvalidRedirectUrl)? else {
        return Ok(None);
    };
    let whole = absolute(&page, &state.site);
    if !state.config.site.has_pages() || state.site.is_elsewhere(&whole) {
        return Ok(Some(page));
    }
    match whole.path() {
        RESET_PAGE => Ok(None),
        _ => Err(Code::InvalidRedirectUrl.into()),
    }
}

/// Returns a validated callback as an absolute URL, in the ASCII that a header can contain.
pub(super) fn absolute(callback: &str, site: &Site) -> Url {
    site.public_url.join(callback).unwrap_or_else(|_| site.public_url.clone())
}

/// Redirects to a validated callback, with a query parameter for its page.
pub(super) fn redirect(
    callback: &str,
    site: &Site,
    parameter: Option<(&str, &str)>,
) -> HttpResponse {
    let mut url = absolute(callback, site);
    if let Some((name, value)) = parameter {
        let ours = |(name, _): &(String, String)| name == "token" || name == "error";
        let mut chosen: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        // The caller who requested the link chose the query, and must not be able to forge these parameters.
        if chosen.iter().any(ours) {
            chosen.retain(|pair| !ours(pair));
            url.query_pairs_mut().clear().extend_pairs(chosen);
        }
        url.query_pairs_mut().append_pair(name, value);
    }
    HttpResponse::Found().insert_header((LOCATION, url.as_str())).finish()
}
