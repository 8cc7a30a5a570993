//! Where a browser goes on to when a link has been followed.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, HttpResponse, dev::Payload, http::header::LOCATION};
use serde::Deserialize;
use url::Url;
use utoipa::IntoParams;
use validator::Validate;

use crate::{
    config::Switch,
    error::{Code, Error},
    gate::{Access, Declares, next::trusted_callback},
    site::Site,
    state::State,
};

/// Our own page on which a password is chosen.
const RESET_PAGE: &str = "/reset-password";

/// What a link carries.
#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Following {
    /// The link's secret.
    pub token: String,
    /// Where to go on to.
    #[serde(rename = "callbackURL")]
    pub callback_url: Option<String>,
}

/// Says that following the link does something, once.
pub struct Once;

impl FromRequest for Once {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self))
    }
}

impl Declares for Once {
    const ACCESS: Access = Access { once: true, ..Access::UNGATED };
}

/// A place of ours or on a trusted origin, as it was sent; nowhere else may a link lead.
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

/// The page that a mailed link to choose a password leads to; none for our own.
///
/// A page that does not know what to do with the link would strand its reader. Of our own pages only
/// `/reset-password` does; with the pages turned off, whatever is served on this origin is the product's.
pub(super) fn reset_page(
    redirect_to: Option<String>,
    state: &State,
) -> Result<Option<String>, Error> {
    let Some(page) = checked(redirect_to, &state.site, Code::InvalidRedirectUrl)? else {
        return Ok(None);
    };
    let whole = absolute(&page, &state.site);
    if state.config.pages == Switch::Off || state.site.is_elsewhere(&whole) {
        return Ok(Some(page));
    }
    match whole.path() {
        RESET_PAGE => Ok(None),
        _ => Err(Code::InvalidRedirectUrl.into()),
    }
}

/// A checked callback as a whole URL, in the ASCII that a header can hold.
pub(super) fn absolute(callback: &str, site: &Site) -> Url {
    site.public_url.join(callback).unwrap_or_else(|_| site.public_url.clone())
}

/// On to a checked callback, with this to tell its page.
pub(super) fn redirect(callback: &str, site: &Site, told: Option<(&str, &str)>) -> HttpResponse {
    let mut url = absolute(callback, site);
    if let Some((name, value)) = told {
        let ours = |(name, _): &(String, String)| name == "token" || name == "error";
        let mut chosen: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        // Whoever asked for the link chose the query, and must not speak in our place.
        if chosen.iter().any(ours) {
            chosen.retain(|pair| !ours(pair));
            url.query_pairs_mut().clear().extend_pairs(chosen);
        }
        url.query_pairs_mut().append_pair(name, value);
    }
    HttpResponse::Found().insert_header((LOCATION, url.as_str())).finish()
}
