//! The cookie of a passkey ceremony. It is no credential: the gate does not read it.

use actix_web::{HttpRequest, cookie::Cookie};

use super::second_factor_cookies::{build, presented};
use crate::{secrets::CeremonySecret, site::Site, store::passkey_ceremonies::CEREMONY_LIFETIME};

const CEREMONY: &str = "passkey";

/// Returns the secret of the passkey ceremony that has begun in this browser.
#[must_use]
pub fn secret(site: &Site, request: &HttpRequest) -> Option<CeremonySecret> {
    presented(site, request, CEREMONY).map(CeremonySecret::presented)
}

/// Creates the cookie of a passkey ceremony.
#[must_use]
pub fn begin(site: &Site, secret: &CeremonySecret) -> Cookie<'static> {
    build(site, CEREMONY, secret.reveal(), Some(CEREMONY_LIFETIME))
}

/// Creates the cookie that removes it.
#[must_use]
pub fn end(site: &Site) -> Cookie<'static> {
    build(site, CEREMONY, "", None)
}
